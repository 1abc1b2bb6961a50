#ifndef KEYSVC_TESTS_UNIT_TOKENIZER_RANDOM_CARDS_H_
#define KEYSVC_TESTS_UNIT_TOKENIZER_RANDOM_CARDS_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {

inline Pan PanOf(std::string_view digits) { return Pan::Parse(crypto::AsBytes(digits)).value(); }

// The digits with the right check digit in the place of the last one.
inline std::string Completed(std::string digits) {
  while (!PassesLuhn(crypto::AsBytes(digits))) {
    digits.back() = static_cast<char>(digits.back() == '9' ? '0' : digits.back() + 1);
  }
  return digits;
}

// A card of the BIN and last four of 4111111111111111, or of others; different ones for different
// numbers below 10,000.
inline std::string LookAlike(int number, const std::string& bin = "411111",
                             const std::string& last_four = "1111") {
  std::string digits = bin + std::to_string(100'000 + number).substr(0, 6) + last_four;
  // The seventh digit is not doubled by the check, and so makes its sum whole.
  for (char digit = '0'; digit <= '9'; ++digit) {
    digits[7] = digit;
    if (PassesLuhn(crypto::AsBytes(digits))) return digits;
  }
  return {};
}

// Card numbers from a seed that a failure shows.
class RandomCards {
 public:
  std::string seed() const { return "seed " + std::to_string(seed_); }
  std::size_t Below(std::size_t end) { return random_() % end; }
  std::string Next(std::size_t length) {
    std::string digits(length, '0');
    // All the same are no card.
    while (digits.find_first_not_of(digits.front()) == std::string::npos) {
      for (char& digit : digits) digit = static_cast<char>('0' + Below(10));
      digits = Completed(std::move(digits));
    }
    return digits;
  }

 private:
  const std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TESTS_UNIT_TOKENIZER_RANDOM_CARDS_H_
