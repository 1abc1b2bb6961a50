// Tokens of the family external: what cards were called in the vault that they come from, and new
// ones beside these.
#ifndef KEYSVC_TOKENIZER_EXTERNAL_TOKEN_H_
#define KEYSVC_TOKENIZER_EXTERNAL_TOKEN_H_

#include <string>
#include <string_view>

#include "tokenizer/drawn_token.h"

namespace keysvc::tokenizer {

// Whether a text may be such a token: 8 to 64 letters, digits, ".", "_" and "-". Digits between
// these three, one part of them or several together, may not be a card number: 12 to 19 with a
// right Luhn sum, or more. But a UUID, or 32 hexadecimal digits, also behind a prefix without
// digits such as "tok_", may have any. None has the form of an opaque token.
bool IsExternalToken(std::string_view text);

// "ext_" and 26 characters of base32 (RFC 4648, lower case, no padding) over 16 random bytes.
std::string DrawExternalToken(const RandomSource& random);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_EXTERNAL_TOKEN_H_
