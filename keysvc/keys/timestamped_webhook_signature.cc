#include "keysvc/keys/timestamped_webhook_signature.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/canonical.h"
#include "http/timestamped_webhook.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

TimestampedWebhookSignature::TimestampedWebhookSignature(std::string field, std::string payload)
    : field_(std::move(field)), payload_(std::move(payload)) {}

absl::Status TimestampedWebhookSignature::Check() const {
  if (!http::IsSignatureField(field_)) {
    return Error(Reason::kFieldInvalid, "a field's name is 1 to 64 of a-z 0-9 -",
                 "signature_field");
  }
  return CheckMessage(payload_, "payload");
}

std::string TimestampedWebhookSignature::FingerprintInput(const KeyName& key) const {
  return crypto::CanonicalWriter()
      .Bytes(method())
      .U8(2)
      .Bytes(key.ToString())
      .Bytes(field_)
      .Bytes(payload_)
      .Take();
}

absl::StatusOr<SignatureFormat::Draft> TimestampedWebhookSignature::DraftFor(
    const KeyVersion& version, PublicKeys& /*public_keys*/, absl::Time now) const {
  RETURN_IF_ERROR(CheckServes(version.parameters.purpose, {Purpose::kTimestampedWebhook}));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  const std::int64_t timestamp = absl::ToUnixSeconds(now);
  Draft draft{scheme, http::TimestampedSigningInput(timestamp, payload_), {}};
  draft.finish = [field = field_, timestamp](Raw raw) -> absl::StatusOr<std::string> {
    return absl::StrCat(field, ": ", http::ToText({timestamp, std::move(raw)}), "\n");
  };
  return draft;
}

}  // namespace keysvc::keys
