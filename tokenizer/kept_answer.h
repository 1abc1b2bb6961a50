#ifndef KEYSVC_TOKENIZER_KEPT_ANSWER_H_
#define KEYSVC_TOKENIZER_KEPT_ANSWER_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "status/reason.h"
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

// Whether an item failed for what the service could not do at that moment, and not for what the
// item is, or what policy, state or a limit say of it. Nothing of a call with such an item is
// committed: repeated, it may go well, and neither would keeping the failure with the answer be
// right nor keeping no answer, since then the other items would be done twice.
bool FailedInPassing(const absl::Status& result);

// The first of the results that failed in passing: the error of the whole call then. OK where none
// did.
absl::Status FindPassing(const std::vector<absl::Status>& results);
template <typename Value>
absl::Status FindPassing(const std::vector<absl::StatusOr<Value>>& results) {
  for (const absl::StatusOr<Value>& result : results) {
    if (FailedInPassing(result.status())) return result.status();
  }
  return absl::OkStatus();
}

// The reason of this name, as a kept answer has it; INTERNAL when this version does not know it any
// more.
Reason ReasonNamed(std::string_view name);

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
