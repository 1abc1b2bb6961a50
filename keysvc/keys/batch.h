// Calls of several items, and calls of one as the same.
#ifndef KEYSVC_KEYSVC_KEYS_BATCH_H_
#define KEYSVC_KEYSVC_KEYS_BATCH_H_

#include <functional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"

namespace keysvc::keys {

using Pieces = std::vector<absl::AnyInvocable<void()>>;

// Does the pieces of one call, each once, on threads that may wait for the HSM: at once or one
// after the other, before it returns or later.
using InTurn = std::function<void(Pieces)>;

// On the calling thread, before it returns.
inline void OneByOne(Pieces pieces) {
  for (auto& piece : pieces) piece();
}

// What answers a batch of one item, when `done` is what answers the item.
template <typename T>
audit::Done<std::vector<absl::StatusOr<T>>> ForOne(audit::Done<T> done) {
  using Batch = std::vector<absl::StatusOr<T>>;
  return [done = std::move(done)](absl::StatusOr<audit::Recorded<Batch>> batch) mutable {
    if (!batch.ok()) return done(std::move(batch).status());
    absl::StatusOr<T> item =
        batch->value.ok() ? std::move(batch->value->front()) : std::move(batch->value).status();
    done(audit::Recorded<T>{std::move(batch->receipt), std::move(item)});
  };
}

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_BATCH_H_
