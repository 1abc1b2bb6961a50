// Views of bytes. Public bytes travel as std::string and std::string_view; ByteView is what a
// secret exposes, so that it is never printed by accident.
#ifndef KEYSVC_CRYPTO_BYTES_H_
#define KEYSVC_CRYPTO_BYTES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keysvc::crypto {

using ByteView = std::span<const std::uint8_t>;

inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Equality in time that depends on the lengths only (CRYPTO_memcmp).
bool EqualInConstantTime(ByteView a, ByteView b);

// Overwrites text that a library forced a secret into, and empties it.
void Wipe(std::string& text);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_BYTES_H_
