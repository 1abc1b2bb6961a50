#ifndef KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

// All work offline. kNo for a policy with a fault, or when the answer is "denied".
ExitCode CheckPolicy(const std::string& file, Output& output);

struct ExplainOptions {
  std::string policy_file;
  std::string principal;
  std::string action;
  std::string resource;
  std::string purpose;
  std::string at;       // RFC 3339; empty: now
  std::string address;  // of the peer; empty: one in no range
  std::optional<std::uint32_t> risk_score;
};
ExitCode ExplainPolicy(const ExplainOptions& options, Output& output);

struct TestPolicyOptions {
  std::string policy_file;
  std::string cases_file;
};
// Runs the cases of a file (policy/policy_cases.h). kNo, and a line on standard error for each,
// when the policy decides any otherwise.
ExitCode TestPolicy(const TestPolicyOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_POLICY_COMMANDS_H_
