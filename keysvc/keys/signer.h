#ifndef KEYSVC_KEYSVC_KEYS_SIGNER_H_
#define KEYSVC_KEYSVC_KEYS_SIGNER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "keysvc/keys/key_registry.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// kDer and kP1363 concern ECDSA; the signatures of other algorithms have one form.
enum class SignatureEncoding { kDer, kP1363 };
enum class RsaPadding { kPkcs1, kPss };

struct SignRequest {
  KeyName key;
  std::string message;
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;
  std::string request_id;
  std::string trace_id;
};

struct Signature {
  std::string bytes;
  KeyVersionName key_version;
  std::string
      algorithm;  // "ECDSA-P256-SHA256", "RSA-PSS-SHA256", "RSA-PKCS1-SHA256", "HMAC-SHA256"
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
// is made, then completes on a journal thread. Thread-safe.
class Signer {
 public:
  Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal, store::Store& store,
         tokenizer::KeySource& keys, std::function<absl::Time()> clock = absl::Now);

  void Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done);
  void Verify(policy::Permit permit, VerifyRequest request, audit::Done<Verification> done);

 private:
  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  store::Store& store_;
  tokenizer::KeySource& keys_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNER_H_
