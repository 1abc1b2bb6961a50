#include "keysvc/keys/signature.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "crypto/ecdsa_low_s.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr SignatureScheme kEcdsaP256{"ECDSA-P256-SHA256", pkcs11::Mechanism::kEcdsaP256Sha256,
                                     crypto::SignatureAlgorithm::kEcdsaP256Sha256};
constexpr SignatureScheme kEcdsaP384{"ECDSA-P384-SHA384", pkcs11::Mechanism::kEcdsaP384Sha384,
                                     crypto::SignatureAlgorithm::kEcdsaP384Sha384};
constexpr SignatureScheme kEd25519{"Ed25519", pkcs11::Mechanism::kEd25519,
                                   crypto::SignatureAlgorithm::kEd25519};
constexpr SignatureScheme kHmac256{"HMAC-SHA256", pkcs11::Mechanism::kHmacSha256, std::nullopt};
constexpr SignatureScheme kHmac384{"HMAC-SHA384", pkcs11::Mechanism::kHmacSha384, std::nullopt};
constexpr SignatureScheme kHmac512{"HMAC-SHA512", pkcs11::Mechanism::kHmacSha512, std::nullopt};
constexpr SignatureScheme kCmac{"AES-CMAC", pkcs11::Mechanism::kAesCmac, std::nullopt};

// By hash.
constexpr std::array<SignatureScheme, 3> kRsaPss = {
    {{"RSA-PSS-SHA256", pkcs11::Mechanism::kRsaPssSha256,
      crypto::SignatureAlgorithm::kRsaPssSha256},
     {"RSA-PSS-SHA384", pkcs11::Mechanism::kRsaPssSha384,
      crypto::SignatureAlgorithm::kRsaPssSha384},
     {"RSA-PSS-SHA512", pkcs11::Mechanism::kRsaPssSha512,
      crypto::SignatureAlgorithm::kRsaPssSha512}}};
constexpr std::array<SignatureScheme, 3> kRsaPkcs1 = {
    {{"RSA-PKCS1-SHA256", pkcs11::Mechanism::kRsaPkcs1Sha256,
      crypto::SignatureAlgorithm::kRsaPkcs1Sha256},
     {"RSA-PKCS1-SHA384", pkcs11::Mechanism::kRsaPkcs1Sha384,
      crypto::SignatureAlgorithm::kRsaPkcs1Sha384},
     {"RSA-PKCS1-SHA512", pkcs11::Mechanism::kRsaPkcs1Sha512,
      crypto::SignatureAlgorithm::kRsaPkcs1Sha512}}};

// Of r || s; 0 for what is not ECDSA.
std::size_t EcdsaSizeOf(const SignatureScheme& scheme) {
  if (scheme.mechanism == pkcs11::Mechanism::kEcdsaP256Sha256) return 64;
  return scheme.mechanism == pkcs11::Mechanism::kEcdsaP384Sha384 ? 96 : 0;
}

}  // namespace

absl::Status CheckServes(Purpose purpose, std::initializer_list<Purpose> wanted) {
  if (std::find(wanted.begin(), wanted.end(), purpose) != wanted.end()) return absl::OkStatus();
  if (!IsMadeByRequest(purpose)) {
    return Error(Reason::kAlgorithmUnsupported, "this key does not sign");
  }
  return Error(Reason::kKeyPurposeMismatch, "the key is for another kind of signature");
}

absl::StatusOr<SignatureScheme> SchemeOf(const KeyParameters& parameters, RsaPadding padding) {
  if (const auto hash = RsaHashOf(parameters.algorithm); hash.has_value()) {
    return (padding == RsaPadding::kPss ? kRsaPss : kRsaPkcs1).at(static_cast<std::size_t>(*hash));
  }
  switch (parameters.algorithm) {
    case Algorithm::kEcP256:
      return kEcdsaP256;
    case Algorithm::kEcP384:
      return kEcdsaP384;
    case Algorithm::kEd25519:
      return kEd25519;
    case Algorithm::kHmacSha256:
      return kHmac256;
    case Algorithm::kHmacSha384:
      return kHmac384;
    case Algorithm::kHmacSha512:
      return kHmac512;
    case Algorithm::kAes256Cmac:
      return kCmac;
    default:
      return Error(Reason::kAlgorithmUnsupported, "this key does not sign");
  }
}

absl::StatusOr<std::string> NormalizeSignature(const KeyParameters& parameters, std::string raw) {
  if (!parameters.low_s) return raw;
  return crypto::WithLowS(std::move(raw));
}

bool HasSOfKey(const KeyParameters& parameters, std::string_view signature) {
  if (!parameters.low_s) return true;
  const std::size_t coordinate = parameters.algorithm == Algorithm::kEcP256 ? 32 : 48;
  const auto raw = crypto::EcdsaDerToP1363(signature, coordinate);
  return raw.ok() && crypto::HasLowS(*raw);
}

absl::StatusOr<std::string> EncodeSignature(const SignatureScheme& scheme,
                                            SignatureEncoding encoding, std::string raw) {
  if (EcdsaSizeOf(scheme) == 0 || encoding == SignatureEncoding::kP1363) return raw;
  return crypto::EcdsaP1363ToDer(raw);
}

std::optional<std::string> DecodeSignature(const SignatureScheme& scheme,
                                           SignatureEncoding encoding, std::string_view signature) {
  const std::size_t size = EcdsaSizeOf(scheme);
  if (size == 0 || encoding == SignatureEncoding::kDer) return std::string(signature);
  if (signature.size() != size) return std::nullopt;
  auto der = crypto::EcdsaP1363ToDer(signature);
  if (!der.ok()) return std::nullopt;
  return *std::move(der);
}

}  // namespace keysvc::keys
