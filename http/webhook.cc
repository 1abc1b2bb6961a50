#include "http/webhook.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "crypto/base64.h"
#include "status/abseil.h"

namespace keysvc::http {
namespace {

constexpr std::size_t kLongestId = 64;

struct Version {
  std::string_view name;
  std::size_t size;  // of a signature
};
constexpr Version kVersions[] = {{kWebhookEd25519, 64}, {kWebhookHmac, 32}};

// The signature, if it is one of this version.
std::optional<std::string> ReadAs(const Version& version, absl::string_view text) {
  if (!absl::ConsumePrefix(&text, ToAbsl(version.name)) || !absl::ConsumePrefix(&text, ",")) {
    return std::nullopt;
  }
  auto bytes = crypto::FromBase64({text.data(), text.size()});
  return bytes.has_value() && bytes->size() == version.size ? std::move(bytes) : std::nullopt;
}

}  // namespace

bool IsWebhookId(std::string_view text) {
  return !text.empty() && text.size() <= kLongestId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
         });
}

std::optional<std::int64_t> WebhookTimestamp(std::string_view text) {
  std::int64_t seconds = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &seconds) || seconds < 0) return std::nullopt;
  if (absl::StrCat(seconds) != text) return std::nullopt;
  return seconds;
}

std::string WebhookSigningInput(std::string_view id, std::int64_t timestamp,
                                std::string_view payload) {
  return absl::StrCat(ToAbsl(id), ".", timestamp, ".", ToAbsl(payload));
}

std::string WebhookSignature(std::string_view version, std::string_view signature) {
  return absl::StrCat(ToAbsl(version), ",", crypto::ToBase64(signature));
}

std::vector<std::string> WebhookSignatures(std::string_view list) {
  std::vector<std::string> signatures;
  for (const absl::string_view one : absl::StrSplit(ToAbsl(list), ' ')) {
    for (const Version& version : kVersions) {
      if (auto bytes = ReadAs(version, one); bytes.has_value()) {
        signatures.push_back(*std::move(bytes));
      }
    }
  }
  return signatures;
}

std::string WebhookPublicKey(std::string_view ed25519_point) {
  return "whpk_" + crypto::ToBase64(ed25519_point);
}

}  // namespace keysvc::http
