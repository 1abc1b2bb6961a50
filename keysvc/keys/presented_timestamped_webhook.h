#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_TIMESTAMPED_WEBHOOK_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_TIMESTAMPED_WEBHOOK_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A webhook as it came in, in the shape of http/timestamped_webhook.h: by keys of the purpose
// timestamped-webhook. Its issue time is the timestamp.
class PresentedTimestampedWebhook : public PresentedSignature {
 public:
  // `field` is the name of the one that has the signature; the others do not matter.
  PresentedTimestampedWebhook(std::string field, std::vector<http::Field> fields,
                              std::string payload);

  std::string_view method() const override { return "SigningService.VerifyWebhook"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses a webhook that lacks the field, or has it twice or not in its form; an empty payload
  // and one of more than 64 KiB.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string field_;
  http::Message message_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_TIMESTAMPED_WEBHOOK_H_
