#ifndef KEYSVC_KEYSVC_CLI_VERIFICATION_H_
#define KEYSVC_KEYSVC_CLI_VERIFICATION_H_

#include <string>

#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/signing_service.pb.h"

namespace keysvc::cli {

// "TOO_OLD"; the number of one that a newer service may know.
std::string WordOf(v1::SignatureFault fault);

// Shows what a Verify call of a signed message answered. kNo for one that is not accepted.
template <typename Response>
ExitCode ShowVerification(const Response& response, Output& output) {
  Fields fields = {{"valid", response.valid()}, {"key_version", response.key_version()}};
  if (!response.valid()) fields.emplace_back("fault", WordOf(response.fault()));
  output.Show(fields);
  return response.valid() ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_VERIFICATION_H_
