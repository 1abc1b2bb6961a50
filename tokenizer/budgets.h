#ifndef KEYSVC_TOKENIZER_BUDGETS_H_
#define KEYSVC_TOKENIZER_BUDGETS_H_

#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/sliding_count.h"

namespace keysvc::tokenizer {

// What each caller has used up of the limits that the policy sets. Kept in memory, some KiB for
// each principal of the policy; the records of the log say it again after a start. Thread-safe;
// what it decides and what it counts is one step, so that no race goes over a limit.
class Budgets {
 public:
  // Counts what the log says of the windows that end `now`, by the times of its records. Once,
  // before the first call. The store's errors.
  absl::Status CountRecords(store::Store& store, absl::Time now);

  // RESOURCE_EXHAUSTED/MISSES_EXHAUSTED when the caller has named as many wrong tokens as it may:
  // then no token is looked at, right or wrong.
  absl::Status CheckMisses(const policy::Permit& permit, absl::Time now);

  // Counts that a token was looked up, and says whether the caller may hear what came of it; the
  // same error once its misses are used up, be it by others of the same call. A wrong token is an
  // outcome of TOKEN_NOT_FOUND.
  absl::Status CountLookUp(const policy::Permit& permit, const absl::Status& outcome,
                           absl::Time now);

 private:
  // Of one principal.
  struct Used {
    SlidingCount looked_up{absl::Hours(1)};
    SlidingCount missed{absl::Hours(1)};
  };

  void Count(const audit::Entry& record, absl::Time time);

  std::mutex mutex_;
  std::map<std::string, Used, std::less<>> used_;  // by principal
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_BUDGETS_H_
