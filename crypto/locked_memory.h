#ifndef KEYSVC_CRYPTO_LOCKED_MEMORY_H_
#define KEYSVC_CRYPTO_LOCKED_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace keysvc::crypto {

// The process's arena for secrets: mmap + mlock, MADV_DONTDUMP, MADV_WIPEONFORK. Memory that cannot
// be locked is never handed out (it fails closed). All functions are thread-safe.

// Locks `bytes` for secrets before the first one exists. RESOURCE_EXHAUSTED/LOCKED_MEMORY when
// RLIMIT_MEMLOCK is too low; the message says what limit is needed. Without this call the first
// allocation reserves 1 MiB.
absl::Status ReserveLockedMemory(std::size_t bytes);

// A block of at least `size` bytes (1 .. 64 KiB), zeroed; nullptr when the arena is used up.
std::uint8_t* AllocateLocked(std::size_t size);

// Wipes the block over its whole capacity and gives it back. `size` as given to AllocateLocked.
void FreeLocked(std::uint8_t* block, std::size_t size) noexcept;

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_LOCKED_MEMORY_H_
