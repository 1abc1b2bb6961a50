#ifndef KEYSVC_CRYPTO_DIGEST_H_
#define KEYSVC_CRYPTO_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "crypto/bytes.h"

namespace keysvc::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;

// SHA-256 (FIPS 180-4) over the parts one after the other, with no separator. Thread-safe.
Sha256Digest Sha256(std::initializer_list<std::string_view> parts);
inline Sha256Digest Sha256(std::string_view text) { return Sha256({text}); }

enum class HashAlgorithm { kSha256, kSha384, kSha512 };

// Of a digest, in bytes.
constexpr std::size_t SizeOf(HashAlgorithm algorithm) {
  return 32 + 16 * static_cast<std::size_t>(algorithm);
}
static_assert(SizeOf(HashAlgorithm::kSha512) == 64);

// The digest by one of these (FIPS 180-4), 32, 48 or 64 bytes. Thread-safe.
std::string HashOf(HashAlgorithm algorithm, std::string_view text);

inline std::string_view AsText(const Sha256Digest& digest) { return AsText(ByteView(digest)); }

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_DIGEST_H_
