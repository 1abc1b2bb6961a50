#include "keysvc/keys/presented_timestamped_webhook.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "http/timestamped_webhook.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// Each tag of it is compared with those of each live version.
constexpr std::size_t kLongestValue = 1024;

}  // namespace

PresentedTimestampedWebhook::PresentedTimestampedWebhook(std::string field,
                                                         std::vector<http::Field> fields,
                                                         std::string payload)
    : field_(std::move(field)) {
  message_.fields = std::move(fields);
  message_.body = std::move(payload);
}

absl::StatusOr<std::string_view> PresentedTimestampedWebhook::AlgOf(
    const KeyParameters& parameters) const {
  RETURN_IF_ERROR(CheckServes(parameters.purpose, {Purpose::kTimestampedWebhook}));
  return "v1";
}

absl::StatusOr<PresentedSignature::Claims> PresentedTimestampedWebhook::Read() const {
  RETURN_IF_ERROR(CheckMessage(*message_.body, "payload"));
  if (!http::IsSignatureField(field_)) {
    return Error(Reason::kFieldInvalid, "a field's name is 1 to 64 of a-z 0-9 -",
                 "signature_field");
  }
  const std::optional<std::string> value = http::FieldOf(message_, field_);
  if (!value.has_value()) {
    return Error(Reason::kFieldRequired, "the webhook lacks the field of the signature", "fields");
  }
  std::optional<http::TimestampedSignature> signature;
  if (value->size() <= kLongestValue) signature = http::ReadTimestampedSignature(*value);
  if (!signature.has_value()) {
    return Error(Reason::kFieldInvalid, "the field of the signature is not in its form", "fields");
  }
  return Claims{.input = http::TimestampedSigningInput(signature->timestamp, *message_.body),
                .signatures = std::move(signature->tags),
                .issue_time = signature->timestamp,
                .told_by_input = true};
}

}  // namespace keysvc::keys
