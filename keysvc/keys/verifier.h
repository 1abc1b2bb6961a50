#ifndef KEYSVC_KEYSVC_KEYS_VERIFIER_H_
#define KEYSVC_KEYSVC_KEYS_VERIFIER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/nonce_places.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/presented_signature.h"
#include "keysvc/keys/public_keys.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// By whose key a signature should be: one of our own, or a partner's. Version 0 of a key: the one
// that the signature names, or where it names none every one that may still process is tried,
// newest first.
using VerifyingKeyName = std::variant<KeyVersionName, PartnerKeyName>;
// What the permit has to be for: the key, or the partner's key.
std::string ResourceOf(const VerifyingKeyName& name);

struct VerifyRequest {
  VerifyingKeyName key;
  std::shared_ptr<const PresentedSignature> presented;
  std::optional<absl::Duration> max_age;  // how long ago it may have been made, if that matters
  // Accepts a nonce by this key once in kNonceKept, whatever the time that it was signed at
  // (Fault::kReplayed), and of forms that have none the same for what is signed; with a `max_age`
  // of at most that. A repetition of the request, which needs a request id, is answered as the
  // first one was.
  bool once = false;
  std::string request_id;
  std::string trace_id;
};

struct BatchVerifyRequest {
  VerifyingKeyName key;
  std::vector<std::shared_ptr<const PresentedSignature>> presented;  // of one kind, at least one
  std::optional<absl::Duration> max_age;
  bool once = false;  // of one signature only
  std::string request_id;
  std::string trace_id;
};

// A wrong signature is a result, not an error.
struct Verification {
  Fault fault = Fault::kNone;
  // The key version, or the partner's key, that verified when nothing is wrong.
  std::string key_version;
  bool valid() const { return fault == Fault::kNone; }
};
using Verifications = std::vector<absl::StatusOr<Verification>>;

// Where the checks of a call are done: what takes a processor, and what waits for the HSM.
struct CheckTurns {
  InTurn in_software = OneByOne;
  // False, with the pieces dropped, when too much of the caller's waits for the HSM.
  std::function<bool(Pieces)> in_hsm = [](Pieces pieces) {
    OneByOne(std::move(pieces));
    return true;
  };
};

// Checks signatures in software (MACs: in the HSM). Every call is one record. Completes on a
// journal thread.
// Thread-safe; outlives the pieces of its calls and the journal's last callback.
class Verifier {
 public:
  Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal, store::Store& store,
           tokenizer::KeySource& keys, PublicKeys& public_keys, const PartnerKeys& partner_keys,
           NoncePlaces& nonce_places, std::function<absl::Time()> clock = absl::Now);

  // INVALID_ARGUMENT for what is not in the form that it is presented in;
  // RESOURCE_EXHAUSTED/OVERLOADED where `turns` take no more, and /NONCES_EXHAUSTED where what is
  // to be accepted once finds no place.
  void Verify(policy::Permit permit, const VerifyRequest& request, audit::Done<Verification> done,
              const CheckTurns& turns = {});

  // The same for several signatures, each a piece of its own and a result of its own, in order.
  // Once the HSM is away for one MAC, it is not asked for those that follow.
  void VerifyBatch(policy::Permit permit, BatchVerifyRequest request, const CheckTurns& turns,
                   audit::Done<Verifications> done);

 private:
  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  store::Store& store_;
  tokenizer::KeySource& keys_;
  PublicKeys& public_keys_;
  const PartnerKeys& partner_keys_;
  NoncePlaces& nonce_places_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFIER_H_
