// The tokens of the family numeric: as long as the card, its last four digits behind random ones,
// and a wrong Luhn sum, so that they never pass for a card. Which card one stands for is known by
// its row alone.
#ifndef KEYSVC_TOKENIZER_NUMERIC_TOKEN_H_
#define KEYSVC_TOKENIZER_NUMERIC_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/pan.h"

namespace keysvc::tokenizer {

// Fills with random bytes, as crypto::FillRandom does.
using RandomSource = std::function<void(std::span<std::uint8_t>)>;

constexpr std::size_t kNumericKeptDigits = 4;

// Any of the 9 * 10^(n - 5) tokens that a card of n digits may have, each with the same probability
// but for less than 2^-70.
std::string DrawNumericToken(const Pan& pan, const RandomSource& random);

// Whether a text has the form of such a token. A card number has not, so that one which was taken
// for a token is not looked for.
bool IsNumericToken(std::string_view text);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_NUMERIC_TOKEN_H_
