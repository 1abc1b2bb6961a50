#ifndef KEYSVC_CRYPTO_BASE64_H_
#define KEYSVC_CRYPTO_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace keysvc::crypto {

// Base64 of what is not secret: encoding and decoding take times that tell of the content. Signed
// text must not have two forms, so that only the one encoding is decoded; nullopt for all else.

// With padding (RFC 4648 section 4).
std::string ToBase64(std::string_view bytes);
std::optional<std::string> FromBase64(std::string_view text);

// In the alphabet for URLs, without padding (RFC 7515 section 2).
std::string ToBase64Url(std::string_view bytes);
std::optional<std::string> FromBase64Url(std::string_view text);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_BASE64_H_
