#ifndef KEYSVC_KEYSVC_KEYS_REGISTRY_MAC_H_
#define KEYSVC_KEYSVC_KEYS_REGISTRY_MAC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// HMAC-SHA-256 by the deployment's registry key, which never leaves the HSM: what rows about keys
// are authenticated by (docs/key_lifecycle.md). Thread-safe; blocks on the HSM, whose errors it
// gives, and FAILED_PRECONDITION/NOT_INITIALIZED when the token lacks the key.
class RegistryMac {
 public:
  // `label`: of the key on the token. The HSM outlives this object.
  RegistryMac(pkcs11::Hsm& hsm, std::string label);

  absl::StatusOr<std::string> Of(std::string_view input) const;
  absl::StatusOr<bool> IsOf(std::string_view input, std::string_view mac) const;

 private:
  pkcs11::Hsm& hsm_;
  const std::string label_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_REGISTRY_MAC_H_
