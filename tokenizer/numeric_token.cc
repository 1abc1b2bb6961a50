#include "tokenizer/numeric_token.h"

#include <array>

#include "absl/numeric/int128.h"
#include "crypto/bytes.h"
#include "crypto/secret_access.h"

namespace keysvc::tokenizer {
namespace {

// Fewer would let a caller who tries numbers meet a token too soon: of 10^8 tokens behind one last
// four, a million in use are met once in ninety tries. It is what the shortest card leaves.
constexpr std::size_t kFewestRandomDigits = 8;
static_assert(kShortestPan - kNumericKeptDigits >= kFewestRandomDigits);

absl::uint128 RandomInteger(const RandomSource& random) {
  std::array<std::uint8_t, 16> bytes{};
  random(bytes);
  absl::uint128 value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8U | byte;
  return value;
}

}  // namespace

std::string DrawNumericToken(const Pan& pan, const RandomSource& random) {
  const crypto::ByteView digits = pan.Expose(crypto::SecretAccess::kGranted);
  std::string token(digits.size() - kNumericKeptDigits, '0');
  absl::uint128 value = RandomInteger(random);
  const auto wrong_remainder = 1 + static_cast<unsigned>(value % 9);
  value /= 9;
  for (std::size_t i = 1; i < token.size(); ++i, value /= 10) {
    token[i] = static_cast<char>('0' + static_cast<int>(value % 10));
  }
  token += crypto::AsText(digits.last(kNumericKeptDigits));
  // For each wrong sum there is one first digit, so that none is likelier than another.
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(token.data()), token.size());
  SetLuhnRemainder(bytes, bytes.front(), wrong_remainder);
  return token;
}

bool IsNumericToken(std::string_view text) {
  if (text.size() < kShortestPan || text.size() > kLongestPan) return false;
  const std::optional<unsigned> remainder = LuhnRemainder(crypto::AsBytes(text));
  return remainder.has_value() && *remainder != 0;
}

}  // namespace keysvc::tokenizer
