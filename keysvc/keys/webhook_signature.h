#ifndef KEYSVC_KEYSVC_KEYS_WEBHOOK_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_WEBHOOK_SIGNATURE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// The version of Standard Webhooks that a key of the purpose webhook signs with.
absl::StatusOr<std::string_view> WebhookAlgOf(const KeyParameters& parameters);

// A webhook (http/webhook.h), signed with the time as its timestamp: for keys of the purpose
// webhook. What the caller gets are the fields to send, each a line "name: value".
class WebhookSignature : public SignatureFormat {
 public:
  // `id` names the event, and is the same for every attempt to deliver it.
  WebhookSignature(std::string id, std::string payload);

  policy::Action action() const override { return policy::Action::kSignWebhook; }
  std::string_view method() const override { return "SigningService.SignWebhook"; }
  absl::Status Check() const override;
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string id_;
  const std::string payload_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_WEBHOOK_SIGNATURE_H_
