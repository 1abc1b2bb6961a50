#ifndef KEYSVC_CRYPTO_ED25519_POINT_H_
#define KEYSVC_CRYPTO_ED25519_POINT_H_

#include <string_view>

namespace keysvc::crypto {

// Whether the 32 bytes are the one encoding of a point of edwards25519 (RFC 8032 section 5.1.3)
// that is not of small order. OpenSSL takes any 32 bytes for a public key, and under the eight
// points whose order divides 8 anybody can make signatures that verify for every message. Of public
// values only: takes no constant time.
bool IsEd25519PublicKey(std::string_view point);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_ED25519_POINT_H_
