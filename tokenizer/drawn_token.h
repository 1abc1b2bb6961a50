// Tokens that are drawn at random, of the families numeric, emv and external. Which card one stands
// for is known by its row alone.
#ifndef KEYSVC_TOKENIZER_DRAWN_TOKEN_H_
#define KEYSVC_TOKENIZER_DRAWN_TOKEN_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tokenizer/pan.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// Fills with random bytes, as crypto::FillRandom does.
using RandomSource = std::function<void(std::span<std::uint8_t>)>;

// Any of the tokens that the card may have, each with the same probability but for less than 2^-66.
// Of the family numeric they are as long as the card, with its last four digits behind random ones
// and a wrong Luhn sum, so that they never pass for a card: 9 * 10^(n - 5) of n digits. Of the
// family emv they are the numbers of the profile's range with a right check digit, of the family
// external "ext_" and 26 characters of base32 over 16 random bytes.
std::string DrawToken(const Profile& profile, const Pan& pan, const RandomSource& random);

// Whether a text has the form of a token that such a profile draws, or takes over. Otherwise it is
// not looked for: the number of a card above all, which was taken for a token.
bool MayBeDrawn(const Profile& profile, std::string_view text);

// Whether a token of the family numeric has the length and the last four digits of the card.
bool KeepsDigitsOf(const Pan& pan, std::string_view token);

// INVALID_ARGUMENT/PAN_INVALID when the number is in the range of an EMV profile, of whatever
// tenant, and so that of no card.
absl::Status CheckIsNoToken(const Profiles& profiles, const Pan& pan);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_DRAWN_TOKEN_H_
