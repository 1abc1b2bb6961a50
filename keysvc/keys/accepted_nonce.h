#ifndef KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_
#define KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/presented_signature.h"
#include "store/rows.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// For how long a nonce is kept, and so how old a signature may be that is accepted once. A sender
// who heard nothing may sign its message again, with the same nonce and a later time, for days.
constexpr absl::Duration kNonceKept = absl::Hours(24 * 31);

// The nonce of a signature that is accepted once, or what is signed where the form has no nonce: a
// row that no second call can write while it lasts, in the table that keeps requests apart. It has
// a MAC of the nonce, by the tenant's request key, and not the nonce, is sealed as a kept answer
// is, and ends with a minute. Immutable.
class AcceptedNonce {
 public:
  // Of the call, whose resource is the key that has to have signed. A call without a request id has
  // no repetition.
  AcceptedNonce(const audit::Entry& call, const PresentedSignature::Claims& claims,
                tokenizer::RequestKeys keys);

  // The key of a row's principal; nullopt when the row is of no accepted nonce.
  static std::optional<std::string_view> KeyOf(std::string_view principal);

  // What keeps it from being accepted again, and that `key_version` signed.
  absl::StatusOr<store::IdempotencyRow> Row(std::string_view key_version, absl::Time now) const;

  // Whether it was accepted before, by whichever request. The store's errors.
  absl::StatusOr<bool> IsKnown(store::Store& store, const audit::Journal& journal) const;

  // The key version that signed, when this same request, for this same signature, was answered
  // before. The store's errors; DATA_LOSS/INTEGRITY_FAILURE when the row was changed.
  absl::StatusOr<std::optional<std::string>> FindEarlier(store::Store& store,
                                                         const audit::Journal& journal) const;

 private:
  const tokenizer::RequestKeys keys_;
  const std::string owner_;
  const std::string name_;
  const std::string fingerprint_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_ACCEPTED_NONCE_H_
