#ifndef KEYSVC_STORE_IDEMPOTENCY_ENDS_H_
#define KEYSVC_STORE_IDEMPOTENCY_ENDS_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "crypto/secret_key.h"
#include "store/sqlcipher_store.h"

namespace keysvc::store {

// Calls `visit` with principal and end of every idempotency row of an open store, expired ones too,
// in no order. Reads the whole table by a connection of its own: for a start, before anything is
// written. The errors of Store.
absl::Status VisitIdempotencyEnds(
    const SqlcipherOptions& options, const crypto::SecretKey<32>& key,
    const std::function<void(std::string_view principal, std::int64_t expires_ms)>& visit);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_IDEMPOTENCY_ENDS_H_
