#include "crypto/base32.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace keysvc::crypto {
namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::uint8_t kNoLetter = 0xff;

// What each character is worth; a table, since tokens are read by the hundred.
constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoLetter);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values.at(static_cast<std::uint8_t>(kAlphabet[i])) = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

std::string ToBase32(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char byte : bytes) {
    pending = (pending << 8U | static_cast<std::uint8_t>(byte)) & 0xfffU;
    for (bits += 8; bits >= 5; bits -= 5) text += kAlphabet[pending >> (bits - 5) & 31U];
  }
  if (bits > 0) text += kAlphabet[pending << (5 - bits) & 31U];
  return text;
}

std::optional<std::string> FromBase32(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 5 / 8);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(c)];
    if (value == kNoLetter) return std::nullopt;
    pending = (pending << 5U | value) & 0xfffU;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(pending >> bits);
  }
  const bool spare_character = bits >= 5;
  const bool padding_is_zero = (pending & ((1U << bits) - 1)) == 0;
  return padding_is_zero && !spare_character ? std::optional(bytes) : std::nullopt;
}

}  // namespace keysvc::crypto
