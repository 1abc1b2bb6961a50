#include "keysvc/rpc/trouble_log.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);

bool IsOurTrouble(Reason reason) {
  const absl::StatusCode code = InfoOf(reason).code;
  return reason == Reason::kPinRefused || code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kDataLoss || code == absl::StatusCode::kUnavailable;
}

}  // namespace

TroubleLog::TroubleLog(Sink sink, std::function<absl::Time()> clock)
    : sink_(std::move(sink)), clock_(std::move(clock)) {}

void TroubleLog::Note(std::string_view action, const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  if (reason.has_value() && !IsOurTrouble(*reason)) return;
  // The text of an error made elsewhere may hold input.
  const std::string what = reason.has_value()
                               ? absl::StrCat(ToAbsl(InfoOf(*reason).name), ": ", status.message())
                               : "INTERNAL: an error without a reason";
  const std::lock_guard lock(mutex_);
  const absl::Time now = clock_();
  if (now < next_line_) {
    ++left_out_;
    return;
  }
  next_line_ = now + kBetweenLines;
  std::string line = absl::StrCat(ToAbsl(action), ": ", what);
  if (left_out_ > 0) absl::StrAppend(&line, " (", left_out_, " more before)");
  left_out_ = 0;
  sink_(line);
}

void TroubleLog::PrintToStderr(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace keysvc::rpc
