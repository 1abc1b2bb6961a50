#include "keysvc/keys/public_keys.h"

#include <utility>

#include "jose/jwk.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

absl::StatusOr<std::shared_ptr<const PublicHalf>> ReadPublicHalf(std::string_view spki) {
  auto parsed = crypto::PublicKey::FromSpki(spki);
  if (!parsed.ok()) return Error(Reason::kIntegrityFailure, "a stored public key is none");
  auto half = std::make_shared<PublicHalf>();
  half->key = *std::move(parsed);
  half->pem = half->key->ToPem();
  half->thumbprint = jose::Thumbprint(*half->key);
  return half;
}

const std::string& KidOf(const KeyVersion& version, const PublicHalf& half) {
  return version.kid.empty() ? half.thumbprint : version.kid;
}

absl::StatusOr<std::shared_ptr<const PublicHalf>> PublicKeys::Of(const KeyVersion& version) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(version.name);
    if (known != known_.end()) return known->second;
  }
  if (version.public_key.empty()) {
    return Error(Reason::kAlgorithmUnsupported, "the key has no public half");
  }
  ASSIGN_OR_RETURN(auto half, ReadPublicHalf(version.public_key));
  const std::lock_guard lock(mutex_);
  return known_.emplace(version.name, std::move(half)).first->second;
}

}  // namespace keysvc::keys
