#ifndef KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_
#define KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keysvc::rpc {

// Tells the operator on stderr what went wrong inside the service, which callers are not told:
// INTERNAL, DATA_LOSS, UNAVAILABLE. At most one line a second, with how many were left out before
// it, so an outage does not fill a disk. Thread-safe.
class TroubleLog {
 public:
  using Sink = std::function<void(const std::string& line)>;

  explicit TroubleLog(Sink sink = PrintToStderr, std::function<absl::Time()> clock = absl::Now);

  // `action` is what records call the method. Other errors are ignored.
  void Note(std::string_view action, const absl::Status& status);

 private:
  static void PrintToStderr(const std::string& line);

  const Sink sink_;
  const std::function<absl::Time()> clock_;
  std::mutex mutex_;
  absl::Time next_line_ = absl::InfinitePast();
  std::uint64_t left_out_ = 0;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TROUBLE_LOG_H_
