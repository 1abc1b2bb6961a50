#ifndef KEYSVC_KEYSVC_CLI_EXIT_CODE_H_
#define KEYSVC_KEYSVC_CLI_EXIT_CODE_H_

#include <string>

#include "absl/status/status.h"

namespace keysvc::cli {

// What the program ends with; docs/command_line.md explains them.
enum class ExitCode {
  kOk = 0,
  // The answer is no: refused, denied, a wrong signature, an export that was changed.
  kNo = 1,
  // The command line cannot be understood.
  kUsage = 2,
  // No answer: the service is away or too slow, or a file cannot be read or written.
  kUnavailable = 3,
};

ExitCode ExitCodeOf(const absl::Status& status);

// Says on standard error, in one line, "error: REASON: message (field)", and returns the exit code.
// Says nothing of OK.
ExitCode Report(const absl::Status& status);
// The same of a call that may have been carried out all the same: also says the id by which it is
// repeated.
ExitCode ReportRepeatable(const absl::Status& status, const std::string& request_id);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_EXIT_CODE_H_
