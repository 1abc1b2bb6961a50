#include "crypto/process_hardening.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "crypto/locked_memory.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {

absl::Status HardenProcess(std::size_t locked_bytes) {
  for (const char* name : {"SSLKEYLOGFILE", "GRPC_TRACE"}) {
    if (std::getenv(name) != nullptr) {
      return Error(Reason::kConfigInvalid,
                   std::string("the environment variable ") + name + " must not be set");
    }
  }
  umask(S_IRWXG | S_IRWXO);
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return Error(Reason::kInternal, "core files cannot be turned off");
  }
  RETURN_IF_ERROR(ReserveLockedMemory(locked_bytes));
  rlimit lockable{};
  if (getrlimit(RLIMIT_MEMLOCK, &lockable) == 0 && lockable.rlim_cur == RLIM_INFINITY &&
      mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    return Error(Reason::kLockedMemory, "the memory of the process cannot be locked");
  }
  return absl::OkStatus();
}

}  // namespace keysvc::crypto
