#ifndef KEYSVC_TOKENIZER_BUDGET_HISTORY_H_
#define KEYSVC_TOKENIZER_BUDGET_HISTORY_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "policy/policy.h"
#include "store/store.h"
#include "tokenizer/budgets.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// Counts into `budgets` what the log says of the windows that end `now`: the end of it is read, as
// far back as the longest window of the policy, and for guesses a day or 200,000 records. Cards
// that were turned into tokens are opened again for what a masked view shows of them, the newest
// 100,000 of a caller and profile; what cannot be opened any more counts no more. The store's
// errors; HSM_UNAVAILABLE when a key cannot be opened for now; DATA_LOSS/INTEGRITY_FAILURE when a
// record is not what was written.
absl::Status RecountBudgets(store::Store& store, const Profiles& profiles, KeySource& keys,
                            const policy::Policy& policy, absl::Time now, Budgets& budgets);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_BUDGET_HISTORY_H_
