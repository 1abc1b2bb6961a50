#ifndef KEYSVC_KEYSVC_KEYS_MESSAGE_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_MESSAGE_SIGNATURE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// Empty is INVALID_ARGUMENT/FIELD_REQUIRED, more than 64 KiB MESSAGE_TOO_LARGE. `field` is what
// errors name.
absl::Status CheckMessage(std::string_view message, std::string_view field);

// A bare signature over a message as it is: for keys of the purposes sign and mac.
class MessageSignature : public SignatureFormat {
 public:
  MessageSignature(std::string message, SignatureEncoding encoding, RsaPadding padding);

  policy::Action action() const override { return policy::Action::kSign; }
  std::string_view method() const override { return "SigningService.Sign"; }
  absl::Status Check() const override { return CheckMessage(message_, "message"); }
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string message_;
  const SignatureEncoding encoding_;
  const RsaPadding padding_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_MESSAGE_SIGNATURE_H_
