#ifndef KEYSVC_KEYSVC_KEYS_SIGNATURE_HISTORY_H_
#define KEYSVC_KEYSVC_KEYS_SIGNATURE_HISTORY_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keysvc/keys/signature_budgets.h"
#include "policy/policy.h"
#include "store/store.h"

namespace keysvc::keys {

// Counts into `budgets` what the log says of the windows that end `now`: the end of it is read, as
// far back as the longest window on signatures of the policy, and nothing where it has none. The
// store's errors; DATA_LOSS/INTEGRITY_FAILURE when a record is not what was written.
absl::Status RecountSignatures(store::Store& store, const policy::Policy& policy, absl::Time now,
                               SignatureBudgets& budgets);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNATURE_HISTORY_H_
