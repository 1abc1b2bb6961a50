#ifndef KEYSVC_KEYSVC_KEYS_SIGNER_H_
#define KEYSVC_KEYSVC_KEYS_SIGNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "keysvc/keys/signature_budgets.h"
#include "keysvc/keys/signature_format.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "policy/policy.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

struct SignRequest {
  KeyName key;
  std::shared_ptr<const SignatureFormat> format;
  std::string request_id;  // a UUID, or empty
  std::string trace_id;
  // The primary one for 0, which always signs. Another is taken where it is primary, or waits to
  // become it (IsPrepared): for a certificate that is there before the version signs anything else.
  std::uint32_t version = 0;
};

struct BatchSignRequest {
  KeyName key;
  std::vector<std::shared_ptr<const SignatureFormat>> formats;  // of one kind, at least one
  std::string request_id;                                       // a UUID, or empty
  std::string trace_id;
  std::uint32_t version = 0;  // as above
};
using Signatures = std::vector<absl::StatusOr<Signature>>;

// Signs inside the HSM. The algorithm is the key version's, never the request's. Every call is one
// record. The permit must be for the key. Thread-safe; outlives the pieces of its calls and the
// journal's last callback.
class Signer {
 public:
  Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal, store::Store& store,
         tokenizer::KeySource& keys, PublicKeys& public_keys,
         std::function<absl::Time()> clock = absl::Now);

  // Before the first call: counts what the log says was signed before, against the policy's limits.
  // As RecountSignatures().
  absl::Status CountRecords(const policy::Policy& policy);

  // Blocks on the HSM until the signature is made, then completes on a journal thread. With a
  // request id, a repetition within 24 hours gets the same signature, and another content
  // INVALID_ARGUMENT/REQUEST_ID_REUSED. RESOURCE_EXHAUSTED/SIGNATURES_EXHAUSTED once the permit's
  // rule lets its caller, or the key, sign no more; what is not signed takes nothing.
  void Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done);

  // The same for several signatures by one version of the key, each a piece for `in_turn` and a
  // result of its own, in order. A repetition is answered as a whole; a batch is kept for that only
  // when nothing but the content of items kept them from being signed. Once the HSM is away for one
  // item, it is not asked for those that follow. Of what the limits do not let be signed whole, the
  // first items are.
  void SignBatch(policy::Permit permit, BatchSignRequest request, const InTurn& in_turn,
                 audit::Done<Signatures> done);

 private:
  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  store::Store& store_;
  tokenizer::KeySource& keys_;
  PublicKeys& public_keys_;
  std::function<absl::Time()> clock_;
  SignatureBudgets budgets_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNER_H_
