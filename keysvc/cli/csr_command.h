#ifndef KEYSVC_KEYSVC_CLI_CSR_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_CSR_COMMAND_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/signing_service.pb.h"

namespace keysvc::cli {

struct CsrOptions {
  v1::CreateCertificateSigningRequestRequest request;  // without an id, a new one
  std::string out = "-";
  bool der = false;
};
// Writes the request for a certificate.
ExitCode CreateCertificateSigningRequest(const Connection& connection, const CsrOptions& options,
                                         Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_CSR_COMMAND_H_
