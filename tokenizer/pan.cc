#include "tokenizer/pan.h"

#include <algorithm>
#include <utility>

#include "crypto/bytes.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kFirst = 6;
constexpr std::size_t kLast = 4;
constexpr std::size_t kLeastHidden = 4;

// All but the first `shown` and the last four digits as "*".
std::string Truncated(crypto::ByteView digits, std::size_t shown) {
  std::string text(crypto::AsText(digits));
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(shown),
            text.end() - static_cast<std::ptrdiff_t>(kLast), '*');
  return text;
}

}  // namespace

std::optional<unsigned> LuhnRemainder(crypto::ByteView digits) {
  unsigned sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i-- > 0; twice = !twice) {
    if (digits[i] < '0' || digits[i] > '9') return std::nullopt;
    const unsigned digit = static_cast<unsigned>(digits[i] - '0') << (twice ? 1U : 0U);
    sum += digit > 9 ? digit - 9 : digit;
  }
  if (digits.empty()) return std::nullopt;
  return sum % 10;
}

bool PassesLuhn(crypto::ByteView digits) { return LuhnRemainder(digits) == 0U; }

absl::StatusOr<Pan> Pan::Parse(crypto::ByteView digits) {
  const bool right_length = digits.size() >= kShortestPan && digits.size() <= kLongestPan;
  const bool all_the_same = std::all_of(
      digits.begin(), digits.end(), [&](std::uint8_t digit) { return digit == digits.front(); });
  if (!right_length || all_the_same || !PassesLuhn(digits)) {
    return Error(Reason::kPanInvalid, "not a card number", "card.pan");
  }
  ASSIGN_OR_RETURN(crypto::SecretBytes copy, crypto::SecretBytes::CopyOf(digits));
  return Pan(std::move(copy));
}

std::string Pan::Masked() const {
  return Truncated(Expose(crypto::SecretAccess::kGranted), ShownFirst());
}

std::size_t Pan::ShownFirst() const {
  return length() < kFirst + kLast + kLeastHidden ? 0 : kFirst;
}

std::string Pan::LastFour() const { return Truncated(Expose(crypto::SecretAccess::kGranted), 0); }

std::uint64_t Pan::ShownDigits() const {
  const crypto::ByteView digits = Expose(crypto::SecretAccess::kGranted);
  std::uint64_t number = 0;
  for (const std::uint8_t digit : digits.first(ShownFirst())) number = number * 10 + (digit - '0');
  for (const std::uint8_t digit : digits.last(kLast)) number = number * 10 + (digit - '0');
  return number;
}

void SetLuhnRemainder(std::span<std::uint8_t> digits, std::uint8_t& place, unsigned remainder) {
  place = '0';
  while (place < '9' && LuhnRemainder(digits) != remainder) ++place;
}

}  // namespace keysvc::tokenizer
