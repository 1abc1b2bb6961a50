// Whether tokens that were read may be opened, and the uses that opening them takes.
#ifndef KEYSVC_TOKENIZER_TOKEN_USES_H_
#define KEYSVC_TOKENIZER_TOKEN_USES_H_

#include <vector>

#include "absl/time/time.h"
#include "crypto/mac.h"
#include "store/store.h"
#include "tokenizer/token_reader.h"

namespace keysvc::tokenizer {

// What does not open, now that the rows are as they are, becomes the reason.
void RefuseWhatDoesNotOpen(std::vector<TokenReading>& readings, absl::Time now);

// Of a token that the call names more often than it may still be opened, the later readings become
// FAILED_PRECONDITION/TOKEN_EXHAUSTED.
void RefuseWhatIsUsedUp(std::vector<TokenReading>& readings);

// Adds a use of each token that opens only so often to the mutation, and gives their number. None
// is read more often than it may be opened.
std::uint32_t CountUses(const std::vector<TokenReading>& readings, absl::Time now,
                        const TokenReader& reader, store::Mutation& mutation);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_USES_H_
