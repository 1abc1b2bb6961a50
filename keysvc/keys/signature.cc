#include "keysvc/keys/signature.h"

#include <algorithm>
#include <utility>

#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr SignatureScheme kEcdsaP256{"ECDSA-P256-SHA256", pkcs11::Mechanism::kEcdsaP256Sha256,
                                     crypto::SignatureAlgorithm::kEcdsaP256Sha256};
constexpr SignatureScheme kRsaPss{"RSA-PSS-SHA256", pkcs11::Mechanism::kRsaPssSha256,
                                  crypto::SignatureAlgorithm::kRsaPssSha256};
constexpr SignatureScheme kRsaPkcs1{"RSA-PKCS1-SHA256", pkcs11::Mechanism::kRsaPkcs1Sha256,
                                    crypto::SignatureAlgorithm::kRsaPkcs1Sha256};
constexpr SignatureScheme kEd25519{"Ed25519", pkcs11::Mechanism::kEd25519,
                                   crypto::SignatureAlgorithm::kEd25519};
constexpr SignatureScheme kHmac{"HMAC-SHA256", pkcs11::Mechanism::kHmacSha256, std::nullopt};

bool IsEcdsa(const SignatureScheme& scheme) {
  return scheme.mechanism == pkcs11::Mechanism::kEcdsaP256Sha256;
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
  switch (parameters.algorithm) {
    case Algorithm::kEcP256:
      return kEcdsaP256;
    case Algorithm::kRsa2048:
    case Algorithm::kRsa3072:
      return padding == RsaPadding::kPss ? kRsaPss : kRsaPkcs1;
    case Algorithm::kEd25519:
      return kEd25519;
    case Algorithm::kHmacSha256:
      return kHmac;
    case Algorithm::kAes256:
      break;
  }
  return Error(Reason::kAlgorithmUnsupported, "this key does not sign");
}

absl::StatusOr<std::string> EncodeSignature(const SignatureScheme& scheme,
                                            SignatureEncoding encoding, std::string raw) {
  if (!IsEcdsa(scheme) || encoding == SignatureEncoding::kP1363) return raw;
  return crypto::EcdsaP1363ToDer(raw);
}

std::optional<std::string> DecodeSignature(const SignatureScheme& scheme,
                                           SignatureEncoding encoding, std::string_view signature) {
  if (!IsEcdsa(scheme) || encoding == SignatureEncoding::kDer) return std::string(signature);
  // Both numbers of a P-256 signature have 32 bytes.
  if (signature.size() != 64) return std::nullopt;
  auto der = crypto::EcdsaP1363ToDer(signature);
  if (!der.ok()) return std::nullopt;
  return *std::move(der);
}

}  // namespace keysvc::keys
