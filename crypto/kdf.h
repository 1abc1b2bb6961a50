#ifndef KEYSVC_CRYPTO_KDF_H_
#define KEYSVC_CRYPTO_KDF_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/secret_key.h"

namespace keysvc::crypto {

// HKDF-SHA-256 (RFC 5869) with an empty salt: a 256-bit key for one use of `key`, named by `info`.
absl::StatusOr<SecretKey<32>> DeriveKey(const SecretKey<32>& key, std::string_view info);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_KDF_H_
