#ifndef KEYSVC_KEYSVC_KEYS_JWKS_H_
#define KEYSVC_KEYSVC_KEYS_JWKS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/public_keys.h"

namespace keysvc::keys {

// The certificates of a key version in DER, its own first; none where none are attached or one of
// them is not valid now. DATA_LOSS/INTEGRITY_FAILURE when they cannot be read.
absl::StatusOr<std::vector<std::string>> ValidCertificatesOf(const KeyVersion& version,
                                                             absl::Time now);

// The JWK of a version of any key pair, as it is in the set below. Without "alg" for RSA keys of
// the purpose sign, whose padding is each request's. FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for
// keys without a public half.
absl::StatusOr<std::string> JwkOf(PublicKeys& public_keys, const KeyVersion& version,
                                  absl::Time now);

// The JWK set of every version of a key that may still verify and of the one that will sign next,
// newest first. NOT_FOUND/KEY_NOT_FOUND, FAILED_PRECONDITION/KEY_PURPOSE_MISMATCH for keys of other
// purposes than jws, http, webhook and cose.
absl::StatusOr<std::string> JwksOf(const KeyRegistry& registry, PublicKeys& public_keys,
                                   const KeyName& name, absl::Time now);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_JWKS_H_
