#include "tokenizer/drawn_token.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "absl/numeric/int128.h"
#include "crypto/bytes.h"
#include "crypto/secret_access.h"
#include "status/reason.h"
#include "tokenizer/external_token.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kNumericKeptDigits = 4;
// Fewer would let a caller who tries numbers meet a token too soon: of 10^8 tokens behind one last
// four, a million in use are met once in ninety tries. It is what the shortest card leaves.
constexpr std::size_t kFewestRandomDigits = 8;
static_assert(kShortestPan - kNumericKeptDigits >= kFewestRandomDigits);

// The digits of a card's tokens.
struct Form {
  std::string_view first;
  std::size_t random = 0;  // so many between the two
  std::string_view last;
  bool passes_luhn = false;
};

Form FormOf(const Profile& profile, crypto::ByteView card) {
  if (profile.family == Family::kEmv) {
    const IssuedRange& range = profile.emv.range;
    return {range.prefix, range.length - range.prefix.size(), {}, true};
  }
  return {
      {}, card.size() - kNumericKeptDigits, crypto::AsText(card.last(kNumericKeptDigits)), false};
}

absl::uint128 RandomInteger(const RandomSource& random) {
  std::array<std::uint8_t, 16> bytes{};
  random(bytes);
  absl::uint128 value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8U | byte;
  return value;
}

}  // namespace

std::string DrawToken(const Profile& profile, const Pan& pan, const RandomSource& random) {
  if (profile.family == Family::kExternal) return DrawExternalToken(random);
  const Form form = FormOf(profile, pan.Expose(crypto::SecretAccess::kGranted));
  absl::uint128 value = RandomInteger(random);
  unsigned remainder = 0;
  if (!form.passes_luhn) {
    remainder = 1 + static_cast<unsigned>(value % 9);
    value /= 9;
  }
  std::string token(form.first);
  token.append(form.random, '0').append(form.last);
  const std::span<std::uint8_t> digits(reinterpret_cast<std::uint8_t*>(token.data()), token.size());
  const std::span<std::uint8_t> drawn = digits.subspan(form.first.size(), form.random);
  for (std::uint8_t& digit : drawn.subspan(1)) {
    digit = static_cast<std::uint8_t>('0' + static_cast<int>(value % 10));
    value /= 10;
  }
  // For each sum there is one digit in this place, so that no token is likelier than another.
  SetLuhnRemainder(digits, drawn.front(), remainder);
  return token;
}

bool MayBeDrawn(const Profile& profile, std::string_view text) {
  if (profile.family == Family::kExternal) return IsExternalToken(text);
  const std::optional<unsigned> remainder = LuhnRemainder(crypto::AsBytes(text));
  if (!remainder.has_value()) return false;
  if (profile.family == Family::kEmv) {
    return profile.emv.range.Contains(text) && *remainder == 0;
  }
  return text.size() >= kShortestPan && text.size() <= kLongestPan && *remainder != 0;
}

bool KeepsDigitsOf(const Pan& pan, std::string_view token) {
  const crypto::ByteView card = pan.Expose(crypto::SecretAccess::kGranted);
  return token.size() == card.size() &&
         token.ends_with(crypto::AsText(card.last(kNumericKeptDigits)));
}

absl::Status CheckIsNoToken(const Profiles& profiles, const Pan& pan) {
  const std::string_view digits = crypto::AsText(pan.Expose(crypto::SecretAccess::kGranted));
  if (!profiles.IsIssued(digits)) return absl::OkStatus();
  return Error(Reason::kPanInvalid, "a token is not the number of a card", "card.pan");
}

}  // namespace keysvc::tokenizer
