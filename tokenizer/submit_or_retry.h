#ifndef KEYSVC_TOKENIZER_SUBMIT_OR_RETRY_H_
#define KEYSVC_TOKENIZER_SUBMIT_OR_RETRY_H_

#include <utility>

#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "status/reason.h"
#include "store/rows.h"

namespace keysvc::tokenizer {

// Submits the record of a call together with what it writes, and answers it with `results`. Where
// others had changed the same rows before, `retry()` runs instead, on the journal's thread: it
// begins the call again, or gives it up. `done` belongs to the call, which `retry` keeps alive.
template <typename Results, typename Retry>
void SubmitOrRetry(audit::Journal& journal, audit::Entry entry, store::Mutation mutation,
                   absl::StatusOr<Results> results, Retry retry, audit::Done<Results>& done) {
  const bool writes = !mutation.empty();
  journal.Submit(std::move(entry), std::move(mutation),
                 [writes, results = std::move(results), retry = std::move(retry),
                  &done](absl::StatusOr<audit::Receipt> receipt) mutable {
                   if (writes && ReasonOf(receipt.status()) == Reason::kConflict) return retry();
                   audit::Complete<Results>(std::move(receipt), std::move(results), done);
                 });
}

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_SUBMIT_OR_RETRY_H_
