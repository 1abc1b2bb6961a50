#ifndef KEYSVC_KEYSVC_RPC_LANE_H_
#define KEYSVC_KEYSVC_RPC_LANE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace keysvc::rpc {

// Threads behind a bounded queue, for work that may block. gRPC's own threads hand over to a lane
// and never wait. Work that hangs for ever keeps its thread; whenever others have waited for
// `stuck_after` because of it, a spare thread joins in. Thread-safe.
class Lane {
 public:
  using Work = absl::AnyInvocable<void()>;

  // `name`, at most 15 characters, is what the system calls the threads.
  Lane(std::size_t threads, std::size_t queue_limit, std::string name = "lane",
       std::size_t spare_threads = 0, absl::Duration stuck_after = absl::Seconds(5));
  // Stop(), if nobody did.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // False at once, with `work` dropped, when the queue is full or the lane has stopped.
  [[nodiscard]] bool Submit(Work work);

  // Does what was accepted, then ends the threads. Not from a lane's thread. Idempotent.
  void Stop();

 private:
  struct Waiting {
    Work work;
    std::chrono::steady_clock::time_point since;
  };

  void Run();
  void AddThreadLocked();

  const std::size_t queue_limit_;
  const std::string name_;
  const std::size_t thread_limit_;
  const std::chrono::nanoseconds stuck_after_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_LANE_H_
