#ifndef KEYSVC_JOSE_BASE64URL_H_
#define KEYSVC_JOSE_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace keysvc::jose {

// Base64 in the alphabet for URLs, without padding (RFC 7515 section 2).
std::string ToBase64Url(std::string_view bytes);
// nullopt for anything but the one encoding that ToBase64Url gives.
std::optional<std::string> FromBase64Url(std::string_view text);

}  // namespace keysvc::jose

#endif  // KEYSVC_JOSE_BASE64URL_H_
