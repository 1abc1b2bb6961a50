#ifndef KEYSVC_CRYPTO_PUBLIC_KEY_H_
#define KEYSVC_CRYPTO_PUBLIC_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::crypto {

enum class SignatureAlgorithm {
  kEcdsaP256Sha256,
  kEcdsaP384Sha384,
  kRsaPkcs1Sha256,
  kRsaPkcs1Sha384,
  kRsaPkcs1Sha512,
  kRsaPssSha256,
  kRsaPssSha384,
  kRsaPssSha512,
  kEd25519,
};

// Of an RSA key, big-endian without leading zeros.
struct RsaNumbers {
  std::string modulus;
  std::string exponent;
};

// A public key that checks signatures in software. Thread-safe.
class PublicKey {
 public:
  // From the X.509 SubjectPublicKeyInfo in DER. INVALID_ARGUMENT/FIELD_INVALID when it is not one,
  // and of a point that is not on its curve or, of Ed25519, is of small order (FIPS 186-5 and
  // SP 800-186 D.1.3), of an RSA modulus that is even, too short or too long, of an RSA exponent
  // outside of FIPS 186-5 5.1; here and below.
  static absl::StatusOr<std::unique_ptr<PublicKey>> FromSpki(std::string_view der);
  // From PKCS#11 attributes: an uncompressed EC point (0x04 || X || Y), a raw Ed25519 point, an RSA
  // modulus and exponent (big-endian).
  static absl::StatusOr<std::unique_ptr<PublicKey>> FromP256Point(std::string_view point);
  static absl::StatusOr<std::unique_ptr<PublicKey>> FromP384Point(std::string_view point);
  static absl::StatusOr<std::unique_ptr<PublicKey>> FromEd25519(std::string_view point);
  static absl::StatusOr<std::unique_ptr<PublicKey>> FromRsa(std::string_view modulus,
                                                            std::string_view exponent);
  ~PublicKey();
  PublicKey(const PublicKey&) = delete;
  PublicKey& operator=(const PublicKey&) = delete;

  // Whether it is a key as far as numbers tell: what is checked above and, of an RSA modulus, that
  // it has no small factor and is neither a prime nor a power of one (SP 800-89 5.3.3). For keys of
  // others, once: takes up to 20 ms of an RSA key.
  bool IsValid() const;

  std::string ToSpki() const;
  std::string ToPem() const;
  // The raw 32-byte point of an Ed25519 key. FAILED_PRECONDITION for other kinds.
  absl::StatusOr<std::string> Ed25519Point() const;
  // The uncompressed point of a P-256 key: 0x04 || X || Y. FAILED_PRECONDITION for other kinds.
  absl::StatusOr<std::string> P256Point() const;
  // The same of a P-384 key.
  absl::StatusOr<std::string> P384Point() const;
  // FAILED_PRECONDITION for other kinds.
  absl::StatusOr<RsaNumbers> Rsa() const;

  // Whether `signature` is right for `message`. ECDSA signatures are DER (strictly parsed), Ed25519
  // is 64 bytes; RSA-PSS has a salt as long as the hash and MGF1 over the same hash.
  bool Verify(SignatureAlgorithm algorithm, std::string_view message,
              std::string_view signature) const;
  // The same for the message's hash; never of Ed25519, which takes messages only.
  bool VerifyDigest(SignatureAlgorithm algorithm, std::string_view digest,
                    std::string_view signature) const;

 private:
  struct Impl;
  explicit PublicKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// ECDSA signature encodings: r || s in fixed width (IEEE P1363, PKCS#11) and the DER SEQUENCE of
// X9.62. INVALID_ARGUMENT/FIELD_INVALID for what is not strictly one.
absl::StatusOr<std::string> EcdsaP1363ToDer(std::string_view raw);
absl::StatusOr<std::string> EcdsaDerToP1363(std::string_view der, std::size_t coordinate_size);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_PUBLIC_KEY_H_
