#include "keysvc/keys/signer.h"

#include <utility>

#include "keysvc/keys/sign_call.h"
#include "keysvc/keys/signature_history.h"

namespace keysvc::keys {

Signer::Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
               store::Store& store, tokenizer::KeySource& keys, PublicKeys& public_keys,
               std::function<absl::Time()> clock)
    : registry_(registry),
      hsm_(hsm),
      journal_(journal),
      store_(store),
      keys_(keys),
      public_keys_(public_keys),
      clock_(std::move(clock)) {}

absl::Status Signer::CountRecords(const policy::Policy& policy) {
  return RecountSignatures(store_, policy, journal_.SteadyTime(), budgets_);
}

void Signer::Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done) {
  BatchSignRequest one{std::move(request.key),
                       {std::move(request.format)},
                       std::move(request.request_id),
                       std::move(request.trace_id),
                       request.version};
  SignBatch(std::move(permit), std::move(one), OneByOne, ForOne(std::move(done)));
}

void Signer::SignBatch(policy::Permit permit, BatchSignRequest request, const InTurn& in_turn,
                       audit::Done<Signatures> done) {
  const SignCall::Services services{registry_, hsm_,         journal_, store_,
                                    keys_,     public_keys_, budgets_, clock_};
  std::make_shared<SignCall>(services, permit, std::move(request), std::move(done))
      ->Run(permit, in_turn);
}

}  // namespace keysvc::keys
