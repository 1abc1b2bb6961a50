#ifndef KEYSVC_TOKENIZER_ISSUER_RANGES_H_
#define KEYSVC_TOKENIZER_ISSUER_RANGES_H_

#include <string_view>

namespace keysvc::tokenizer {

// Who has issued cards, or other numbers with an ISO/IEC 7812-1 issuer identification number, that
// begin with the digits `prefix`, or with some of them: the name of a card network, or empty when
// none is known. Knows the networks as of 2026; what nobody is known to use may be used all the
// same.
std::string_view IssuerOf(std::string_view prefix);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_ISSUER_RANGES_H_
