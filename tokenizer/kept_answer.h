#ifndef KEYSVC_TOKENIZER_KEPT_ANSWER_H_
#define KEYSVC_TOKENIZER_KEPT_ANSWER_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "store/rows.h"
#include "store/store.h"
#include "tokenizer/answer_key.h"

namespace keysvc::tokenizer {

// An answer that is kept for a caller who repeats the request (AIP-155), sealed under the tenant's
// answer key and bound to its kind ("keysvc kept tokens") and to every other column of its row.
absl::StatusOr<store::IdempotencyRow> KeepAnswer(std::string_view kind, std::string_view principal,
                                                 std::string_view request_id,
                                                 std::string_view fingerprint, absl::Time expires,
                                                 crypto::ByteView answer, const AnswerKey& key);

// What is kept for a request with this id, if it has one and was made before. The store's errors.
absl::StatusOr<std::optional<store::IdempotencyRow>> FindKeptAnswer(std::string_view principal,
                                                                    std::string_view request_id,
                                                                    store::Store& store,
                                                                    const audit::Journal& journal);

// The answer that was kept. INVALID_ARGUMENT/REQUEST_ID_REUSED when the row is of a request with
// another fingerprint, DATA_LOSS/INTEGRITY_FAILURE when any column was changed.
absl::StatusOr<crypto::SecretBytes> OpenKeptAnswer(std::string_view kind,
                                                   const store::IdempotencyRow& row,
                                                   std::string_view fingerprint,
                                                   const AnswerKey& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_KEPT_ANSWER_H_
