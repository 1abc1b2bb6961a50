#ifndef KEYSVC_JOSE_JWK_H_
#define KEYSVC_JOSE_JWK_H_

#include <string>
#include <vector>

#include "crypto/public_key.h"

namespace keysvc::jose {

// Of a public key, the SHA-256 thumbprint of RFC 7638 in base64url: the same for everybody who has
// the key, and it tells nothing else.
std::string Thumbprint(const crypto::PublicKey& key);

// The JSON Web Key of RFC 7517 (RFC 7518 section 6, RFC 8037) of a key that signs: "use" is "sig",
// "kid" is `kid`. `alg` is a name of RFC 7518 section 3.1, or "EdDSA"; empty: it is left out.
// `certificates`, in DER with the key's own first, become "x5c" and "x5t#S256" (RFC 7517 sections
// 4.7 and 4.9) unless there are none.
std::string Jwk(const crypto::PublicKey& key, const std::string& alg, const std::string& kid,
                const std::vector<std::string>& certificates = {});

// A JWK set (RFC 7517 section 5) of what Jwk gave.
std::string JwkSet(const std::vector<std::string>& jwks);

}  // namespace keysvc::jose

#endif  // KEYSVC_JOSE_JWK_H_
