#include "keysvc/keys/jwks.h"

#include <string>
#include <utility>
#include <vector>

#include "crypto/certificate_chain.h"
#include "jose/jwk.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/signature.h"
#include "status/macros.h"

namespace keysvc::keys {

// A verifier that looks at certificates which have ended would refuse the key, which goes on.
absl::StatusOr<std::vector<std::string>> ValidCertificatesOf(const KeyVersion& version,
                                                             absl::Time now) {
  std::vector<std::string> none;
  if (version.certificates.empty()) return none;
  ASSIGN_OR_RETURN(crypto::CertificateChain chain,
                   crypto::CertificateChainFromDer(version.certificates));
  if (now < chain.not_before || now > chain.not_after) return none;
  return std::move(chain.certificates);
}

absl::StatusOr<std::string> JwkOf(PublicKeys& public_keys, const KeyVersion& version,
                                  absl::Time now) {
  const KeyParameters& parameters = version.parameters;
  std::string alg;
  if (parameters.purpose != Purpose::kSign || !RsaHashOf(parameters.algorithm).has_value()) {
    ASSIGN_OR_RETURN(alg, JoseAlgOf(parameters.algorithm));
  }
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  ASSIGN_OR_RETURN(const auto certificates, ValidCertificatesOf(version, now));
  return jose::Jwk(*half->key, alg, KidOf(version, *half), certificates);
}

absl::StatusOr<std::string> JwksOf(const KeyRegistry& registry, PublicKeys& public_keys,
                                   const KeyName& name, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<KeyVersion> versions, registry.Versions(name));
  // Numbers that were given up may have been for another purpose.
  const KeyParameters& newest = versions.back().parameters;
  RETURN_IF_ERROR(CheckServes(newest.purpose,
                              {Purpose::kJws, Purpose::kHttp, Purpose::kWebhook, Purpose::kCose}));
  RETURN_IF_ERROR(JoseAlgOf(newest.algorithm).status());
  std::vector<std::string> jwks;
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (!IsPrepared(*version) && !CheckUse(*version, Use::kProcess, now).ok()) continue;
    ASSIGN_OR_RETURN(std::string jwk, JwkOf(public_keys, *version, now));
    jwks.push_back(std::move(jwk));
  }
  return jose::JwkSet(jwks);
}

}  // namespace keysvc::keys
