#ifndef KEYSVC_TOKENIZER_TOKEN_STATE_H_
#define KEYSVC_TOKENIZER_TOKEN_STATE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace keysvc::tokenizer {

// What a token may do; the numbers are stored. Only an active token opens, until its end and
// as often as it may. A deleted one never leaves that state, and nothing of its card is left.
enum class TokenState : std::uint8_t { kActive = 1, kSuspended = 2, kDeleted = 3 };

// "active" ..., as records say it.
std::string_view NameOf(TokenState state);
// nullopt for a number that is never written.
std::optional<TokenState> TokenStateOf(std::uint8_t stored);

// Why a token does not open: FAILED_PRECONDITION/TOKEN_SUSPENDED, TOKEN_DELETED, TOKEN_EXPIRED,
// TOKEN_EXHAUSTED.
absl::Status Suspended();
absl::Status Deleted();
absl::Status Expired();
absl::Status Exhausted();

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_STATE_H_
