#include "tokenizer/external_token.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/strings/str_split.h"
#include "crypto/base32.h"
#include "crypto/bytes.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "tokenizer/opaque_token.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::string_view kPrefix = "ext_";
constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kShortest = 8;
constexpr std::size_t kLongest = 64;

constexpr std::size_t kHexDigits = 32;
constexpr std::size_t kUuidLength = kHexDigits + 4;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexLetter(char c) { return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool Parts(char c) { return c == '.' || c == '_' || c == '-'; }
bool IsAllowed(char c) {
  return IsDigit(c) || Parts(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A UUID that says of which version and variant it is (RFC 9562 section 4), or as many hexadecimal
// digits without dashes. In 16 random bytes digits follow one another as chance has it.
bool IsRandomBytes(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), IsHexLetter)) return false;
  if (policy::IsUuid(text)) return policy::HasUuidVersion(text);
  return text.size() == kHexDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsDigit(c) || IsHexLetter(c); });
}

// The same, also behind a prefix without digits such as "tok_".
bool EndsInRandomBytes(std::string_view text) {
  for (const std::size_t length : {kUuidLength, kHexDigits}) {
    if (text.size() < length) continue;
    const std::string_view prefix = text.substr(0, text.size() - length);
    const bool plain = prefix.empty() || (Parts(prefix.back()) &&
                                          std::none_of(prefix.begin(), prefix.end(), IsDigit));
    if (plain && IsRandomBytes(text.substr(prefix.size()))) return true;
  }
  return false;
}

// Whether so many digits in a row may be a card number, of whatever issuer: a token goes into
// systems that take for one what is one by its sum. For these a part counts as a whole, and not the
// digits inside of it, some of which have a right sum in most tokens of digits (MayHidePan).
bool MayBePan(std::string_view digits) {
  if (digits.size() < kShortestPan) return false;
  return digits.size() > kLongestPan || PassesLuhn(crypto::AsBytes(digits));
}

// Whether digits between separators, or several of these together, may be a card number.
bool AnyPartMayBePan(std::string_view digits_and_separators) {
  const std::vector<std::string> parts =
      absl::StrSplit(ToAbsl(digits_and_separators), absl::ByAnyChar("._-"), absl::SkipEmpty());
  for (std::size_t first = 0; first < parts.size(); ++first) {
    std::string together;
    for (std::size_t last = first; last < parts.size(); ++last) {
      together += parts[last];
      if (MayBePan(together)) return true;
    }
  }
  return false;
}

// Whether digits that at most separators part may be a card number.
bool HasPan(std::string_view text) {
  while (!text.empty()) {
    const auto end =
        std::find_if_not(text.begin(), text.end(), [](char c) { return IsDigit(c) || Parts(c); });
    const auto length = static_cast<std::size_t>(end - text.begin());
    if (AnyPartMayBePan(text.substr(0, length))) return true;
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return false;
}

}  // namespace

bool IsExternalToken(std::string_view text) {
  if (text.size() < kShortest || text.size() > kLongest ||
      !std::all_of(text.begin(), text.end(), IsAllowed)) {
    return false;
  }
  // Else records could not tell one from the other.
  if (TokenKeyVersion(text).ok()) return false;
  return EndsInRandomBytes(text) || !HasPan(text);
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

}  // namespace keysvc::tokenizer
