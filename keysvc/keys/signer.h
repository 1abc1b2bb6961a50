#ifndef KEYSVC_KEYSVC_KEYS_SIGNER_H_
#define KEYSVC_KEYSVC_KEYS_SIGNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "crypto/public_key.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/signature.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

struct SignRequest {
  KeyName key;
  std::string message;  // 1 byte .. 64 KiB
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;
  std::string request_id;  // a UUID, or empty
  std::string trace_id;
};

struct VerifyRequest {
  KeyName key;
  std::uint32_t version = 0;  // 0: every version that may still process is tried, newest first
  std::string message;
  std::string signature;
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;
  std::string request_id;
  std::string trace_id;
};

// A wrong signature is a result, not an error.
struct Verification {
  bool valid = false;
  KeyVersionName key_version;  // the one that verified, when valid
};

// Signs inside the HSM and verifies in software (HMAC: in the HSM). The algorithm is the key
// version's, never the request's. Every call is one record; blocks on the HSM until the signature
// is made, then completes on a journal thread. The permit must be for the key, or for the version
// of it. Thread-safe; outlives the journal's last callback.
class Signer {
 public:
  Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal, store::Store& store,
         tokenizer::KeySource& keys, std::function<absl::Time()> clock = absl::Now);

  // With a request id, a repetition within 24 hours gets the same signature, and another content
  // INVALID_ARGUMENT/REQUEST_ID_REUSED.
  void Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done);
  void Verify(policy::Permit permit, VerifyRequest request, audit::Done<Verification> done);

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

  absl::StatusOr<Verification> CheckSignature(const policy::Permit& permit,
                                              const VerifyRequest& request);
  absl::StatusOr<bool> CheckWith(const KeyVersion& version, const VerifyRequest& request);
  absl::StatusOr<std::shared_ptr<const crypto::PublicKey>> PublicKeyOf(const KeyVersion& version);

  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  store::Store& store_;
  tokenizer::KeySource& keys_;
  std::function<absl::Time()> clock_;
  std::mutex public_keys_mutex_;
  // Parsed once; the key of a version never changes.
  std::map<KeyVersionName, std::shared_ptr<const crypto::PublicKey>> public_keys_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNER_H_
