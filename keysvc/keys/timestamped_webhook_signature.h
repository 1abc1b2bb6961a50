#ifndef KEYSVC_KEYSVC_KEYS_TIMESTAMPED_WEBHOOK_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_TIMESTAMPED_WEBHOOK_SIGNATURE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// A webhook in the shape of http/timestamped_webhook.h, tagged with the time: for keys of the
// purpose timestamped-webhook. What the caller gets is the field to send, a line "name: value".
class TimestampedWebhookSignature : public SignatureFormat {
 public:
  // `field`: what the receiver calls it, in lower case.
  TimestampedWebhookSignature(std::string field, std::string payload);

  policy::Action action() const override { return policy::Action::kSignWebhook; }
  std::string_view method() const override { return "SigningService.SignWebhook"; }
  absl::Status Check() const override;
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string field_;
  const std::string payload_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_TIMESTAMPED_WEBHOOK_SIGNATURE_H_
