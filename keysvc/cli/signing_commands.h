#ifndef KEYSVC_KEYSVC_CLI_SIGNING_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_SIGNING_COMMANDS_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/signing_service.pb.h"

namespace keysvc::cli {

struct SignOptions {
  std::string key;
  std::string in = "-";
  std::string lines;    // of Sign, instead of `in`: a file whose lines are signed one by one
  bool digest = false;  // what is in there is the hash of what is signed
  // Sign writes the bare signature there instead of showing it; Verify reads it from there.
  std::string signature_file;
  v1::SignatureEncoding encoding = v1::SIGNATURE_ENCODING_DER;
  v1::RsaPadding padding = v1::RSA_PADDING_PSS;
  std::string request_id;
};
ExitCode Sign(const Connection& connection, const SignOptions& options, Output& output);
// kNo for a wrong signature.
ExitCode Verify(const Connection& connection, const SignOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_SIGNING_COMMANDS_H_
