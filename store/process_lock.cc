#include "store/process_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "status/reason.h"

namespace keysvc::store {

absl::StatusOr<ProcessLock> ProcessLock::Take(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Error(Reason::kStoreUnavailable, "the store's lock file cannot be opened");
  }
  ProcessLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return Error(Reason::kStoreInUse, "another process has the store open");
  }
  return Error(Reason::kStoreUnavailable, "the store's lock file cannot be locked");
}

ProcessLock::~ProcessLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace keysvc::store
