#ifndef KEYSVC_TOKENIZER_IMPORTED_TOKEN_H_
#define KEYSVC_TOKENIZER_IMPORTED_TOKEN_H_

#include <string_view>

#include "absl/status/status.h"
#include "tokenizer/card_data.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// Whether a card can be imported into the profile under this token, or if it is empty under one
// that the profile makes. INVALID_ARGUMENT/FIELD_INVALID, field "token": of the family external
// what IsExternalToken() refuses or what holds the card's own number, of the family numeric what it
// would never draw for the card, of the other families any, since theirs are made here alone.
absl::Status CheckImportedToken(const Profile& profile, const CardData& card,
                                std::string_view token);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_IMPORTED_TOKEN_H_
