// AES-256-GCM with a key in the token (PKCS#11 v2.40 section 2.12.5, SP 800-38D).
#ifndef KEYSVC_PKCS11_GCM_H_
#define KEYSVC_PKCS11_GCM_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/session.h"

namespace keysvc::pkcs11 {

// iv(12) || ciphertext || tag(16), with a random IV made here: tokens accept a missing IV and then
// use the same one twice.
absl::StatusOr<std::string> SealGcm(Session& session, CK_OBJECT_HANDLE key, crypto::ByteView secret,
                                    std::string_view aad);

// DATA_LOSS/INTEGRITY_FAILURE when `sealed` is too short or the token says that it is wrong.
// SoftHSM2 only says CKR_GENERAL_ERROR then, as it does when the token is away; the caller finds
// out which with ProveGcm() in another session.
absl::StatusOr<crypto::SecretBytes> OpenGcm(Session& session, CK_OBJECT_HANDLE key,
                                            std::string_view sealed, std::string_view aad);

// Seals and opens a known value: OK when the token and the key work.
absl::Status ProveGcm(Session& session, CK_OBJECT_HANDLE key);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_GCM_H_
