#include "keysvc/keys/registry_mac.h"

#include <utility>

#include "crypto/bytes.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

RegistryMac::RegistryMac(pkcs11::Hsm& hsm, std::string label)
    : hsm_(hsm), label_(std::move(label)) {}

absl::StatusOr<std::string> RegistryMac::Of(std::string_view input) const {
  auto mac = hsm_.Sign(label_, pkcs11::Mechanism::kHmacSha256, input);
  if (ReasonOf(mac.status()) == Reason::kKeyNotFound) {
    return Error(Reason::kNotInitialized, "the token lacks the key that seals key rows");
  }
  return mac;
}

absl::StatusOr<bool> RegistryMac::IsOf(std::string_view input, std::string_view mac) const {
  ASSIGN_OR_RETURN(const std::string right, Of(input));
  return crypto::EqualInConstantTime(crypto::AsBytes(right), crypto::AsBytes(mac));
}

}  // namespace keysvc::keys
