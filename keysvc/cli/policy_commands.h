#ifndef KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_

#include <string>

#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

// Both work offline. kNo for a policy with a fault, or when the answer is "denied".
ExitCode CheckPolicy(const std::string& file, Output& output);

struct ExplainOptions {
  std::string policy_file;
  std::string principal;
  std::string action;
  std::string resource;
  std::string purpose;
};
ExitCode ExplainPolicy(const ExplainOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_
