#ifndef KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_
#define KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"

namespace keysvc::rpc {

// Tells the operator on stderr what went wrong inside the service, which callers are not told:
// INTERNAL, DATA_LOSS, UNAVAILABLE. At most one line a second, with how many were left out before
// it, so an outage does not fill a disk.
//
// What somebody has to look at is an alarm: a line "alarm: WORD: cause: what", at most one a minute
// for each word and cause, and a record Alarm.Raised where the log works. Alarms are never left out
// for other lines. Under systemd they carry the priority "alert". Thread-safe.
class TroubleLog {
 public:
  using Sink = std::function<void(const std::string& line)>;

  explicit TroubleLog(Sink sink = PrintToStderr, std::function<absl::Time()> clock = absl::Now);

  // From now on alarms are recorded there. The journal outlives every later call of this object.
  void RecordIn(audit::Journal& journal);

  // `action` is what records call the method, `caller` the principal, where there is one. Other
  // errors are ignored; stored data that is not what it was, a log that is away, a key that must
  // not encrypt any more and a caller who has used up a limit are alarms, the last by its name.
  void Note(std::string_view action, const absl::Status& status, std::string_view caller = {});
  // `word` is UPPER_SNAKE like a reason, `cause` what it is about. Neither holds a caller's text.
  void Alarm(std::string_view word, std::string_view cause, std::string_view what);

 private:
  static void PrintToStderr(const std::string& line);

  const Sink sink_;
  const std::function<absl::Time()> clock_;
  std::mutex mutex_;
  absl::Time next_line_ = absl::InfinitePast();
  std::uint64_t left_out_ = 0;
  struct Cause {
    absl::Time next_line = absl::InfinitePast();
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Cause> causes_;  // by word and cause
  audit::Journal* journal_ = nullptr;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_
