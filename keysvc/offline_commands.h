// What is done to a deployment while it is not served. Each fails with STORE_LOCKED, or what the
// store says, when it is.
#ifndef KEYSVC_KEYSVC_OFFLINE_COMMANDS_H_
#define KEYSVC_KEYSVC_OFFLINE_COMMANDS_H_

#include "absl/status/status.h"
#include "keysvc/config.h"

namespace keysvc {

// Makes the HSM's keys, the sidecar, the empty store, the log and the keys of every profile. Goes
// on where an earlier run was broken off before the store was made; KEY_EXISTS after that.
absl::Status Init(const Config& config);

// Seals every key to the configured recovery certificate.
absl::Status EnrollRecovery(const Config& config);

// The checks of a start, but of every row, and without serving.
absl::Status CheckStoreOffline(const Config& config);

// Reads all that the configuration names and opens nothing.
absl::Status CheckConfig(const Config& config);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_OFFLINE_COMMANDS_H_
