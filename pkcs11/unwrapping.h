// Secrets of others, unwrapped inside the token: outside it nobody sees them.
#ifndef KEYSVC_PKCS11_UNWRAPPING_H_
#define KEYSVC_PKCS11_UNWRAPPING_H_

#include <string_view>

#include "absl/status/status.h"
#include "pkcs11/attributes.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"
#include "pkcs11/session.h"

namespace keysvc::pkcs11 {

// Unwraps the secret as the token's key `label` of an imported kind by the private half of a pair
// of the kind `unwrapping`. INVALID_ARGUMENT/WRAPPED_SECRET_INVALID of whatever is wrong with it;
// ALGORITHM_UNSUPPORTED by a token that does not unwrap this way. Where the token does not tell
// what is wrong, its own error: the blob may be, or the token.
absl::Status UnwrapSecret(Session& session, CK_OBJECT_HANDLE private_half, KeyKind unwrapping,
                          const WrappedSecret& secret, std::string_view label, KeyKind kind,
                          Restriction restriction);

// Whether the token opens what it wraps itself by the halves of a pair that unwraps. Nothing of it
// stays. INTERNAL/HSM_FAILURE when it opens to something else.
absl::Status ProveUnwrapping(Session& session, CK_OBJECT_HANDLE private_half,
                             CK_OBJECT_HANDLE public_half);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_UNWRAPPING_H_
