// Webhooks that are signed by one field "t=<unix>,v1=<hex>": HMAC-SHA-256 over the time, a full
// stop and the body. Many services have this shape, under field names of their own.
#ifndef KEYSVC_HTTP_TIMESTAMPED_WEBHOOK_H_
#define KEYSVC_HTTP_TIMESTAMPED_WEBHOOK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keysvc::http {

// 1 to 64 of a-z 0-9 - : the name of the field, in lower case.
bool IsSignatureField(std::string_view text);

// The value of the field.
struct TimestampedSignature {
  std::int64_t timestamp = 0;  // seconds since 1970
  // 32 bytes each, one by each secret that is live.
  std::vector<std::string> tags;
};

// What is tagged.
std::string TimestampedSigningInput(std::int64_t timestamp, std::string_view payload);

std::string ToText(const TimestampedSignature& signature);
// nullopt for what is no list of "name=value" with commas between, or has another number of times
// than one. Other schemes than v1 are passed over, as is what is no tag: a sender may roll from one
// scheme to another, and a receiver looks for one that is right.
std::optional<TimestampedSignature> ReadTimestampedSignature(std::string_view text);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_TIMESTAMPED_WEBHOOK_H_
