#include "audit/base64.h"

#include "absl/strings/escaping.h"
#include "status/abseil.h"

namespace keysvc::audit {

std::string ToBase64(std::string_view bytes) { return absl::Base64Escape(ToAbsl(bytes)); }

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(ToAbsl(text), &bytes) || ToBase64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace keysvc::audit
