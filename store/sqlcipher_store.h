#ifndef KEYSVC_STORE_SQLCIPHER_STORE_H_
#define KEYSVC_STORE_SQLCIPHER_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "crypto/secret_key.h"
#include "store/store.h"

namespace keysvc::store {

struct SqlcipherOptions {
  std::string path;
  std::string deployment;      // written at creation; another deployment's file is refused
  std::string environment;     // likewise
  std::size_t readers = 2;     // read-only connections
  std::size_t cache_mib = 64;  // page cache per connection
};

// More than are given in the ten seconds that no checkpoint outside covers yet.
inline constexpr std::int64_t kHandlesPassedOver = std::int64_t{1} << 20;

// The embedded store: one file under SQLCipher 4 (raw key, page 4096, HMAC-SHA256, WAL, synchronous
// FULL).
//
// Create makes a new, empty store; FAILED_PRECONDITION/STORE_FOREIGN when the file is there.
// Open refuses, each with its reason: a missing file (NOT_INITIALIZED), one that is not encrypted
// or not ours or of another key (STORE_FOREIGN), another deployment or environment (STORE_FOREIGN,
// ENVIRONMENT_MISMATCH), a newer schema (STORE_NEWER), one that a second process has open
// (STORE_IN_USE). An older schema is migrated, one version per transaction. What it finds may lack
// the end of what was committed, on a disk that lost it or by somebody's hand, so that it passes
// kHandlesPassedOver handles over: none of that time is given again, to another card.
absl::StatusOr<std::unique_ptr<Store>> CreateSqlcipherStore(const SqlcipherOptions& options,
                                                            const crypto::SecretKey<32>& key);
absl::StatusOr<std::unique_ptr<Store>> OpenSqlcipherStore(const SqlcipherOptions& options,
                                                          const crypto::SecretKey<32>& key);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_SQLCIPHER_STORE_H_
