#ifndef KEYSVC_CRYPTO_SECRET_ACCESS_H_
#define KEYSVC_CRYPTO_SECRET_ACCESS_H_

namespace keysvc::crypto {

// The word that every reader of a secret must write: `secret.Expose(SecretAccess::kGranted)`. It
// grants nothing by itself; it makes one grep list all readers, and tests/lint/secret_access.py
// holds the list of files that may write it.
enum class SecretAccess { kGranted };

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SECRET_ACCESS_H_
