#include "tokenizer/external_token.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "crypto/base32.h"
#include "crypto/bytes.h"
#include "policy/name.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::string_view kPrefix = "ext_";
constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kShortest = 8;
constexpr std::size_t kLongest = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool Parts(char c) { return c == '.' || c == '_' || c == '-'; }
bool IsAllowed(char c) {
  return IsDigit(c) || Parts(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// So many digits in a row.
bool MayBePan(std::string_view digits) {
  if (digits.size() < kShortestPan) return false;
  return digits.size() > kLongestPan || PassesLuhn(crypto::AsBytes(digits));
}

bool HasPan(std::string_view text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string_view rest = text.substr(begin);
    const auto length = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(), IsDigit) - rest.begin());
    if (MayBePan(rest.substr(0, length))) return true;
    begin += length + 1;
  }
  return false;
}

}  // namespace

bool IsExternalToken(std::string_view text) {
  if (policy::IsUuid(text)) return true;
  if (text.size() < kShortest || text.size() > kLongest ||
      !std::all_of(text.begin(), text.end(), IsAllowed) || HasPan(text)) {
    return false;
  }
  std::string joined;
  std::copy_if(text.begin(), text.end(), std::back_inserter(joined),
               [](char c) { return !Parts(c); });
  return !std::all_of(joined.begin(), joined.end(), IsDigit) || !MayBePan(joined);
}

std::string DrawExternalToken(const RandomSource& random) {
  std::array<std::uint8_t, kRandomBytes> bytes{};
  std::string token;
  // Base32 has digits too, of which hardly ever twelve stand in a row.
  do {
    random(bytes);
    token = std::string(kPrefix) + crypto::ToBase32(crypto::AsText(bytes));
  } while (!IsExternalToken(token));
  return token;
}

absl::Status CheckImportedToken(const Profile& profile, const CardData& card,
                                std::string_view token) {
  const auto refuse = [](std::string_view why) {
    return Error(Reason::kFieldInvalid, why, "token");
  };
  if (token.empty()) return absl::OkStatus();
  switch (profile.family) {
    case Family::kExternal:
      if (IsExternalToken(token)) return absl::OkStatus();
      return refuse(
          "a UUID is expected, or 8 to 64 letters, digits, \".\", \"_\" and \"-\" in which no card "
          "number can stand");
    case Family::kNumeric:
      if (MayBeDrawn(profile, token) && KeepsDigitsOf(card.pan, token)) return absl::OkStatus();
      return refuse(
          "a numeric token has as many digits as the card, its last four, and a wrong Luhn sum");
    case Family::kOpaque:
    case Family::kEmv:
    case Family::kFf1:
      break;
  }
  return refuse("tokens of this family are made here alone");
}

}  // namespace keysvc::tokenizer
