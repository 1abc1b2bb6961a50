#ifndef KEYSVC_KEYSVC_RESTORE_H_
#define KEYSVC_KEYSVC_RESTORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keysvc/config.h"

namespace keysvc {

struct RestoreOptions {
  std::vector<std::string> share_files;
  // The key that verified the log's checkpoints until now, in a file, as the auditor has it (C2SP
  // vkey). With the HSM lost nothing else tells the deployment's own store from one that somebody
  // made, since sealing to the recovery certificate takes no secret.
  std::string verifier_key_file;
  // Whether a store that lacks records of the newest checkpoint outside may go on: what is missing
  // is then lost for good, and the log says so.
  bool accept_older_store = false;
};

// Rebuilds a deployment whose HSM is lost on the configured token, from M shares of its recovery
// key. Where the token is the deployment's own, lets an older store go on with it, which takes the
// shares as well: NOTHING_TO_RESTORE unless the store is one, and accept_older_store says so. The
// service must be stopped. Nothing is changed before every share, copy, row and record was
// checked; then the rows and the record Log.Restored are one commit, and the sidecar is replaced
// last, so that a run which was broken off can be repeated. Says on standard error how far it is,
// and at the end what must be issued again.
absl::Status Restore(const Config& config, const RestoreOptions& options);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_RESTORE_H_
