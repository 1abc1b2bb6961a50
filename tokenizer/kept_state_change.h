// The answer of a call that changes the state of tokens, kept for a caller who repeats the request
// (AIP-155).
#ifndef KEYSVC_TOKENIZER_KEPT_STATE_CHANGE_H_
#define KEYSVC_TOKENIZER_KEPT_STATE_CHANGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/mac.h"
#include "store/rows.h"
#include "tokenizer/answer_key.h"
#include "tokenizer/token_state.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// A keyed hash of all that the request says. A name that could not be parsed counts by its error.
std::string FingerprintOf(TokenState state, std::string_view tenant,
                          const std::vector<absl::StatusOr<TokenName>>& names,
                          const crypto::HmacSha256& key);

// What became of each token; sealed and bound to who asked for it.
absl::StatusOr<store::IdempotencyRow> KeepStateChange(const std::vector<absl::Status>& results,
                                                      std::string_view principal,
                                                      std::string_view request_id,
                                                      std::string_view fingerprint,
                                                      absl::Time expires, const AnswerKey& key);

// What was kept. INVALID_ARGUMENT/REQUEST_ID_REUSED when the fingerprint is another,
// DATA_LOSS/INTEGRITY_FAILURE when any column was changed.
absl::StatusOr<std::vector<absl::Status>> OpenKeptStateChange(const store::IdempotencyRow& row,
                                                              std::string_view fingerprint,
                                                              const AnswerKey& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_KEPT_STATE_CHANGE_H_
