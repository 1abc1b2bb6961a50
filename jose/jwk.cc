#include "jose/jwk.h"

#include <cstddef>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "crypto/base64.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "nlohmann/json.hpp"

namespace keysvc::jose {
namespace {

using Json = nlohmann::ordered_json;

// `point`: 0x04 || X || Y.
Json EcMembers(const char* curve, std::string_view point) {
  const std::size_t width = (point.size() - 1) / 2;
  return {{"crv", curve},
          {"kty", "EC"},
          {"x", crypto::ToBase64Url(point.substr(1, width))},
          {"y", crypto::ToBase64Url(point.substr(1 + width))}};
}

// The members that make the key, in the order of RFC 7638 section 3.3.
Json RequiredMembers(const crypto::PublicKey& key) {
  if (const auto point = key.Ed25519Point(); point.ok()) {
    return {{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", crypto::ToBase64Url(*point)}};
  }
  if (const auto point = key.P256Point(); point.ok()) return EcMembers("P-256", *point);
  if (const auto point = key.P384Point(); point.ok()) return EcMembers("P-384", *point);
  const crypto::RsaNumbers numbers = key.Rsa().value();
  return {{"e", crypto::ToBase64Url(numbers.exponent)},
          {"kty", "RSA"},
          {"n", crypto::ToBase64Url(numbers.modulus)}};
}

}  // namespace

std::string Thumbprint(const crypto::PublicKey& key) {
  return crypto::ToBase64Url(crypto::AsText(crypto::Sha256(RequiredMembers(key).dump())));
}

std::string Jwk(const crypto::PublicKey& key, const std::string& alg, const std::string& kid,
                const std::vector<std::string>& certificates) {
  Json jwk = RequiredMembers(key);
  if (!alg.empty()) jwk["alg"] = alg;
  jwk["use"] = "sig";
  jwk["kid"] = kid;
  for (const std::string& certificate : certificates) {
    jwk["x5c"].push_back(absl::Base64Escape(certificate));
  }
  if (!certificates.empty()) {
    jwk["x5t#S256"] = crypto::ToBase64Url(crypto::AsText(crypto::Sha256(certificates.front())));
  }
  return jwk.dump();
}

std::string JwkSet(const std::vector<std::string>& jwks) {
  return R"({"keys":[)" + absl::StrJoin(jwks, ",") + "]}";
}

}  // namespace keysvc::jose
