#ifndef KEYSVC_KEYSVC_KEYS_VERIFIER_H_
#define KEYSVC_KEYSVC_KEYS_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/presented_signature.h"
#include "keysvc/keys/public_keys.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"

namespace keysvc::keys {

struct VerifyRequest {
  KeyName key;
  // 0: the version that the signature names, or where it names none every one that may still
  // process is tried, newest first.
  std::uint32_t version = 0;
  std::shared_ptr<const PresentedSignature> presented;
  std::optional<absl::Duration> max_age;  // how long ago it may have been made, if that matters
  std::string request_id;
  std::string trace_id;
};

struct BatchVerifyRequest {
  KeyName key;
  std::uint32_t version = 0;                                         // as in VerifyRequest
  std::vector<std::shared_ptr<const PresentedSignature>> presented;  // of one kind, at least one
  std::optional<absl::Duration> max_age;
  std::string request_id;
  std::string trace_id;
};

// A wrong signature is a result, not an error.
struct Verification {
  Fault fault = Fault::kNone;
  KeyVersionName key_version;  // the one that verified, when nothing is wrong
  bool valid() const { return fault == Fault::kNone; }
};
using Verifications = std::vector<absl::StatusOr<Verification>>;

// Checks signatures in software (HMAC: in the HSM). Every call is one record; a MAC blocks on the
// HSM. Completes on a journal thread. The permit must be for the key, or for the version of it.
// Thread-safe; outlives the pieces of its calls and the journal's last callback.
class Verifier {
 public:
  Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
           PublicKeys& public_keys, std::function<absl::Time()> clock = absl::Now);

  // INVALID_ARGUMENT for what is not in the form that it is presented in.
  void Verify(policy::Permit permit, const VerifyRequest& request, audit::Done<Verification> done);

  // The same for several signatures, each a piece for `in_turn` and a result of its own, in order.
  // Once the HSM is away for one MAC, it is not asked for those that follow.
  void VerifyBatch(policy::Permit permit, BatchVerifyRequest request, const InTurn& in_turn,
                   audit::Done<Verifications> done);

 private:
  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  PublicKeys& public_keys_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFIER_H_
