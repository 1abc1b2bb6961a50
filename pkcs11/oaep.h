// RSA-OAEP of a key in the token, for somebody else (RFC 8017 section 7.1, PKCS#11 v2.40 section
// 2.1.8).
#ifndef KEYSVC_PKCS11_OAEP_H_
#define KEYSVC_PKCS11_OAEP_H_

#include "absl/status/statusor.h"
#include "crypto/public_key.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"
#include "pkcs11/session.h"

namespace keysvc::pkcs11 {

enum class OaepHash { kSha256, kSha1 };

// The mechanism with its parameters: the label is empty, and MGF1 uses the same hash. The memory it
// points to is static.
CK_MECHANISM OaepBy(OaepHash hash);

// Whether the token says that it knows no such mechanism, or not with these parameters.
bool IsRefusalOfMechanism(CK_RV code);

// Wraps an extractable secret key under the RSA key of `recipient`, which is in the token for as
// long as that takes. By SHA-256, or by SHA-1 where the token knows no other hash for it, as
// SoftHSM2 does: OAEP does not rest on collisions being hard to find. The label is empty.
absl::StatusOr<WrappedKey> WrapOaep(Session& session, CK_OBJECT_HANDLE key,
                                    const crypto::RsaNumbers& recipient);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_OAEP_H_
