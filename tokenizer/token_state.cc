#include "tokenizer/token_state.h"

#include "status/reason.h"

namespace keysvc::tokenizer {

std::string_view NameOf(TokenState state) {
  switch (state) {
    case TokenState::kActive:
      return "active";
    case TokenState::kSuspended:
      return "suspended";
    case TokenState::kDeleted:
      return "deleted";
  }
  return "";
}

std::optional<TokenState> TokenStateOf(std::uint8_t stored) {
  const auto state = static_cast<TokenState>(stored);
  return NameOf(state).empty() ? std::nullopt : std::optional(state);
}

absl::Status Suspended() { return Error(Reason::kTokenSuspended, "the token is suspended"); }
absl::Status Deleted() { return Error(Reason::kTokenDeleted, "the token was deleted"); }
absl::Status Expired() { return Error(Reason::kTokenExpired, "the token has expired"); }
absl::Status Exhausted() {
  return Error(Reason::kTokenExhausted, "the token was used as often as it may be");
}

}  // namespace keysvc::tokenizer
