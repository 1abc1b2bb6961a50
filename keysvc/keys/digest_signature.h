#ifndef KEYSVC_KEYSVC_KEYS_DIGEST_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_DIGEST_SIGNATURE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// The signature scheme of such a key for a digest. FAILED_PRECONDITION with KEY_PURPOSE_MISMATCH,
// or with ALGORITHM_UNSUPPORTED for algorithms that take messages only;
// INVALID_ARGUMENT/FIELD_INVALID, field "digest", for one that is not as long as the algorithm's
// hash.
absl::StatusOr<SignatureScheme> DigestSchemeOf(const KeyParameters& parameters, RsaPadding padding,
                                               std::string_view digest);

// A bare signature over a message of which its caller gives the hash alone: for keys of the purpose
// sign. Nobody here knows what is signed, so that it takes a right of its own besides that of bare
// messages, which the caller of Signer has asked for.
class DigestSignature : public SignatureFormat {
 public:
  DigestSignature(std::string digest, SignatureEncoding encoding, RsaPadding padding);

  policy::Action action() const override { return policy::Action::kSignDigest; }
  std::string_view method() const override { return "SigningService.Sign"; }
  // FIELD_REQUIRED when it is empty.
  absl::Status Check() const override;
  // As DigestSchemeOf: whether it is a digest depends on the key's hash.
  absl::Status CheckFor(const KeyParameters& parameters) const override;
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string digest_;
  const SignatureEncoding encoding_;
  const RsaPadding padding_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_DIGEST_SIGNATURE_H_
