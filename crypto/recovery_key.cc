#include "crypto/recovery_key.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>

#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/openssl_handle.h"
#include "crypto/random.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using Cms = std::unique_ptr<CMS_ContentInfo, OpenSslDeleter<CMS_ContentInfo_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>>;

constexpr char kCommonName[] = "keysvc recovery";
constexpr char kCurve[] = "P-521";
// RFC 5280 section 4.1.2.5: no well-defined end.
constexpr char kNeverEnds[] = "99991231235959Z";
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSerialSize = 16;
constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL | CMS_STREAM;

std::string KeyIdOf(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Require(size > 0);
  const Sha256Digest digest = Sha256(AsText({der, static_cast<std::size_t>(size)}));
  OPENSSL_free(der);
  return std::string(AsText(digest));
}

bool IsP521(const EVP_PKEY* key) {
  char group[32] = "";
  return key != nullptr && EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1 &&
         OBJ_txt2nid(group) == NID_secp521r1;
}

// What is sealed: 8 bits format, bytes context, bytes secret.
std::string PlaintextStart(std::string_view context, std::size_t secret_size) {
  return CanonicalWriter()
      .U8(kFormat)
      .Bytes(context)
      .U32(static_cast<std::uint32_t>(secret_size))
      .Take();
}

absl::StatusOr<SecretBytes> ContentOf(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return SecretBytes::CopyOf(AsBytes({data, static_cast<std::size_t>(size)}));
}

std::string NamePart(const X509* certificate, int nid) {
  const X509_NAME* name = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0) return "";
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  return std::string(
      AsText({ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))}));
}

Cms ParseSealed(std::string_view sealed) {
  const unsigned char* at = AsBytes(sealed).data();
  const unsigned char* const end = at + sealed.size();
  Cms cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(sealed.size())));
  // EnvelopedData would decrypt without being authenticated.
  if (cms == nullptr || at != end ||
      OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_id_smime_ct_authEnvelopedData) {
    ERR_clear_error();
    return nullptr;
  }
  return cms;
}

absl::Status Damaged() {
  return Error(Reason::kIntegrityFailure, "a sealed key does not open with the recovery key");
}

}  // namespace

struct RecoveryCertificate::Impl {
  Certificate certificate;
  std::string key_id, deployment, environment;
};

RecoveryCertificate::RecoveryCertificate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecoveryCertificate::~RecoveryCertificate() = default;
const std::string& RecoveryCertificate::key_id() const { return impl_->key_id; }
const std::string& RecoveryCertificate::deployment() const { return impl_->deployment; }
const std::string& RecoveryCertificate::environment() const { return impl_->environment; }

absl::StatusOr<std::unique_ptr<RecoveryCertificate>> RecoveryCertificate::FromPem(
    std::string_view pem) {
  const BioHandle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto impl = std::make_unique<Impl>();
  impl->certificate.reset(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  const Certificate another(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  X509* certificate = impl->certificate.get();
  EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate);
  const bool ours = IsP521(key) && another == nullptr &&
                    NamePart(certificate, NID_commonName) == kCommonName &&
                    X509_verify(certificate, key) == 1;
  ERR_clear_error();
  if (!ours) return Error(Reason::kConfigInvalid, "this is no recovery certificate");
  impl->key_id = KeyIdOf(key);
  impl->deployment = NamePart(certificate, NID_organizationName);
  impl->environment = NamePart(certificate, NID_organizationalUnitName);
  return std::unique_ptr<RecoveryCertificate>(new RecoveryCertificate(std::move(impl)));
}

absl::StatusOr<std::string> RecoveryCertificate::Seal(const SecretBytes& secret,
                                                      std::string_view context) const {
  const std::string start = PlaintextStart(context, secret.size());
  const ByteView bytes = secret.Expose(SecretAccess::kGranted);
  ASSIGN_OR_RETURN(SecretBytes plaintext, SecretBytes::Create(start.size() + bytes.size()));
  const std::span<std::uint8_t> all = plaintext.ExposeMutable(SecretAccess::kGranted);
  std::copy(start.begin(), start.end(), all.begin());
  std::copy(bytes.begin(), bytes.end(), all.begin() + static_cast<std::ptrdiff_t>(start.size()));

  const auto failed = [] {
    ERR_clear_error();
    return Error(Reason::kInternal, "sealing a key to the recovery certificate failed");
  };
  const Cms cms(CMS_encrypt(nullptr, nullptr, EVP_aes_256_gcm(), kFlags));
  if (cms == nullptr) return failed();
  CMS_RecipientInfo* recipient =
      CMS_add1_recipient_cert(cms.get(), impl_->certificate.get(), CMS_KEY_PARAM);
  EVP_PKEY_CTX* agreement =
      recipient == nullptr ? nullptr : CMS_RecipientInfo_get0_pkey_ctx(recipient);
  // The library's own choice is SHA-1.
  if (agreement == nullptr || EVP_PKEY_CTX_set_ecdh_kdf_md(agreement, EVP_sha512()) <= 0) {
    return failed();
  }
  const BioHandle in(BIO_new_mem_buf(all.data(), static_cast<int>(all.size())));
  if (CMS_final(cms.get(), in.get(), nullptr, kFlags) != 1) return failed();
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(cms.get(), &der);
  if (size <= 0) return failed();
  std::string sealed(AsText({der, static_cast<std::size_t>(size)}));
  OPENSSL_free(der);
  return sealed;
}

bool RecoveryCertificate::IsRecipientOf(std::string_view sealed) const {
  const Cms cms = ParseSealed(sealed);
  if (cms == nullptr) return false;
  STACK_OF(CMS_RecipientInfo)* recipients = CMS_get0_RecipientInfos(cms.get());
  if (sk_CMS_RecipientInfo_num(recipients) != 1) return false;
  CMS_RecipientInfo* recipient = sk_CMS_RecipientInfo_value(recipients, 0);
  if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_AGREE) return false;
  STACK_OF(CMS_RecipientEncryptedKey)* keys = CMS_RecipientInfo_kari_get0_reks(recipient);
  return sk_CMS_RecipientEncryptedKey_num(keys) == 1 &&
         CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, 0),
                                            impl_->certificate.get()) == 0;
}

struct RecoveryKey::Impl {
  PkeyHandle key;
  std::string key_id;
};

RecoveryKey::RecoveryKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecoveryKey::~RecoveryKey() = default;
const std::string& RecoveryKey::key_id() const { return impl_->key_id; }

absl::StatusOr<std::unique_ptr<RecoveryKey>> RecoveryKey::Generate() {
  auto impl = std::make_unique<Impl>();
  impl->key.reset(EVP_EC_gen(kCurve));
  if (impl->key == nullptr) return Error(Reason::kInternal, "making a recovery key failed");
  impl->key_id = KeyIdOf(impl->key.get());
  return std::unique_ptr<RecoveryKey>(new RecoveryKey(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<RecoveryKey>> RecoveryKey::FromPrivateHalf(
    const SecretBytes& pkcs8) {
  const ByteView bytes = pkcs8.Expose(SecretAccess::kGranted);
  const unsigned char* at = bytes.data();
  auto impl = std::make_unique<Impl>();
  impl->key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size())));
  ERR_clear_error();
  if (!IsP521(impl->key.get())) {
    return Error(Reason::kRecoveryShareInvalid, "what the shares give is no recovery key");
  }
  impl->key_id = KeyIdOf(impl->key.get());
  return std::unique_ptr<RecoveryKey>(new RecoveryKey(std::move(impl)));
}

absl::StatusOr<SecretBytes> RecoveryKey::PrivateHalf() const {
  // A copy, since how a key is written is a property of the key.
  const PkeyHandle key(EVP_PKEY_dup(impl_->key.get()));
  const BioHandle out(BIO_new(BIO_s_secmem()));
  if (key == nullptr || out == nullptr ||
      EVP_PKEY_set_int_param(key.get(), OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0) != 1 ||
      i2d_PKCS8PrivateKeyInfo_bio(out.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error(Reason::kInternal, "writing a recovery key failed");
  }
  return ContentOf(out.get());
}

absl::StatusOr<std::string> RecoveryKey::MakeCertificate(std::string_view deployment,
                                                         std::string_view environment) const {
  const Certificate certificate(X509_new());
  X509* x509 = certificate.get();
  std::string serial = RandomBytes(kSerialSize);
  serial.front() = static_cast<char>((serial.front() & 0x3f) | 0x40);
  const BignumHandle number(BN_bin2bn(AsBytes(serial).data(), kSerialSize, nullptr));
  X509_NAME* name = X509_get_subject_name(x509);
  const auto add = [name](const char* part, std::string_view value) {
    return X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, AsBytes(value).data(),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  X509V3_CTX context;
  X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
  const auto extend = [&](int nid, const char* value) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1;
  };
  const bool made = X509_set_version(x509, X509_VERSION_3) == 1 &&
                    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr &&
                    add("CN", kCommonName) && add("O", deployment) && add("OU", environment) &&
                    X509_set_issuer_name(x509, name) == 1 &&
                    X509_gmtime_adj(X509_getm_notBefore(x509), 0) != nullptr &&
                    ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), kNeverEnds) == 1 &&
                    X509_set_pubkey(x509, impl_->key.get()) == 1 &&
                    extend(NID_basic_constraints, "critical,CA:FALSE") &&
                    extend(NID_key_usage, "critical,keyAgreement") &&
                    extend(NID_subject_key_identifier, "hash") &&
                    X509_sign(x509, impl_->key.get(), EVP_sha512()) > 0;
  const BioHandle out(BIO_new(BIO_s_mem()));
  if (!made || PEM_write_bio_X509(out.get(), x509) != 1) {
    ERR_clear_error();
    return Error(Reason::kInternal, "making a recovery certificate failed");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::StatusOr<SecretBytes> RecoveryKey::Open(std::string_view sealed,
                                              std::string_view context) const {
  const Cms cms = ParseSealed(sealed);
  const BioHandle out(BIO_new(BIO_s_secmem()));
  const bool opened = cms != nullptr && CMS_decrypt(cms.get(), impl_->key.get(), nullptr, nullptr,
                                                    out.get(), CMS_BINARY) == 1;
  ERR_clear_error();
  if (!opened) return Damaged();
  ASSIGN_OR_RETURN(const SecretBytes plaintext, ContentOf(out.get()));
  const ByteView bytes = plaintext.Expose(SecretAccess::kGranted);
  const std::size_t start_size = PlaintextStart(context, 0).size();
  if (bytes.size() < start_size) return Damaged();
  const std::string start = PlaintextStart(context, bytes.size() - start_size);
  if (AsText(bytes.first(start_size)) != start) {
    return Error(Reason::kIntegrityFailure, "a sealed key is not the one of its place");
  }
  return SecretBytes::CopyOf(bytes.subspan(start_size));
}

}  // namespace keysvc::crypto
