#include "keysvc/cli/exit_code.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>

#include "status/reason.h"

namespace keysvc::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  // Only this program says so, of its own options.
  if (ReasonOf(status) == Reason::kConfigInvalid) return ExitCode::kUsage;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    // Another attempt may well succeed.
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return ExitCode::kUnavailable;
    default:
      return ExitCode::kNo;
  }
}

ExitCode Report(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  const std::optional<Reason> reason = ReasonOf(status);
  std::string line = "error: ";
  line += reason ? std::string(InfoOf(*reason).name) : absl::StatusCodeToString(status.code());
  line.append(": ").append(status.message().data(), status.message().size());
  if (const std::string field = FieldOf(status); !field.empty()) line += " (" + field + ")";
  // A message from afar must not move the cursor or start a second line.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c >= 0 && (c < 0x20 || c == 0x7f); }, ' ');
  std::cerr << line << std::endl;
  return ExitCodeOf(status);
}

ExitCode ReportRepeatable(const absl::Status& status, const std::string& request_id) {
  const ExitCode code = Report(status);
  if (code == ExitCode::kUnavailable) {
    std::cerr << "to go on: repeat with --request-id " << request_id << std::endl;
  }
  return code;
}

}  // namespace keysvc::cli
