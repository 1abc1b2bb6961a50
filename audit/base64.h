#ifndef KEYSVC_AUDIT_BASE64_H_
#define KEYSVC_AUDIT_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace keysvc::audit {

// Base64 with padding (RFC 4648 section 4).
std::string ToBase64(std::string_view bytes);
// nullopt for anything but the one encoding that ToBase64 gives: signed text must not have two
// spellings.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_BASE64_H_
