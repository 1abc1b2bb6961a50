#ifndef KEYSVC_BENCH_CHILD_PROCESS_H_
#define KEYSVC_BENCH_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keysvc::bench {

// Another program, ended when the object goes, and by the system should this process be killed.
// Not thread-safe; started by the thread that lives longest, because the system watches that one.
class ChildProcess {
 public:
  // Runs `arguments` (first the program, by its path or as PATH finds it) with this process's
  // environment; what it prints goes to the end of `log`. UNAVAILABLE when it cannot be started.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(std::vector<std::string> arguments,
                                                             std::string log);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }

  // What follows `start` on the first line of its output that begins with it. UNAVAILABLE, with the
  // last line it printed, when it ends before or does not say so in time.
  absl::StatusOr<std::string> AwaitLine(std::string_view start, absl::Duration patience);
  // Waits for its end; UNAVAILABLE unless it ends with 0.
  absl::Status Wait();
  // SIGTERM, then Wait().
  absl::Status Stop();

 private:
  ChildProcess(pid_t id, std::string log, off_t log_start)
      : id_(id), log_(std::move(log)), log_start_(log_start) {}

  bool Ended();
  std::string Output() const;
  absl::Status Failure(std::string_view what) const;

  pid_t id_;
  const std::string log_;
  const off_t log_start_;
  int exit_status_ = 0;
  bool ended_ = false;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_CHILD_PROCESS_H_
