#ifndef KEYSVC_KEYSVC_KEYS_RECOVERY_COPIES_H_
#define KEYSVC_KEYSVC_KEYS_RECOVERY_COPIES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "crypto/recovery_key.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_wrapping.h"
#include "pkcs11/hsm.h"
#include "store/rows.h"
#include "store/store.h"

namespace keysvc::keys {

// What the log keeps of a sealed key: base64 of its SHA-256. Sealing takes no secret, so that only
// the log tells the service's copy from one that somebody else made.
std::string RecoveryDigest(std::string_view sealed);

// Whether a row holds a key that has to be sealed to the recovery certificate.
bool NeedsRecoveryCopy(const store::KeyVersionRow& row);

// FAILED_PRECONDITION/RECOVERY_KEY_MISMATCH unless sidecar and rows are all sealed to the
// certificate; without one (null), unless the sidecar is sealed to none. The message says what to
// do.
absl::Status CheckRecoveryCopies(const Deployment& deployment, store::Store& store,
                                 const crypto::RecoveryCertificate* certificate);

// Seals every wrapped key to the certificate in one recorded change (KeyService.SealForRecovery),
// then the database key in the sidecar. Can be repeated after a kill. No registry of this store may
// be loaded meanwhile. Returns how many keys the store had.
absl::StatusOr<std::size_t> EnrollRecovery(const Deployment& deployment, pkcs11::Hsm& hsm,
                                           KeyWrapping& wrapping, store::Store& store,
                                           audit::Journal& journal,
                                           const crypto::RecoveryCertificate& certificate);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_RECOVERY_COPIES_H_
