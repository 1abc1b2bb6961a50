#ifndef KEYSVC_KEYSVC_RPC_LANE_H_
#define KEYSVC_KEYSVC_RPC_LANE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "keysvc/rpc/fair_queue.h"

namespace keysvc::rpc {

// Threads behind a queue, for work that may block. gRPC's own threads hand over to a lane and never
// wait. Principals take turns, so that one who asks for much delays the others by little, and what
// waits of each is bounded. Work that hangs for ever keeps its thread; whenever others have waited
// for `stuck_after` because of it, a spare thread joins in. Thread-safe.
class Lane {
 public:
  using Work = absl::AnyInvocable<void()>;

  // `queue_limit`: how much of one principal's work may wait. `name`, at most 15 characters, is
  // what the system calls the threads.
  Lane(std::size_t threads, std::size_t queue_limit, std::string name = "lane",
       std::size_t spare_threads = 0, absl::Duration stuck_after = absl::Seconds(5));
  // Stop(), if nobody did.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // False at once, with `work` dropped, when too much of the principal's waits or the lane has
  // stopped.
  [[nodiscard]] bool Submit(std::string_view principal, Work work);

  // What work that was accepted goes on as, from the lane's own threads: each piece takes a turn,
  // before the principal's other work, so that of each principal no more calls are begun than there
  // are threads. Is never refused, takes no place from what may wait, and is done before the lane
  // stops.
  void Continue(std::string_view principal, std::vector<Work> pieces);

  // Does what was accepted, then ends the threads. Not from a lane's thread. Idempotent.
  void Stop();

 private:
  struct Waiting {
    Work work;
    std::chrono::steady_clock::time_point since;
  };

  void Run();
  void AddThreadLocked();

  const std::string name_;
  const std::size_t thread_limit_;
  const std::chrono::nanoseconds stuck_after_;
  std::mutex mutex_;
  std::condition_variable wake_;
  FairQueue<Waiting> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_LANE_H_
