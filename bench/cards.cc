#include "bench/cards.h"

#include <cstddef>
#include <string_view>

namespace keysvc::bench {
namespace {

constexpr std::string_view kRange = "400000";
constexpr std::size_t kDigits = 16;
// Odd and no multiple of five, so that multiplying by it permutes the numbers.
constexpr std::uint64_t kStep = 618'033'989;

// ISO/IEC 7812-1, annex B, of all digits but the last.
char CheckDigit(std::string_view digits) {
  unsigned sum = 0;
  bool twice = true;
  for (std::size_t i = digits.size(); i-- > 0; twice = !twice) {
    const unsigned digit = static_cast<unsigned>(digits[i] - '0') << (twice ? 1U : 0U);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

}  // namespace

std::string CardNumber(std::uint64_t n) {
  std::string number(kRange);
  number.resize(kDigits - 1, '0');
  std::uint64_t rest = n % kCardNumbers * kStep % kCardNumbers;
  for (std::size_t i = kDigits - 1; i-- > kRange.size(); rest /= 10) {
    number[i] = static_cast<char>('0' + rest % 10);
  }
  number += CheckDigit(number);
  return number;
}

}  // namespace keysvc::bench
