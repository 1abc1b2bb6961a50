#include "keysvc/rpc/trouble_log.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);
constexpr absl::Duration kBetweenAlarms = absl::Minutes(1);
constexpr std::string_view kAlarm = "alarm: ";

bool IsOurTrouble(Reason reason) {
  const absl::StatusCode code = InfoOf(reason).code;
  return reason == Reason::kPinRefused || code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kDataLoss || code == absl::StatusCode::kUnavailable;
}

bool IsAlarm(Reason reason) {
  return IsLimit(reason) || InfoOf(reason).code == absl::StatusCode::kDataLoss ||
         reason == Reason::kAuditUnavailable || reason == Reason::kKeyUsesExhausted ||
         reason == Reason::kWrappedSecretInvalid || reason == Reason::kNoncesExhausted;
}

}  // namespace

TroubleLog::TroubleLog(Sink sink, std::function<absl::Time()> clock)
    : sink_(std::move(sink)), clock_(std::move(clock)) {}

void TroubleLog::Note(std::string_view action, const absl::Status& status,
                      std::string_view caller) {
  const std::optional<Reason> reason = ReasonOf(status);
  if (reason.has_value() && IsAlarm(*reason)) {
    return Alarm(InfoOf(*reason).name, IsLimit(*reason) ? caller : action,
                 {status.message().data(), status.message().size()});
  }
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

void TroubleLog::RecordIn(audit::Journal& journal) {
  const std::lock_guard lock(mutex_);
  journal_ = &journal;
}

void TroubleLog::Alarm(std::string_view word, std::string_view cause, std::string_view what) {
  audit::Entry entry;
  audit::Journal* journal = nullptr;
  {
    const std::lock_guard lock(mutex_);
    Cause& same = causes_[absl::StrCat(ToAbsl(word), ": ", ToAbsl(cause))];
    const absl::Time now = clock_();
    if (now < same.next_line) {
      ++same.left_out;
      return;
    }
    same.next_line = now + kBetweenAlarms;
    std::string line =
        absl::StrCat(ToAbsl(kAlarm), ToAbsl(word), ": ", ToAbsl(cause), ": ", ToAbsl(what));
    if (same.left_out > 0) absl::StrAppend(&line, " (", same.left_out, " more before)");
    entry.details["count"] = absl::StrCat(same.left_out + 1);
    same.left_out = 0;
    journal = journal_;
    sink_(line);
  }
  if (journal == nullptr) return;
  entry.action = "Alarm.Raised";
  entry.actor = "system";
  entry.reason = word;
  entry.details["cause"] = cause;
  // Where the log is away the line has to do.
  journal->Submit(std::move(entry), {}, [](const absl::StatusOr<audit::Receipt>& /*receipt*/) {});
}

void TroubleLog::PrintToStderr(const std::string& line) {
  // sd-daemon(3): systemd takes the priority from the start of the line.
  const bool alert = line.starts_with(kAlarm) && std::getenv("JOURNAL_STREAM") != nullptr;
  std::fprintf(stderr, "%s%s\n", alert ? "<1>" : "", line.c_str());
}

}  // namespace keysvc::rpc
