#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_MESSAGE_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_MESSAGE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// FIELD_REQUIRED when it is empty, FIELD_INVALID when it has more than 1 KiB.
absl::Status CheckBareSignature(std::string_view signature);

// A bare signature or MAC over a message as it is: by keys of the purposes sign and mac.
class PresentedMessage : public PresentedSignature {
 public:
  PresentedMessage(std::string message, std::string signature, SignatureEncoding encoding,
                   RsaPadding padding);

  std::string_view method() const override { return "SigningService.Verify"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses an empty message and one of more than 64 KiB, and such a signature of more than 1 KiB.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string message_;
  const std::string signature_;
  const SignatureEncoding encoding_;
  const RsaPadding padding_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_MESSAGE_H_
