#ifndef KEYSVC_KEYSVC_KEYS_RESTORATION_H_
#define KEYSVC_KEYSVC_KEYS_RESTORATION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "crypto/recovery_key.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/key_wrapping.h"
#include "pkcs11/hsm.h"
#include "store/rows.h"

namespace keysvc::keys {

// Whether the token does not open the deployment's database key; the token's own error when it
// cannot be asked.
absl::StatusOr<bool> IsHsmLost(const Deployment& deployment, pkcs11::Hsm& hsm);

// The database key from its copy in the sidecar. FAILED_PRECONDITION/RECOVERY_KEY_MISMATCH when it
// is sealed to another recovery key or to none; STORE_FOREIGN and ENVIRONMENT_MISMATCH when the
// sidecar is another's; DATA_LOSS/INTEGRITY_FAILURE when it was changed.
absl::StatusOr<crypto::SecretKey<32>> RecoverDatabaseKey(const Deployment& deployment,
                                                         const crypto::RecoveryKey& recovery_key);

// What a restoration writes, and says.
struct RestoredKeys {
  store::Mutation mutation;
  // Rotated versions, and (failed) lost ones, given up ones, and those whose making was broken off.
  std::vector<audit::Item> items;
  std::map<std::string, std::string> details;  // the digests of the new copies, by version
  // Resource names of versions; given up are those that were made ahead and may have signed since.
  std::vector<std::string> rotated, lost, given_up;
  std::vector<std::string> unknown;  // labels on the token of versions that the store does not have
  std::size_t opened = 0;
};

// Brings the keys of a lost HSM to another one, or those of an older store to the HSM that it had,
// in memory: Open() reads every copy, and Rewrap() makes the rows that the HSM can open from now
// on. Not thread-safe. The opened keys are wiped with the object.
class Restoration {
 public:
  // `rows`: all of the store, already compared with the log, since their MACs cannot be checked.
  explicit Restoration(std::vector<store::KeyVersionRow> rows) : rows_(std::move(rows)) {}

  // DATA_LOSS/INTEGRITY_FAILURE when a copy does not open. ENVIRONMENT_MISMATCH for keys of another
  // environment.
  absl::Status Open(const Deployment& deployment, const crypto::RecoveryKey& recovery_key);

  // Wraps every key by `wrapping` and authenticates every row with `rows`. Keys of purpose token
  // and data get a new primary version, sealed by `wrapping` too: an older store may give again
  // what was given with the versions before. Keys that live in an HSM only become destroyed unless
  // `hsm` holds them: another key under the label of one does not count. Of a key that may sign so
  // often only the primary version signs no more, and one that was made ahead becomes destroyed. So
  // does one whose making was broken off.
  absl::StatusOr<RestoredKeys> Rewrap(pkcs11::Hsm& hsm, KeyWrapping& wrapping,
                                      const KeyVersionRows& rows, absl::Time now);

 private:
  struct Opened {
    KeyRecord record;
    crypto::SecretBytes key;  // empty where the row holds none
  };
  absl::Status Rotate(KeyRecord& primary, std::uint32_t number, KeyWrapping& wrapping,
                      const KeyVersionRows& rows, absl::Time now, RestoredKeys& restored);

  std::vector<store::KeyVersionRow> rows_;
  std::vector<Opened> opened_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_RESTORATION_H_
