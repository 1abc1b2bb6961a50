#ifndef KEYSVC_STORE_PROCESS_LOCK_H_
#define KEYSVC_STORE_PROCESS_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace keysvc::store {

// Holds a lock file (flock) for as long as the object lives; the system lets go of it when the
// process ends, however it ends. A file of its own, because closing any descriptor of the database
// would drop SQLite's own locks on it.
class ProcessLock {
 public:
  // FAILED_PRECONDITION/STORE_IN_USE when somebody holds it, in this process or another;
  // UNAVAILABLE/STORE_UNAVAILABLE when the file cannot be made.
  static absl::StatusOr<ProcessLock> Take(const std::string& path);
  ProcessLock(ProcessLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  explicit ProcessLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_PROCESS_LOCK_H_
