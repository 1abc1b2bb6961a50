#include "keysvc/keys/presented_webhook.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "http/webhook.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/webhook_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// Each signature of it is tried with each version of the key.
constexpr std::size_t kLongestList = 1024;

absl::StatusOr<std::string> Required(const http::Message& message, const char* name) {
  std::optional<std::string> value = http::FieldOf(message, name);
  if (value.has_value()) return *std::move(value);
  return Error(Reason::kFieldRequired, absl::StrCat("the webhook has no ", name), "fields");
}

absl::Status Invalid(const char* name) {
  return Error(Reason::kFieldInvalid, absl::StrCat(name, " is not in its form"), "fields");
}

}  // namespace

PresentedWebhook::PresentedWebhook(std::vector<http::Field> fields, std::string payload) {
  message_.fields = std::move(fields);
  message_.body = std::move(payload);
}

absl::StatusOr<std::string_view> PresentedWebhook::AlgOf(const KeyParameters& parameters) const {
  return WebhookAlgOf(parameters);
}

absl::StatusOr<PresentedSignature::Claims> PresentedWebhook::Read() const {
  RETURN_IF_ERROR(CheckMessage(*message_.body, "payload"));
  ASSIGN_OR_RETURN(const std::string id, Required(message_, http::kWebhookId));
  ASSIGN_OR_RETURN(const std::string time, Required(message_, http::kWebhookTimestamp));
  ASSIGN_OR_RETURN(const std::string list, Required(message_, http::kWebhookSignature));
  if (list.size() > kLongestList) return Invalid(http::kWebhookSignature);
  if (!http::IsWebhookId(id)) return Invalid(http::kWebhookId);
  const std::optional<std::int64_t> timestamp = http::WebhookTimestamp(time);
  if (!timestamp.has_value()) return Invalid(http::kWebhookTimestamp);
  return Claims{.input = http::WebhookSigningInput(id, *timestamp, *message_.body),
                .signatures = http::WebhookSignatures(list),
                .issue_time = timestamp,
                .nonce = id};
}

}  // namespace keysvc::keys
