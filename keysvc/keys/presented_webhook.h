#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_WEBHOOK_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_WEBHOOK_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A webhook as it came in (http/webhook.h): by keys of the purpose webhook. Its issue time is the
// timestamp.
class PresentedWebhook : public PresentedSignature {
 public:
  // Fields beside the three of a webhook do not matter.
  PresentedWebhook(std::vector<http::Field> fields, std::string payload);

  std::string_view method() const override { return "SigningService.VerifyWebhook"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses a webhook that lacks one of the three fields, or has one twice or not in its form; an
  // empty payload and one of more than 64 KiB.
  absl::StatusOr<Claims> Read() const override;

 private:
  http::Message message_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_WEBHOOK_H_
