#include "http/timestamped_webhook.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "http/webhook.h"
#include "status/abseil.h"

namespace keysvc::http {
namespace {

constexpr std::size_t kLongestField = 64;
constexpr std::size_t kTagSize = 32;

std::optional<std::string> ReadTag(absl::string_view hex) {
  if (hex.size() != 2 * kTagSize || !std::all_of(hex.begin(), hex.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      })) {
    return std::nullopt;
  }
  return absl::HexStringToBytes(hex);
}

}  // namespace

bool IsSignatureField(std::string_view text) {
  return !text.empty() && text.size() <= kLongestField &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
         });
}

std::string TimestampedSigningInput(std::int64_t timestamp, std::string_view payload) {
  return absl::StrCat(timestamp, ".", ToAbsl(payload));
}

std::string ToText(const TimestampedSignature& signature) {
  std::string text = absl::StrCat("t=", signature.timestamp);
  for (const std::string& tag : signature.tags) {
    absl::StrAppend(&text, ",v1=", absl::BytesToHexString(tag));
  }
  return text;
}

std::optional<TimestampedSignature> ReadTimestampedSignature(std::string_view text) {
  std::optional<std::int64_t> timestamp;
  TimestampedSignature signature;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    const std::size_t equals = part.find('=');
    // With a blank it is of a second field, joined to the first.
    if (equals == absl::string_view::npos || part.front() == ' ') return std::nullopt;
    const absl::string_view name = part.substr(0, equals);
    const absl::string_view value = part.substr(equals + 1);
    if (name == "t") {
      if (timestamp.has_value()) return std::nullopt;
      timestamp = WebhookTimestamp({value.data(), value.size()});
      if (!timestamp.has_value()) return std::nullopt;
    } else if (name == "v1") {
      if (auto tag = ReadTag(value); tag.has_value()) signature.tags.push_back(*std::move(tag));
    }
  }
  if (!timestamp.has_value()) return std::nullopt;
  signature.timestamp = *timestamp;
  return signature;
}

}  // namespace keysvc::http
