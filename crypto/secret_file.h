#ifndef KEYSVC_CRYPTO_SECRET_FILE_H_
#define KEYSVC_CRYPTO_SECRET_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"

namespace keysvc::crypto {

// Files that hold a secret, read into and written from locked memory without a buffer between.

// The whole file. INVALID_ARGUMENT/FIELD_INVALID when it cannot be read, is empty or is longer than
// `limit` bytes (at most 64 KiB); the message names it.
absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path, std::size_t limit);

// Makes the file, mode 0600, and makes it durable. ALREADY_EXISTS/KEY_EXISTS when there is one,
// which stays as it is; UNAVAILABLE/STORE_UNAVAILABLE when it cannot be written, and then there is
// none.
absl::Status WriteSecretFile(const std::string& path, const SecretBytes& content);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SECRET_FILE_H_
