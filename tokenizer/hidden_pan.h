#ifndef KEYSVC_TOKENIZER_HIDDEN_PAN_H_
#define KEYSVC_TOKENIZER_HIDDEN_PAN_H_

#include <cstddef>
#include <string_view>

#include "tokenizer/pan.h"

namespace keysvc::tokenizer {

// Whether the digits are 12 to 19 with a right Luhn sum and the prefix of a known issuer
// (IssuerOf). False for anything but digits. Needs no locked memory, so that it never passes for
// want of some.
bool IsPanOfKnownIssuer(std::string_view digits);

// The fewest digits that are looked for in ids that others draw or give: a UUID, 32 hexadecimal
// digits, what a directory calls a key. Of UUIDs one in 330 has such a number, and with fewer
// digits, which hardly any card has, one in 120 would.
constexpr std::size_t kShortestPanInId = 14;

// Whether a card number may stand in a text that has digits for other reasons, such as the ids of a
// directory or of a request: from `shortest` to 19 digits that are a PAN of a known issuer, one
// behind the other or with spaces, ".", "-" or "_" between them, and whatever stands before and
// behind, digits too. Needs no locked memory.
bool MayHidePan(std::string_view text, std::size_t shortest = kShortestPan);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_HIDDEN_PAN_H_
