// Base32 (RFC 4648 section 6) in lower case and without padding. Decoding takes exactly what
// encoding gives.
#ifndef KEYSVC_CRYPTO_BASE32_H_
#define KEYSVC_CRYPTO_BASE32_H_

#include <optional>
#include <string>
#include <string_view>

namespace keysvc::crypto {

std::string ToBase32(std::string_view bytes);
std::optional<std::string> FromBase32(std::string_view text);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_BASE32_H_
