#ifndef KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_
#define KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "status/abseil.h"

namespace keysvc::testing {

inline std::string FromHex(std::string_view hex) { return absl::HexStringToBytes(ToAbsl(hex)); }
inline std::string ToHex(std::string_view bytes) { return absl::BytesToHexString(ToAbsl(bytes)); }
inline std::string ToHex(crypto::ByteView bytes) { return ToHex(crypto::AsText(bytes)); }

inline crypto::SecretKey<32> KeyFromHex(std::string_view hex) {
  const std::string bytes = FromHex(hex);
  return crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(bytes))).value();
}

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_
