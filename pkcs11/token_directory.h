#ifndef KEYSVC_PKCS11_TOKEN_DIRECTORY_H_
#define KEYSVC_PKCS11_TOKEN_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"

namespace keysvc::pkcs11 {

// Writes what a software token keeps under `directory` through to the disk (syncfs); the whole
// system when `directory` is empty. SoftHSM2 does not do so itself, and a power cut would take a
// key with all that was encrypted under it. UNAVAILABLE/HSM_UNAVAILABLE when that fails.
absl::Status MakeDurable(const std::string& directory);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_TOKEN_DIRECTORY_H_
