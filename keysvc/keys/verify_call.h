#ifndef KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_
#define KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/presented_signature.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/verifier.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"

namespace keysvc::keys {

// One call of Verifier, from what is presented to the record. Lives as long as a piece of it or the
// journal holds it.
class VerifyCall : public std::enable_shared_from_this<VerifyCall> {
 public:
  struct Services {
    KeyRegistry& registry;
    pkcs11::Hsm& hsm;
    audit::Journal& journal;
    PublicKeys& public_keys;
  };

  VerifyCall(Services services, const policy::Permit& permit, BatchVerifyRequest request,
             absl::Time now, audit::Done<Verifications> done);

  void Run(const policy::Permit& permit, const InTurn& in_turn);

 private:
  using Claims = PresentedSignature::Claims;

  // What is to be checked, and by which versions.
  absl::Status Prepare(const policy::Permit& permit);
  // The versions that may have made it, newest first. Never empty.
  absl::StatusOr<std::vector<KeyVersion>> Candidates() const;
  void CheckAll(const InTurn& in_turn);
  absl::StatusOr<Verification> Check(std::size_t index);
  absl::StatusOr<Verification> FindSigner(const PresentedSignature& presented,
                                          const Claims& claims);
  absl::StatusOr<bool> IsBy(const KeyVersion& version, const Claims& claims);
  audit::Entry Describe() const;
  void RecordResults();
  void Record(audit::Entry entry, absl::StatusOr<Verifications> value);

  const Services services_;
  const BatchVerifyRequest request_;
  const absl::Time now_;
  audit::Entry entry_;  // what every outcome's entry starts from
  audit::Done<Verifications> done_;
  std::vector<absl::StatusOr<Claims>> claims_;
  std::vector<std::size_t> readable_;
  std::vector<KeyVersion> candidates_;
  Verifications results_;
  std::atomic<std::size_t> left_ = 0;  // to check
  std::atomic<bool> hsm_away_ = false;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_
