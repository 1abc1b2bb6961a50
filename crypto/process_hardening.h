#ifndef KEYSVC_CRYPTO_PROCESS_HARDENING_H_
#define KEYSVC_CRYPTO_PROCESS_HARDENING_H_

#include <cstddef>

#include "absl/status/status.h"

namespace keysvc::crypto {

// To be called first in main, before the process holds a secret and before it has threads: umask
// 077, RLIMIT_CORE 0, not dumpable (no core, no ptrace by the same user), the secret arena of
// `locked_bytes` reserved, and mlockall where RLIMIT_MEMLOCK is unlimited (under a finite limit it
// would make later thread stacks fail). Refuses to go on (INVALID_ARGUMENT/CONFIG_INVALID) when
// SSLKEYLOGFILE or GRPC_TRACE are set, since both write secrets.
absl::Status HardenProcess(std::size_t locked_bytes);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_PROCESS_HARDENING_H_
