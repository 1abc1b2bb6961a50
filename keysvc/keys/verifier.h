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
#include "audit/entry.h"
#include "audit/journal.h"
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

// A wrong signature is a result, not an error.
struct Verification {
  Fault fault = Fault::kNone;
  KeyVersionName key_version;  // the one that verified, when nothing is wrong
  bool valid() const { return fault == Fault::kNone; }
};

// Checks signatures in software (HMAC: in the HSM). Every call is one record; a MAC blocks on the
// HSM. Completes on a journal thread. The permit must be for the key, or for the version of it.
// Thread-safe; outlives the journal's last callback.
class Verifier {
 public:
  Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
           PublicKeys& public_keys, std::function<absl::Time()> clock = absl::Now);

  // INVALID_ARGUMENT for what is not in the form that it is presented in.
  void Verify(policy::Permit permit, const VerifyRequest& request, audit::Done<Verification> done);

 private:
  absl::StatusOr<Verification> Check(const policy::Permit& permit, const VerifyRequest& request);
  // The versions that may have made it, newest first. Never empty.
  absl::StatusOr<std::vector<KeyVersion>> Candidates(const KeyName& key,
                                                     std::uint32_t version) const;
  absl::StatusOr<Verification> FindSigner(const PresentedSignature& presented,
                                          const PresentedSignature::Claims& claims,
                                          const std::vector<KeyVersion>& candidates);
  absl::StatusOr<bool> IsBy(const KeyVersion& version, const PresentedSignature::Claims& claims);

  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  PublicKeys& public_keys_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFIER_H_
