#ifndef KEYSVC_TOKENIZER_HIDDEN_PAN_H_
#define KEYSVC_TOKENIZER_HIDDEN_PAN_H_

#include <string_view>

namespace keysvc::tokenizer {

// Whether a card number may stand in a text that has digits for other reasons, such as the ids of a
// directory: 12 to 19 digits with a right Luhn sum and the prefix of a known issuer (IssuerOf), one
// behind the other or with one space, ".", "-" or "_" between two of them, and whatever stands
// before and behind. No text that is kept or recorded as it came may have one.
bool MayHidePan(std::string_view text);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_HIDDEN_PAN_H_
