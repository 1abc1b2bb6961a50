#ifndef KEYSVC_KEYSVC_KEYS_SIGNER_H_
#define KEYSVC_KEYSVC_KEYS_SIGNER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "keysvc/keys/signature_format.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

struct SignRequest {
  KeyName key;
  std::shared_ptr<const SignatureFormat> format;
  std::string request_id;  // a UUID, or empty
  std::string trace_id;
};

// Signs inside the HSM. The algorithm is the key version's, never the request's. Every call is one
// record; blocks on the HSM until the signature is made, then completes on a journal thread. The
// permit must be for the key. Thread-safe; outlives the journal's last callback.
class Signer {
 public:
  Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal, store::Store& store,
         tokenizer::KeySource& keys, PublicKeys& public_keys,
         std::function<absl::Time()> clock = absl::Now);

  // With a request id, a repetition within 24 hours gets the same signature, and another content
  // INVALID_ARGUMENT/REQUEST_ID_REUSED.
  void Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done);

 private:
  struct SignCall;

  absl::Status Prepare(const policy::Permit& permit, SignCall& call) const;
  // The signature kept for the request, if it is a repetition.
  absl::StatusOr<std::optional<Signature>> FindEarlier(const SignCall& call) const;
  absl::StatusOr<Signature> MakeSignature(const SignRequest& request) const;
  void RecordFirst(std::shared_ptr<SignCall> call, Signature signature);
  void RecordAfterRace(std::shared_ptr<SignCall> call);
  void RecordRepetition(std::shared_ptr<SignCall> call, Signature signature);
  void Record(std::shared_ptr<SignCall> call, absl::StatusOr<Signature> signature);

  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  store::Store& store_;
  tokenizer::KeySource& keys_;
  PublicKeys& public_keys_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNER_H_
