#ifndef KEYSVC_TOKENIZER_NAMED_TOKENS_H_
#define KEYSVC_TOKENIZER_NAMED_TOKENS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "crypto/canonical.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// Adds what a request says of tokens to what its fingerprint is made of. A name that could not be
// parsed counts by its error.
void AddNames(const std::vector<absl::StatusOr<TokenName>>& names,
              crypto::CanonicalWriter& request);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_NAMED_TOKENS_H_
