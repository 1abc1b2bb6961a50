#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_DIGEST_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_DIGEST_H_

#include <string>
#include <string_view>

#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A bare signature over a message of which only the hash is presented: by keys of the purpose sign.
class PresentedDigest : public PresentedSignature {
 public:
  PresentedDigest(std::string digest, std::string signature, SignatureEncoding encoding,
                  RsaPadding padding);

  std::string_view method() const override { return "SigningService.Verify"; }
  // Also INVALID_ARGUMENT/FIELD_INVALID, field "digest", when it is not as long as the key's hash.
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses an empty digest, and such a signature or one of more than 1 KiB.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string digest_;
  const std::string signature_;
  const SignatureEncoding encoding_;
  const RsaPadding padding_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_DIGEST_H_
