#include "keysvc/keys/verifier.h"

#include <utility>

#include "keysvc/keys/verify_call.h"

namespace keysvc::keys {

std::string ResourceOf(const VerifyingKeyName& name) {
  if (const auto* partners = std::get_if<PartnerKeyName>(&name)) return partners->ToString();
  return std::get<KeyVersionName>(name).key.ToString();
}

Verifier::Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
                   store::Store& store, tokenizer::KeySource& keys, PublicKeys& public_keys,
                   const PartnerKeys& partner_keys, NoncePlaces& nonce_places,
                   std::function<absl::Time()> clock)
    : registry_(registry),
      hsm_(hsm),
      journal_(journal),
      store_(store),
      keys_(keys),
      public_keys_(public_keys),
      partner_keys_(partner_keys),
      nonce_places_(nonce_places),
      clock_(std::move(clock)) {}

void Verifier::Verify(policy::Permit permit, const VerifyRequest& request,
                      audit::Done<Verification> done, const CheckTurns& turns) {
  BatchVerifyRequest one{.key = request.key,
                         .presented = {request.presented},
                         .max_age = request.max_age,
                         .once = request.once,
                         .request_id = request.request_id,
                         .trace_id = request.trace_id};
  VerifyBatch(std::move(permit), std::move(one), turns, ForOne(std::move(done)));
}

void Verifier::VerifyBatch(policy::Permit permit, BatchVerifyRequest request,
                           const CheckTurns& turns, audit::Done<Verifications> done) {
  const VerifyCall::Services services{registry_, hsm_,         journal_,      store_,
                                      keys_,     public_keys_, partner_keys_, nonce_places_};
  std::make_shared<VerifyCall>(services, permit, std::move(request), clock_(), std::move(done))
      ->Run(permit, turns);
}

}  // namespace keysvc::keys
