// Webhooks as Standard Webhooks 1.0.0 signs them (standardwebhooks.com): by the fields webhook-id,
// webhook-timestamp and webhook-signature.
#ifndef KEYSVC_HTTP_WEBHOOK_H_
#define KEYSVC_HTTP_WEBHOOK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keysvc::http {

inline constexpr char kWebhookId[] = "webhook-id";
inline constexpr char kWebhookTimestamp[] = "webhook-timestamp";
inline constexpr char kWebhookSignature[] = "webhook-signature";

// 1 to 64 of A-Z a-z 0-9 - _ : nothing that could end the id where it is signed.
bool IsWebhookId(std::string_view text);

// The one form of seconds since 1970; nullopt for all else.
std::optional<std::int64_t> WebhookTimestamp(std::string_view text);

// What is signed: the three with full stops between. The id must be one.
std::string WebhookSigningInput(std::string_view id, std::int64_t timestamp,
                                std::string_view payload);

// "v1a": Ed25519; "v1": HMAC-SHA-256.
inline constexpr std::string_view kWebhookEd25519 = "v1a";
inline constexpr std::string_view kWebhookHmac = "v1";

// "v1a,..." or "v1,...", as `version` is.
std::string WebhookSignature(std::string_view version, std::string_view signature);
// The signatures of both versions out of a list with spaces between, decoded; empty when there is
// none. Each has the length of its version, 64 or 32 bytes, so that none is taken for one of the
// other. Versions that are not known here are passed over, as is what is no such signature: a
// sender may roll from one scheme to another, and a receiver looks for one that is right.
std::vector<std::string> WebhookSignatures(std::string_view list);

// The public key as receivers are given it: "whpk_" and base64 of its 32 bytes.
std::string WebhookPublicKey(std::string_view ed25519_point);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_WEBHOOK_H_
