#include "crypto/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "crypto/bytes.h"
#include "crypto/openssl_handle.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpenSslDeleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, OpenSslDeleter<OSSL_PARAM_free>>;

constexpr std::size_t kP256PointSize = 65;
constexpr std::size_t kEd25519PointSize = 32;
constexpr int kSmallestModulusBits = 2048;
constexpr int kLargestModulusBits = 8192;

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

std::string P256PointOf(EVP_PKEY* key) {
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

}  // namespace

struct PublicKey::Impl {
  explicit Impl(PkeyHandle handle) : key(std::move(handle)) {}
  PkeyHandle key;
};

PublicKey::PublicKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PublicKey::~PublicKey() = default;

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromP256Point(std::string_view point) {
  if (point.size() != kP256PointSize || point.front() != 4) return NotAKey();
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  PkeyHandle key = FromParams("EC", std::move(builder));
  if (key == nullptr) return NotAKey();
  return std::unique_ptr<PublicKey>(new PublicKey(std::make_unique<Impl>(std::move(key))));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromEd25519(std::string_view point) {
  if (point.size() != kEd25519PointSize) return NotAKey();
  PkeyHandle key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, AsBytes(point).data(), point.size()));
  if (key == nullptr) return NotAKey();
  return std::unique_ptr<PublicKey>(new PublicKey(std::make_unique<Impl>(std::move(key))));
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
  PkeyHandle key = FromParams("RSA", std::move(builder));
  if (key == nullptr) return NotAKey();
  return std::unique_ptr<PublicKey>(new PublicKey(std::make_unique<Impl>(std::move(key))));
}

absl::StatusOr<std::unique_ptr<PublicKey>> PublicKey::FromSpki(std::string_view der) {
  const std::uint8_t* at = AsBytes(der).data();
  const PkeyHandle parsed(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (parsed == nullptr) return NotAKey();
  absl::StatusOr<std::unique_ptr<PublicKey>> key = NotAKey();
  switch (EVP_PKEY_get_base_id(parsed.get())) {
    case EVP_PKEY_EC:
      key = FromP256Point(P256PointOf(parsed.get()));
      break;
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
  if (EVP_PKEY_get_base_id(impl_->key.get()) != EVP_PKEY_ED25519) {
    return Error(Reason::kAlgorithmUnsupported, "not an Ed25519 key");
  }
  return Ed25519PointOf(impl_->key.get());
}

absl::StatusOr<std::string> PublicKey::P256Point() const {
  if (EVP_PKEY_get_base_id(impl_->key.get()) != EVP_PKEY_EC) {
    return Error(Reason::kAlgorithmUnsupported, "not a P-256 key");
  }
  return P256PointOf(impl_->key.get());
}

absl::StatusOr<RsaNumbers> PublicKey::Rsa() const {
  if (EVP_PKEY_get_base_id(impl_->key.get()) != EVP_PKEY_RSA) {
    return Error(Reason::kAlgorithmUnsupported, "not an RSA key");
  }
  return RsaNumbers{NumberOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_N),
                    NumberOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_E)};
}

bool PublicKey::Verify(SignatureAlgorithm algorithm, std::string_view message,
                       std::string_view signature) const {
  const int kind = EVP_PKEY_get_base_id(impl_->key.get());
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  const auto start = [&](int wanted, const char* digest) {
    return kind == wanted && EVP_DigestVerifyInit_ex(context.get(), &options, digest, nullptr,
                                                     nullptr, impl_->key.get(), nullptr) == 1;
  };
  bool ready = false;
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      ready = EcdsaDerToP1363(signature, 32).ok() && start(EVP_PKEY_EC, "SHA256");
      break;
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      ready = start(EVP_PKEY_RSA, "SHA256") &&
              EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) == 1;
      break;
    case SignatureAlgorithm::kRsaPssSha256:
      ready = start(EVP_PKEY_RSA, "SHA256") &&
              EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
      break;
    case SignatureAlgorithm::kEd25519:
      ready = start(EVP_PKEY_ED25519, nullptr);
      break;
  }
  const bool right =
      ready && EVP_DigestVerify(context.get(), AsBytes(signature).data(), signature.size(),
                                AsBytes(message).data(), message.size()) == 1;
  ERR_clear_error();
  return right;
}

}  // namespace keysvc::crypto
