#ifndef KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_
#define KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "crypto/bytes.h"
#include "crypto/known_answers.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "status/abseil.h"

namespace keysvc::testing {

using crypto::known::Bytes;

inline std::string ToHex(std::string_view bytes) { return absl::BytesToHexString(ToAbsl(bytes)); }
inline std::string ToHex(crypto::ByteView bytes) { return ToHex(crypto::AsText(bytes)); }

inline crypto::SecretKey<32> KeyFromHex(std::string_view hex) {
  const std::string bytes = Bytes(hex);
  return crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(bytes))).value();
}

// `bytes` with one bit of the byte at `index` changed.
inline std::string Flipped(std::string bytes, std::size_t index) {
  bytes.at(index) = static_cast<char>(bytes.at(index) ^ 1);
  return bytes;
}

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_CRYPTO_HEX_H_
