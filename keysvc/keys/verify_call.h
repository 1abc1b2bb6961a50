#ifndef KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_
#define KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/accepted_nonce.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/nonce_places.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/presented_signature.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/verifier.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// One call of Verifier, from what is presented to the record. Lives as long as a piece of it or the
// journal holds it.
class VerifyCall : public std::enable_shared_from_this<VerifyCall> {
 public:
  struct Services {
    KeyRegistry& registry;
    pkcs11::Hsm& hsm;
    audit::Journal& journal;
    store::Store& store;
    tokenizer::KeySource& keys;
    PublicKeys& public_keys;
    const PartnerKeys& partner_keys;
    NoncePlaces& nonce_places;
  };

  VerifyCall(Services services, const policy::Permit& permit, BatchVerifyRequest request,
             absl::Time now, audit::Done<Verifications> done);

  void Run(const policy::Permit& permit, const CheckTurns& turns);

 private:
  using Claims = PresentedSignature::Claims;

  // A key that may have made a signature.
  struct Candidate {
    std::string name;
    KeyParameters parameters;
    std::shared_ptr<const PublicHalf> half;  // null of MACs
    std::string hsm_label;                   // of MACs
    // One of what a signature has to call it by, if it names a key: its kid or its thumbprint, by
    // which it was called before it had a kid; or the partner's kid. Empty: anything.
    std::vector<std::string> key_ids;
  };

  // What is to be checked, and by which keys.
  absl::Status Prepare(const policy::Permit& permit);
  // In the order in which they are tried. Never empty.
  absl::StatusOr<std::vector<Candidate>> Candidates() const;
  absl::StatusOr<std::vector<Candidate>> OwnCandidates(const KeyVersionName& name) const;
  absl::StatusOr<Candidate> CandidateOf(const KeyVersion& version) const;
  absl::StatusOr<Candidate> CandidateOf(const PartnerKeyName& name) const;
  void CheckAll(const CheckTurns& turns);
  absl::StatusOr<Verification> Check(std::size_t index);
  absl::StatusOr<Verification> FindSigner(const PresentedSignature& presented,
                                          const Claims& claims);
  absl::StatusOr<bool> IsBy(const Candidate& candidate, const Claims& claims);
  audit::Entry Describe() const;
  void RecordResults();
  // The nonce of the only signature, to be accepted once.
  absl::StatusOr<AcceptedNonce> NonceToAccept() const;
  // Whether this request was answered before, and is answered so again.
  bool AnswerAgain();
  void AcceptOnce();
  // What it was to accept was accepted before, perhaps by this same request.
  void RefuseReplay();
  void Record(audit::Entry entry, absl::StatusOr<Verifications> value);

  const Services services_;
  const BatchVerifyRequest request_;
  const absl::Time now_;
  audit::Entry entry_;  // what every outcome's entry starts from
  audit::Done<Verifications> done_;
  std::vector<absl::StatusOr<Claims>> claims_;
  std::vector<std::size_t> readable_;
  std::vector<Candidate> candidates_;
  Verifications results_;
  std::optional<AcceptedNonce> nonce_;  // where one is accepted once
  std::atomic<std::size_t> left_ = 0;   // to check
  std::atomic<bool> hsm_away_ = false;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFY_CALL_H_
