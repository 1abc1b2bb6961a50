#include "crypto/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/context_pool.h"
#include "crypto/digest.h"
#include "crypto/ed25519_point.h"
#include "crypto/openssl_handle.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpenSslDeleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, OpenSslDeleter<OSSL_PARAM_free>>;

constexpr std::size_t kP256PointSize = 65;
constexpr std::size_t kP384PointSize = 97;
constexpr std::size_t kEd25519PointSize = 32;
constexpr int kSmallestModulusBits = 2048;
constexpr int kLargestModulusBits = 8192;

constexpr std::size_t kAlgorithms = static_cast<std::size_t>(SignatureAlgorithm::kEd25519) + 1;

enum class Kind { kP256, kP384, kEd25519, kRsa };

// How OpenSSL is to check an algorithm's signatures.
struct Check {
  Kind kind;
  std::optional<HashAlgorithm> hash;  // none where the algorithm hashes by itself
  int padding;                        // of RSA
};

Check CheckOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return {Kind::kP256, HashAlgorithm::kSha256, 0};
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return {Kind::kP384, HashAlgorithm::kSha384, 0};
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      return {Kind::kRsa, HashAlgorithm::kSha256, RSA_PKCS1_PADDING};
    case SignatureAlgorithm::kRsaPkcs1Sha384:
      return {Kind::kRsa, HashAlgorithm::kSha384, RSA_PKCS1_PADDING};
    case SignatureAlgorithm::kRsaPkcs1Sha512:
      return {Kind::kRsa, HashAlgorithm::kSha512, RSA_PKCS1_PADDING};
    case SignatureAlgorithm::kRsaPssSha256:
      return {Kind::kRsa, HashAlgorithm::kSha256, RSA_PKCS1_PSS_PADDING};
    case SignatureAlgorithm::kRsaPssSha384:
      return {Kind::kRsa, HashAlgorithm::kSha384, RSA_PKCS1_PSS_PADDING};
    case SignatureAlgorithm::kRsaPssSha512:
      return {Kind::kRsa, HashAlgorithm::kSha512, RSA_PKCS1_PSS_PADDING};
    case SignatureAlgorithm::kEd25519:
      break;
  }
  return {Kind::kEd25519, std::nullopt, 0};
}

// Ready to verify any number of digests; null when OpenSSL cannot.
PkeyContext MakeContext(EVP_PKEY* key, const Check& check) {
  static const std::array<const EVP_MD*, 3> hashes = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
  PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const bool ready = context != nullptr && EVP_PKEY_verify_init(context.get()) == 1 &&
                     (check.kind != Kind::kRsa ||
                      EVP_PKEY_CTX_set_rsa_padding(context.get(), check.padding) == 1) &&
                     EVP_PKEY_CTX_set_signature_md(
                         context.get(), hashes.at(static_cast<std::size_t>(*check.hash))) == 1 &&
                     (check.padding != RSA_PKCS1_PSS_PADDING ||
                      EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1);
  return ready ? std::move(context) : nullptr;
}

// EdDSA takes the message itself.
bool VerifyEd25519(EVP_PKEY* key, std::string_view message, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key, nullptr) ==
             1 &&
         EVP_DigestVerify(context.get(), AsBytes(signature).data(), signature.size(),
                          AsBytes(message).data(), message.size()) == 1;
}

// Of one number of an ECDSA signature; 0 for other keys.
std::size_t CoordinateSizeOf(Kind kind) {
  if (kind == Kind::kP256) return (kP256PointSize - 1) / 2;
  return kind == Kind::kP384 ? (kP384PointSize - 1) / 2 : 0;
}

absl::Status NotAKey() { return Error(Reason::kFieldInvalid, "not an acceptable public key"); }

// Null when `params` describe no valid key of `type`.
PkeyHandle FromParams(const char* type, ParamBuilder builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PkeyHandle(key);
}

BignumHandle ToNumber(std::string_view big_endian) {
  return BignumHandle(
      BN_bin2bn(AsBytes(big_endian).data(), static_cast<int>(big_endian.size()), nullptr));
}

std::string ToBigEndian(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<std::uint8_t*>(bytes.data()));
  return bytes;
}

std::string NumberOf(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return "";
  return ToBigEndian(BignumHandle(number).get());
}

std::string EcPointOf(EVP_PKEY* key) {
  unsigned char* point = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);
  std::string bytes(AsText(ByteView(point, size)));
  OPENSSL_free(point);
  return bytes;
}

std::string Ed25519PointOf(const EVP_PKEY* key) {
  std::string bytes(kEd25519PointSize, '\0');
  std::size_t size = bytes.size();
  Require(EVP_PKEY_get_raw_public_key(key, reinterpret_cast<std::uint8_t*>(bytes.data()), &size) ==
          1);
  return bytes;
}

// Null when it is no uncompressed point on the curve.
PkeyHandle FromEcPoint(const char* curve, std::string_view point, std::size_t size) {
  if (point.size() != size || point.front() != 4) return nullptr;
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParams("EC", std::move(builder));
}

}  // namespace

struct PublicKey::Impl {
  // An error for null.
  static absl::StatusOr<std::unique_ptr<PublicKey>> Owner(Kind kind, PkeyHandle key) {
    if (key == nullptr) return NotAKey();
    return std::unique_ptr<PublicKey>(new PublicKey(std::make_unique<Impl>(kind, std::move(key))));
  }
  Impl(Kind of, PkeyHandle handle) : kind(of), key(std::move(handle)) {}

  Kind kind;
  PkeyHandle key;
  // By algorithm. Finding what verifies takes OpenSSL as long as an RSA signature takes to verify.
  std::array<ContextPool<PkeyContext>, kAlgorithms> contexts;
};

PublicKey::PublicKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PublicKey::~PublicKey() = default;

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromP256Point(std::string_view point) {
  return Impl::Owner(Kind::kP256, FromEcPoint("P-256", point, kP256PointSize));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromP384Point(std::string_view point) {
  return Impl::Owner(Kind::kP384, FromEcPoint("P-384", point, kP384PointSize));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromEd25519(std::string_view point) {
  if (!IsEd25519PublicKey(point)) return NotAKey();
  return Impl::Owner(Kind::kEd25519,
                     PkeyHandle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                                            AsBytes(point).data(), point.size())));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromRsa(std::string_view modulus,
                                                              std::string_view exponent) {
  const std::size_t most = kLargestModulusBits / 8;
  if (modulus.size() > most || exponent.size() > most) return NotAKey();
  const BignumHandle n = ToNumber(modulus);
  const BignumHandle e = ToNumber(exponent);
  // FIPS 186-5 5.1: an odd exponent between 2^16 and 2^256.
  if (BN_num_bits(n.get()) < kSmallestModulusBits || BN_is_odd(n.get()) == 0 ||
      BN_num_bits(e.get()) < 17 || BN_num_bits(e.get()) > 256 || BN_is_odd(e.get()) == 0) {
    return NotAKey();
  }
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return Impl::Owner(Kind::kRsa, FromParams("RSA", std::move(builder)));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromSpki(std::string_view der) {
  const std::uint8_t* at = AsBytes(der).data();
  const PkeyHandle parsed(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (parsed == nullptr) return NotAKey();
  absl::StatusOr<std::unique_ptr<PublicKey>> key = NotAKey();
  switch (EVP_PKEY_get_base_id(parsed.get())) {
    case EVP_PKEY_EC: {
      const std::string point = EcPointOf(parsed.get());
      key = point.size() == kP384PointSize ? FromP384Point(point) : FromP256Point(point);
      break;
    }
    case EVP_PKEY_ED25519:
      key = FromEd25519(Ed25519PointOf(parsed.get()));
      break;
    case EVP_PKEY_RSA:
      key = FromRsa(NumberOf(parsed.get(), OSSL_PKEY_PARAM_RSA_N),
                    NumberOf(parsed.get(), OSSL_PKEY_PARAM_RSA_E));
      break;
    default:
      break;
  }
  // Writing the key again gives the one strict encoding; whatever else was in `der` (another curve
  // with a point of the same size, explicit parameters, trailing bytes) is not accepted.
  if (key.ok() && (*key)->ToSpki() != der) return NotAKey();
  return key;
}

bool PublicKey::IsValid() const {
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  const bool valid = context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
  ERR_clear_error();
  return valid;
}

std::string PublicKey::ToSpki() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(impl_->key.get(), &der);
  Require(size > 0);
  std::string bytes(AsText(ByteView(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return bytes;
}

std::string PublicKey::ToPem() const {
  const BioHandle out(BIO_new(BIO_s_mem()));
  Require(out != nullptr && PEM_write_bio_PUBKEY(out.get(), impl_->key.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

absl::StatusOr<std::string> PublicKey::Ed25519Point() const {
  if (impl_->kind == Kind::kEd25519) return Ed25519PointOf(impl_->key.get());
  return Error(Reason::kAlgorithmUnsupported, "not an Ed25519 key");
}

absl::StatusOr<std::string> PublicKey::P256Point() const {
  if (impl_->kind == Kind::kP256) return EcPointOf(impl_->key.get());
  return Error(Reason::kAlgorithmUnsupported, "not a P-256 key");
}

absl::StatusOr<std::string> PublicKey::P384Point() const {
  if (impl_->kind == Kind::kP384) return EcPointOf(impl_->key.get());
  return Error(Reason::kAlgorithmUnsupported, "not a P-384 key");
}

absl::StatusOr<RsaNumbers> PublicKey::Rsa() const {
  if (impl_->kind != Kind::kRsa) {
    return Error(Reason::kAlgorithmUnsupported, "not an RSA key");
  }
  return RsaNumbers{NumberOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_N),
                    NumberOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_E)};
}

bool PublicKey::Verify(SignatureAlgorithm algorithm, std::string_view message,
                       std::string_view signature) const {
  const Check check = CheckOf(algorithm);
  if (check.kind != impl_->kind) return false;
  if (check.hash.has_value()) {
    return VerifyDigest(algorithm, HashOf(*check.hash, message), signature);
  }
  const bool right = VerifyEd25519(impl_->key.get(), message, signature);
  ERR_clear_error();
  return right;
}

bool PublicKey::VerifyDigest(SignatureAlgorithm algorithm, std::string_view digest,
                             std::string_view signature) const {
  const Check check = CheckOf(algorithm);
  if (check.kind != impl_->kind || !check.hash.has_value()) return false;
  if (digest.size() != SizeOf(*check.hash)) return false;
  const std::size_t coordinate = CoordinateSizeOf(check.kind);
  if (coordinate != 0 && !EcdsaDerToP1363(signature, coordinate).ok()) return false;
  bool right = false;
  impl_->contexts.at(static_cast<std::size_t>(algorithm))
      .With([&] { return MakeContext(impl_->key.get(), check); },
            [&](EVP_PKEY_CTX* context) {
              right = EVP_PKEY_verify(context, AsBytes(signature).data(), signature.size(),
                                      AsBytes(digest).data(), digest.size()) == 1;
              return right;
            });
  ERR_clear_error();
  return right;
}

}  // namespace keysvc::crypto
