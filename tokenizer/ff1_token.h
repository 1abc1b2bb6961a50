// Between cards and the tokens that FF1 makes of them (tokenizer/ff1_format.h, docs/formats.md).
#ifndef KEYSVC_TOKENIZER_FF1_TOKEN_H_
#define KEYSVC_TOKENIZER_FF1_TOKEN_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/ff1.h"
#include "tokenizer/card_data.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// Whether an FF1 profile can stand for all of the card. INVALID_ARGUMENT/FIELD_INVALID, field
// "card.pan", when its number has a length that the profile does not take; "card.expiry" or
// "card.cardholder_name" when it has more than a number, which nothing would keep.
absl::Status CheckFf1Card(const Profile& profile, const CardData& card);

// The token of a card that passed the check. `key` is the profile's, over decimal digits; equal
// cards get equal tokens.
absl::StatusOr<std::string> MakeFf1Token(const Profile& profile, const Pan& pan,
                                         const crypto::Ff1& key);

// The card of a token. NOT_FOUND/TOKEN_NOT_FOUND for what the profile does not make: another
// prefix, length or Luhn sum, or no card behind it. Nothing else tells a token from made-up digits.
absl::StatusOr<CardData> OpenFf1Token(const Profile& profile, std::string_view token,
                                      const crypto::Ff1& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_FF1_TOKEN_H_
