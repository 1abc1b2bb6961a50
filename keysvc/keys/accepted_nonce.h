#ifndef KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_
#define KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "store/rows.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// A nonce that signed a message and was accepted by a call: a row that no second call can write
// while it lasts, in the table that keeps requests apart. It has the nonce's hash and not the
// nonce, and is sealed as a kept answer is. Immutable.
class AcceptedNonce {
 public:
  // Of the call, whose resource is the key that signed. Kept until `expires`, when the signature is
  // too old to be accepted anyway. A call without a request id has no repetition.
  AcceptedNonce(const audit::Entry& call, std::string_view nonce, absl::Time expires,
                tokenizer::RequestKeys keys);

  absl::StatusOr<store::IdempotencyRow> Row() const;

  // Once the row could not be written: whether it is of this same request, which is asked again.
  // The store's errors; DATA_LOSS/INTEGRITY_FAILURE when the row was changed.
  absl::StatusOr<bool> IsOfRepetition(store::Store& store, const audit::Journal& journal) const;

 private:
  const tokenizer::RequestKeys keys_;
  const std::string owner_;
  const std::string hash_;
  const std::string fingerprint_;
  const absl::Time expires_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_
