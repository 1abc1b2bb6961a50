#include "crypto/base64.h"

#include "absl/strings/escaping.h"
#include "status/abseil.h"

namespace keysvc::crypto {

std::string ToBase64(std::string_view bytes) { return absl::Base64Escape(ToAbsl(bytes)); }

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  // Abseil also takes missing padding, blanks and bits that are left over.
  if (!absl::Base64Unescape(ToAbsl(text), &bytes) || ToBase64(bytes) != text) return std::nullopt;
  return bytes;
}

std::string ToBase64Url(std::string_view bytes) {
  std::string text;
  absl::WebSafeBase64Escape(ToAbsl(bytes), &text);
  return text;
}

std::optional<std::string> FromBase64Url(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(ToAbsl(text), &bytes) || ToBase64Url(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace keysvc::crypto
