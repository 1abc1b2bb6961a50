// What comes wrapped, as far as it can be judged without opening it.
#ifndef KEYSVC_PKCS11_WRAPPED_SECRET_H_
#define KEYSVC_PKCS11_WRAPPED_SECRET_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "pkcs11/hsm.h"

namespace keysvc::pkcs11 {

// INVALID_ARGUMENT/WRAPPED_SECRET_INVALID, field "wrapped_secret": of whatever is wrong with it.
absl::Status WrappedSecretInvalid();

// Whether a secret of so many bytes may be a key of this kind. Of HMACs 24 to 64, as Standard
// Webhooks has them; of AES-256-CMAC 32.
bool FitsSecret(KeyKind kind, std::size_t size);

// What was wrapped, taken apart. The views are of what it was taken from.
struct WrappedParts {
  std::string_view rsa;  // as long as the modulus
  std::string_view aes;  // the secret under the AES key in `rsa`; empty where `rsa` has the secret
};
// nullopt when it does not have the size of a secret of this kind that is wrapped so. `modulus`: in
// bytes.
std::optional<WrappedParts> PartsOf(const WrappedSecret& secret, KeyKind kind, std::size_t modulus);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_WRAPPED_SECRET_H_
