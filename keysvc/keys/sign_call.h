#ifndef KEYSVC_KEYSVC_KEYS_SIGN_CALL_H_
#define KEYSVC_KEYSVC_KEYS_SIGN_CALL_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "keysvc/keys/signature_budgets.h"
#include "keysvc/keys/signature_format.h"
#include "keysvc/keys/signer.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// One call of Signer, from what is to be signed to the record. Lives as long as a piece of it or
// the journal holds it. All its signatures are by one version of the key, or by the live ones of a
// shared key together.
class SignCall : public std::enable_shared_from_this<SignCall> {
 public:
  struct Services {
    KeyRegistry& registry;
    pkcs11::Hsm& hsm;
    audit::Journal& journal;
    store::Store& store;
    tokenizer::KeySource& keys;
    PublicKeys& public_keys;
    SignatureBudgets& budgets;
    const std::function<absl::Time()>& clock;
  };

  SignCall(Services services, const policy::Permit& permit, BatchSignRequest request,
           audit::Done<Signatures> done);

  void Run(const policy::Permit& permit, const InTurn& in_turn);

 private:
  // What is still to be signed, and what could not be whatever the key.
  absl::Status Prepare(const policy::Permit& permit);
  std::string Fingerprint() const;
  // The signatures kept for the request, if it is a repetition.
  absl::StatusOr<std::optional<Signatures>> FindEarlier() const;
  absl::StatusOr<std::vector<KeyVersion>> VersionsToSignBy() const;
  // The first that the limits let be signed.
  void SignAll(const policy::Permit& permit, const InTurn& in_turn);
  absl::StatusOr<Signature> MakeSignature(const SignatureFormat& format);
  // One use of a version that may sign so often only.
  absl::Status TakeUse(const KeyVersion& version);
  // Once nothing is left to sign.
  void Settle();
  void RecordFirst();
  absl::StatusOr<std::optional<store::IdempotencyRow>> Keep() const;
  void RecordAfterRace();
  void RecordRepetition(Signatures earlier);
  // The entry of these results.
  audit::Entry Describe(const Signatures& results) const;
  void Record(audit::Entry entry, absl::StatusOr<Signatures> value);
  void RecordFailure(const absl::Status& status);

  const Services services_;
  const BatchSignRequest request_;
  audit::Entry entry_;  // what every outcome's entry starts from
  audit::Done<Signatures> done_;
  std::vector<std::size_t> sound_;  // what a key can sign
  Signatures results_;
  std::vector<KeyVersion> versions_;           // the primary one first
  std::optional<SigningAllowance> allowance_;  // of an action that the policy limits
  std::atomic<std::size_t> left_ = 0;          // to sign
  std::atomic<bool> hsm_away_ = false;
  // With a request id only.
  tokenizer::RequestKeys keys_;
  std::string fingerprint_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGN_CALL_H_
