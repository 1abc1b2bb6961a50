#include "jose/base64url.h"

#include "absl/strings/escaping.h"
#include "status/abseil.h"

namespace keysvc::jose {

std::string ToBase64Url(std::string_view bytes) {
  std::string text;
  absl::WebSafeBase64Escape(ToAbsl(bytes), &text);
  return text;
}

std::optional<std::string> FromBase64Url(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(ToAbsl(text), &bytes)) return std::nullopt;
  // Abseil also takes padding, blanks and bits that are left over.
  if (ToBase64Url(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace keysvc::jose
