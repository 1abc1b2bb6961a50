#ifndef KEYSVC_KEYSVC_KEYS_CERTIFIED_VERSION_H_
#define KEYSVC_KEYSVC_KEYS_CERTIFIED_VERSION_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_request.h"
#include "keysvc/keys/key_rings.h"
#include "keysvc/keys/key_version_row.h"

namespace keysvc::keys {

// The record of a version that verifies still, or waits to sign, with these certificates
// (crypto::ReadCertificateChain) and, unless it is empty, this kid instead of its own.
// NOT_FOUND/KEY_NOT_FOUND; FAILED_PRECONDITION with KEY_PURPOSE_MISMATCH for keys without a public
// half, and for a kid of one that is not of the purpose jws, with KEY_NOT_ACTIVE for other
// versions; INVALID_ARGUMENT naming "pem", or "kid": one is 1 to 128 of A-Z a-z 0-9 - _ . without a
// card number (tokenizer/hidden_pan.h), and neither kid nor thumbprint of another version of the
// key, which whoever verifies could take for this one.
absl::StatusOr<KeyRecord> CertifiedVersion(const KeyRings& rings,
                                           const CertificateAttachment& attachment, absl::Time now);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_CERTIFIED_VERSION_H_
