#include "pkcs11/hsm.h"

#include <algorithm>

#include "status/reason.h"

namespace keysvc::pkcs11 {

std::string_view NameOf(KeyKind kind) {
  switch (kind) {
    case KeyKind::kAes256Wrapping:
      return "AES-256-GCM";
    case KeyKind::kHmacSha256:
      return "HMAC-SHA256";
    case KeyKind::kEcP256:
      return "EC-P256";
    case KeyKind::kEd25519:
      return "ED25519";
    case KeyKind::kRsa2048:
      return "RSA-2048";
    case KeyKind::kRsa3072:
      return "RSA-3072";
    case KeyKind::kRsa4096:
      return "RSA-4096";
    case KeyKind::kEcP384:
      return "EC-P384";
    case KeyKind::kHmacSha384:
      return "HMAC-SHA384";
    case KeyKind::kHmacSha512:
      return "HMAC-SHA512";
    case KeyKind::kAes256Cmac:
      return "AES-256-CMAC";
    case KeyKind::kRsa3072Unwrapping:
      return "RSA-3072-OAEP";
    case KeyKind::kRsa4096Unwrapping:
      return "RSA-4096-OAEP";
    case KeyKind::kImportedHmacSha256:
      return "HMAC-SHA256, imported";
    case KeyKind::kImportedHmacSha384:
      return "HMAC-SHA384, imported";
    case KeyKind::kImportedHmacSha512:
      return "HMAC-SHA512, imported";
    case KeyKind::kImportedAes256Cmac:
      return "AES-256-CMAC, imported";
  }
  return {};
}

std::string_view NameOf(Wrapping wrapping) {
  switch (wrapping) {
    case Wrapping::kRsaOaepSha256:
      return "RSA-OAEP-256";
    case Wrapping::kRsaOaepSha1:
      return "RSA-OAEP";
    case Wrapping::kRsaAesSha256:
      return "RSA-AES-256";
    case Wrapping::kRsaAesSha1:
      return "RSA-AES";
  }
  return {};
}

bool Unwraps(KeyKind kind) {
  return kind == KeyKind::kRsa3072Unwrapping || kind == KeyKind::kRsa4096Unwrapping;
}

bool IsImported(KeyKind kind) {
  return kind == KeyKind::kImportedHmacSha256 || kind == KeyKind::kImportedHmacSha384 ||
         kind == KeyKind::kImportedHmacSha512 || kind == KeyKind::kImportedAes256Cmac;
}

bool Allows(KeyKind kind, Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kEcdsaP256Sha256:
      return kind == KeyKind::kEcP256;
    case Mechanism::kEcdsaP384Sha384:
      return kind == KeyKind::kEcP384;
    case Mechanism::kEd25519:
      return kind == KeyKind::kEd25519;
    case Mechanism::kRsaPkcs1Sha256:
    case Mechanism::kRsaPkcs1Sha384:
    case Mechanism::kRsaPkcs1Sha512:
    case Mechanism::kRsaPssSha256:
    case Mechanism::kRsaPssSha384:
    case Mechanism::kRsaPssSha512:
      return kind == KeyKind::kRsa2048 || kind == KeyKind::kRsa3072 || kind == KeyKind::kRsa4096;
    case Mechanism::kHmacSha256:
      return kind == KeyKind::kHmacSha256 || kind == KeyKind::kImportedHmacSha256;
    case Mechanism::kHmacSha384:
      return kind == KeyKind::kHmacSha384 || kind == KeyKind::kImportedHmacSha384;
    case Mechanism::kHmacSha512:
      return kind == KeyKind::kHmacSha512 || kind == KeyKind::kImportedHmacSha512;
    case Mechanism::kAesCmac:
      return kind == KeyKind::kAes256Cmac || kind == KeyKind::kImportedAes256Cmac;
  }
  return false;
}

bool Capabilities::Supports(KeyKind kind) const {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::optional<crypto::HashAlgorithm> HashOf(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kEcdsaP256Sha256:
    case Mechanism::kRsaPkcs1Sha256:
    case Mechanism::kRsaPssSha256:
      return crypto::HashAlgorithm::kSha256;
    case Mechanism::kEcdsaP384Sha384:
    case Mechanism::kRsaPkcs1Sha384:
    case Mechanism::kRsaPssSha384:
      return crypto::HashAlgorithm::kSha384;
    case Mechanism::kRsaPkcs1Sha512:
    case Mechanism::kRsaPssSha512:
      return crypto::HashAlgorithm::kSha512;
    case Mechanism::kEd25519:
    case Mechanism::kHmacSha256:
    case Mechanism::kHmacSha384:
    case Mechanism::kHmacSha512:
    case Mechanism::kAesCmac:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::Status CheckDigest(Mechanism mechanism, std::string_view digest) {
  const std::optional<crypto::HashAlgorithm> hash = HashOf(mechanism);
  if (!hash.has_value()) {
    return Error(Reason::kAlgorithmUnsupported, "the algorithm takes messages only");
  }
  if (digest.size() == crypto::SizeOf(*hash)) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "the digest is not as long as the algorithm's hash",
               "digest");
}

}  // namespace keysvc::pkcs11
