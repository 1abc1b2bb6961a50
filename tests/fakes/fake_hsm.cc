#include "tests/fakes/fake_hsm.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdint>
#include <utility>

#include "crypto/secret_access.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::testing {
namespace {

using pkcs11::KeyKind;
using pkcs11::Mechanism;

constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

const std::uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}
std::uint8_t* Bytes(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

std::string Random(std::size_t size) {
  std::string out(size, '\0');
  RAND_bytes(Bytes(out), static_cast<int>(size));
  return out;
}

absl::Status Broken() { return Error(Reason::kHsmFailure, "the fake HSM failed"); }

absl::Status Unsupported() {
  return Error(Reason::kAlgorithmUnsupported, "a key of this kind cannot do that");
}

PkeyPtr MakePair(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcP256:
      return PkeyPtr(EVP_EC_gen("P-256"));
    case KeyKind::kEd25519:
      return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    case KeyKind::kRsa2048:
      return PkeyPtr(EVP_RSA_gen(2048));
    case KeyKind::kRsa3072:
    case KeyKind::kRsa3072Unwrapping:
      return PkeyPtr(EVP_RSA_gen(3072));
    case KeyKind::kRsa4096:
    case KeyKind::kRsa4096Unwrapping:
      return PkeyPtr(EVP_RSA_gen(4096));
    case KeyKind::kEcP384:
      return PkeyPtr(EVP_EC_gen("P-384"));
    default:
      return nullptr;
  }
}

std::string DerToP1363(std::string_view der, int width) {
  const std::uint8_t* in = Bytes(der);
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  std::string out(2 * static_cast<std::size_t>(width), '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), Bytes(out), width);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), Bytes(out) + width, width);
  return out;
}

const EVP_MD* DigestOf(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kEd25519:
    case Mechanism::kAesCmac:
      return nullptr;
    case Mechanism::kEcdsaP384Sha384:
    case Mechanism::kRsaPkcs1Sha384:
    case Mechanism::kRsaPssSha384:
    case Mechanism::kHmacSha384:
      return EVP_sha384();
    case Mechanism::kRsaPkcs1Sha512:
    case Mechanism::kRsaPssSha512:
    case Mechanism::kHmacSha512:
      return EVP_sha512();
    default:
      return EVP_sha256();
  }
}

absl::StatusOr<std::string> SignWithPair(EVP_PKEY* pair, Mechanism mechanism,
                                         std::string_view message) {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  if (EVP_DigestSignInit(context.get(), &key_context, DigestOf(mechanism), nullptr, pair) != 1) {
    return Broken();
  }
  if (mechanism == Mechanism::kRsaPssSha256 || mechanism == Mechanism::kRsaPssSha384 ||
      mechanism == Mechanism::kRsaPssSha512) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  std::string signature(512, '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(message), message.size()) != 1) {
    return Broken();
  }
  signature.resize(size);
  if (mechanism == Mechanism::kEcdsaP256Sha256) return DerToP1363(signature, 32);
  if (mechanism == Mechanism::kEcdsaP384Sha384) return DerToP1363(signature, 48);
  return signature;
}

absl::StatusOr<std::string> SignDigestWithPair(EVP_PKEY* pair, Mechanism mechanism,
                                               std::string_view digest) {
  const PkeyContext context(EVP_PKEY_CTX_new(pair, nullptr));
  if (EVP_PKEY_sign_init(context.get()) != 1) return Broken();
  if (EVP_PKEY_get_base_id(pair) == EVP_PKEY_RSA) {
    const bool pss = mechanism == Mechanism::kRsaPssSha256 ||
                     mechanism == Mechanism::kRsaPssSha384 || mechanism == Mechanism::kRsaPssSha512;
    EVP_PKEY_CTX_set_rsa_padding(context.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING);
    if (pss) EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST);
  }
  EVP_PKEY_CTX_set_signature_md(context.get(), DigestOf(mechanism));
  std::string signature(512, '\0');
  std::size_t size = signature.size();
  if (EVP_PKEY_sign(context.get(), Bytes(signature), &size, Bytes(digest), digest.size()) != 1) {
    return Broken();
  }
  signature.resize(size);
  if (mechanism == Mechanism::kEcdsaP256Sha256) return DerToP1363(signature, 32);
  if (mechanism == Mechanism::kEcdsaP384Sha384) return DerToP1363(signature, 48);
  return signature;
}

absl::StatusOr<std::string> Tag(std::string_view key, Mechanism mechanism,
                                std::string_view message) {
  const char* digest =
      mechanism == Mechanism::kAesCmac ? nullptr : EVP_MD_get0_name(DigestOf(mechanism));
  std::string tag(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, digest == nullptr ? "CMAC" : "HMAC", nullptr,
                digest == nullptr ? "AES-256-CBC" : digest, nullptr, key.data(), key.size(),
                Bytes(message), message.size(), Bytes(tag), tag.size(), &size) == nullptr) {
    return Broken();
  }
  tag.resize(size);
  return tag;
}

std::size_t SecretSizeOf(KeyKind kind) {
  if (kind == KeyKind::kHmacSha384) return 48;
  return kind == KeyKind::kHmacSha512 ? 64 : 32;
}

absl::StatusOr<std::string> Seal(std::string_view key, crypto::ByteView secret,
                                 std::string_view aad) {
  std::string out = Random(kIvSize) + std::string(secret.size() + kTagSize, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  std::uint8_t* body = Bytes(out) + kIvSize;
  const bool done =
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(out)) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(aad), static_cast<int>(aad.size())) ==
          1 &&
      EVP_EncryptUpdate(context.get(), body, &size, secret.data(),
                        static_cast<int>(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), body + secret.size(), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, body + secret.size()) == 1;
  if (!done) return Broken();
  return out;
}

absl::StatusOr<crypto::SecretBytes> Open(std::string_view key, std::string_view sealed,
                                         std::string_view aad) {
  const absl::Status refused = Error(Reason::kIntegrityFailure, "blob does not authenticate");
  if (sealed.size() < kIvSize + kTagSize) return refused;
  const std::size_t secret_size = sealed.size() - kIvSize - kTagSize;
  std::string tag(sealed.substr(kIvSize + secret_size));
  ASSIGN_OR_RETURN(crypto::SecretBytes secret, crypto::SecretBytes::Create(secret_size));
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::uint8_t* out = secret.ExposeMutable(crypto::SecretAccess::kGranted).data();
  int size = 0;
  const bool done =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(sealed)) ==
          1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(aad), static_cast<int>(aad.size())) ==
          1 &&
      EVP_DecryptUpdate(context.get(), out, &size, Bytes(sealed) + kIvSize,
                        static_cast<int>(secret_size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + secret_size, &size) == 1;
  if (!done) return refused;
  return secret;
}

absl::StatusOr<std::string> WrapFor(EVP_PKEY* rsa, std::string_view secret) {
  const PkeyContext context(EVP_PKEY_CTX_new(rsa, nullptr));
  std::string wrapped(512, '\0');
  std::size_t size = wrapped.size();
  const bool done =
      EVP_PKEY_encrypt_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
      EVP_PKEY_encrypt(context.get(), Bytes(wrapped), &size, Bytes(secret), secret.size()) == 1;
  if (!done) return Broken();
  wrapped.resize(size);
  return wrapped;
}

// Empty when it does not open.
std::string OpenOaep(EVP_PKEY* rsa, const EVP_MD* hash, std::string_view wrapped) {
  const PkeyContext context(EVP_PKEY_CTX_new(rsa, nullptr));
  std::string opened(512, '\0');
  std::size_t size = opened.size();
  const bool done =
      EVP_PKEY_decrypt_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) == 1 &&
      EVP_PKEY_decrypt(context.get(), Bytes(opened), &size, Bytes(wrapped), wrapped.size()) == 1;
  opened.resize(done ? size : 0);
  return opened;
}

// The same by RFC 5649.
std::string OpenKwp(const std::string& key, std::string_view wrapped) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string opened(wrapped.size() + 16, '\0');
  int size = 0;
  const bool done = key.size() == 32 &&
                    EVP_DecryptInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, Bytes(key),
                                       nullptr) == 1 &&
                    EVP_DecryptUpdate(context.get(), Bytes(opened), &size, Bytes(wrapped),
                                      static_cast<int>(wrapped.size())) == 1;
  opened.resize(done ? static_cast<std::size_t>(size) : 0);
  return opened;
}

std::string OpenSecret(EVP_PKEY* rsa, const pkcs11::WrappedSecret& secret, KeyKind kind) {
  const auto parts =
      pkcs11::PartsOf(secret, kind, static_cast<std::size_t>(EVP_PKEY_get_size(rsa)));
  if (!parts.has_value()) return {};
  const bool sha256 = pkcs11::NameOf(secret.wrapping).ends_with("256");
  std::string opened = OpenOaep(rsa, sha256 ? EVP_sha256() : EVP_sha1(), parts->rsa);
  return parts->aes.empty() ? opened : OpenKwp(opened, parts->aes);
}

}  // namespace

struct FakeHsm::Key {
  KeyKind kind;
  std::string secret;
  PkeyPtr pair;
};

FakeHsm::FakeHsm() {
  capabilities_.token_label = "fake";
  capabilities_.token_serial = "0000000000000001";
  capabilities_.manufacturer = "keysvc";
  capabilities_.library = "fake HSM in memory";
  capabilities_.kinds = {
      KeyKind::kAes256Wrapping,   KeyKind::kHmacSha256, KeyKind::kEcP256,
      KeyKind::kEd25519,          KeyKind::kRsa2048,    KeyKind::kRsa3072,
      KeyKind::kRsa4096,          KeyKind::kEcP384,     KeyKind::kHmacSha384,
      KeyKind::kHmacSha512,       KeyKind::kAes256Cmac, KeyKind::kRsa3072Unwrapping,
      KeyKind::kRsa4096Unwrapping};
  capabilities_.delivers = true;
  capabilities_.imports = true;
}

FakeHsm::~FakeHsm() = default;

void FakeHsm::FailNext(HsmVerb verb, absl::Status status) {
  const std::lock_guard lock(mutex_);
  FaultsOf(verb).next.push_back(std::move(status));
}

void FakeHsm::FailAlways(HsmVerb verb, absl::Status status) {
  const std::lock_guard lock(mutex_);
  FaultsOf(verb).always = std::move(status);
}

void FakeHsm::FailEverything(absl::Status status) {
  const std::lock_guard lock(mutex_);
  for (Faults& faults : faults_) faults.always = status;
}

void FakeHsm::LoseNextGenerateAnswer(absl::Status status) {
  const std::lock_guard lock(mutex_);
  lost_answer_ = std::move(status);
}

void FakeHsm::BeforeEach(HsmVerb verb, std::function<void()> hook) {
  const std::lock_guard lock(mutex_);
  FaultsOf(verb).before = std::move(hook);
}

void FakeHsm::Heal() {
  const std::lock_guard lock(mutex_);
  lost_answer_ = absl::OkStatus();
  for (Faults& faults : faults_) {
    faults.next.clear();
    faults.always = absl::OkStatus();
    faults.before = nullptr;
  }
}

std::size_t FakeHsm::calls(HsmVerb verb) const {
  const std::lock_guard lock(mutex_);
  return faults_.at(static_cast<std::size_t>(verb)).calls;
}

void FakeHsm::SupportOnly(std::vector<KeyKind> kinds) { capabilities_.kinds = std::move(kinds); }

absl::Status FakeHsm::Enter(HsmVerb verb) {
  std::function<void()> before;
  {
    const std::lock_guard lock(mutex_);
    before = FaultsOf(verb).before;
  }
  if (before) before();
  const std::lock_guard lock(mutex_);
  Faults& faults = FaultsOf(verb);
  ++faults.calls;
  if (!faults.next.empty()) {
    const absl::Status status = std::move(faults.next.front());
    faults.next.pop_front();
    return status;
  }
  return faults.always;
}

absl::StatusOr<std::shared_ptr<const FakeHsm::Key>> FakeHsm::Find(std::string_view label) const {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(label);
  if (found == keys_.end()) return Error(Reason::kKeyNotFound, "no such key on the token");
  return found->second;
}

absl::StatusOr<std::shared_ptr<const FakeHsm::Key>> FakeHsm::FindFor(std::string_view label,
                                                                     KeyKind kind) const {
  ASSIGN_OR_RETURN(auto key, Find(label));
  if (key->kind != kind) return Unsupported();
  return key;
}

absl::Status FakeHsm::Generate(std::string_view label, KeyKind kind) {
  return Make(label, kind, false);
}

absl::Status FakeHsm::GenerateShared(std::string_view label, KeyKind kind) {
  if (!capabilities_.delivers || MakePair(kind) != nullptr) return Unsupported();
  return Make(label, kind, true);
}

absl::StatusOr<pkcs11::WrappedKey> FakeHsm::Deliver(std::string_view label,
                                                    std::string_view recipient) {
  RETURN_IF_ERROR(Enter(HsmVerb::kDeliver));
  ASSIGN_OR_RETURN(const auto key, Find(label));
  const std::uint8_t* spki = Bytes(recipient);
  const PkeyPtr rsa(d2i_PUBKEY(nullptr, &spki, static_cast<long>(recipient.size())));
  if (rsa == nullptr || EVP_PKEY_is_a(rsa.get(), "RSA") != 1) return Broken();
  const std::lock_guard lock(mutex_);
  if (extractable_.erase(std::string(label)) == 0) {
    return Error(Reason::kKeyDelivered, "the key leaves the token no more");
  }
  ASSIGN_OR_RETURN(std::string wrapped, WrapFor(rsa.get(), key->secret));
  return pkcs11::WrappedKey{.bytes = std::move(wrapped), .algorithm = "RSA-OAEP-256"};
}

absl::Status FakeHsm::Make(std::string_view label, KeyKind kind, bool extractable) {
  RETURN_IF_ERROR(Enter(HsmVerb::kGenerate));
  if (!capabilities_.Supports(kind)) return Unsupported();
  if (Find(label).ok()) return Error(Reason::kKeyExists, "the label is taken");
  auto key = std::make_shared<Key>();
  key->kind = kind;
  key->pair = MakePair(kind);
  if (key->pair == nullptr) key->secret = Random(SecretSizeOf(kind));
  const std::lock_guard lock(mutex_);
  if (!keys_.emplace(label, std::move(key)).second) {
    return Error(Reason::kKeyExists, "the label is taken");
  }
  if (extractable) extractable_.emplace(label);
  return std::exchange(lost_answer_, absl::OkStatus());
}

absl::Status FakeHsm::Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                             const pkcs11::WrappedSecret& secret) {
  RETURN_IF_ERROR(Enter(HsmVerb::kImport));
  if (!capabilities_.imports || !pkcs11::IsImported(kind)) return Unsupported();
  if (Find(label).ok()) return Error(Reason::kKeyExists, "the label is taken");
  ASSIGN_OR_RETURN(const auto pair, Find(unwrapping));
  if (!pkcs11::Unwraps(pair->kind)) return Unsupported();
  auto key = std::make_shared<Key>();
  key->kind = kind;
  key->secret = OpenSecret(pair->pair.get(), secret, kind);
  if (!pkcs11::FitsSecret(kind, key->secret.size())) return pkcs11::WrappedSecretInvalid();
  const std::lock_guard lock(mutex_);
  keys_.emplace(label, std::move(key));
  return std::exchange(lost_answer_, absl::OkStatus());
}

absl::Status FakeHsm::Destroy(std::string_view label) {
  RETURN_IF_ERROR(Enter(HsmVerb::kDestroy));
  RETURN_IF_ERROR(Find(label).status());
  const std::lock_guard lock(mutex_);
  keys_.erase(std::string(label));
  extractable_.erase(std::string(label));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<pkcs11::HsmKey>> FakeHsm::List() {
  RETURN_IF_ERROR(Enter(HsmVerb::kList));
  const std::lock_guard lock(mutex_);
  std::vector<pkcs11::HsmKey> keys;
  for (const auto& [label, key] : keys_) keys.push_back({label, key->kind});
  return keys;
}

absl::StatusOr<std::string> FakeHsm::PublicKey(std::string_view label) {
  RETURN_IF_ERROR(Enter(HsmVerb::kPublicKey));
  ASSIGN_OR_RETURN(const auto key, Find(label));
  if (key->pair == nullptr) return Unsupported();
  std::string der(1024, '\0');
  std::uint8_t* out = Bytes(der);
  const int size = i2d_PUBKEY(key->pair.get(), &out);
  if (size <= 0) return Broken();
  der.resize(static_cast<std::size_t>(size));
  return der;
}

absl::StatusOr<std::string> FakeHsm::Sign(std::string_view label, Mechanism mechanism,
                                          std::string_view message) {
  RETURN_IF_ERROR(Enter(HsmVerb::kSign));
  ASSIGN_OR_RETURN(const auto key, Find(label));
  if (!pkcs11::Allows(key->kind, mechanism)) return Unsupported();
  if (key->pair == nullptr) return Tag(key->secret, mechanism, message);
  return SignWithPair(key->pair.get(), mechanism, message);
}

absl::StatusOr<std::string> FakeHsm::SignDigest(std::string_view label, Mechanism mechanism,
                                                std::string_view digest) {
  RETURN_IF_ERROR(pkcs11::CheckDigest(mechanism, digest));
  RETURN_IF_ERROR(Enter(HsmVerb::kSign));
  ASSIGN_OR_RETURN(const auto key, Find(label));
  if (!pkcs11::Allows(key->kind, mechanism)) return Unsupported();
  return SignDigestWithPair(key->pair.get(), mechanism, digest);
}

absl::StatusOr<std::string> FakeHsm::Wrap(std::string_view label, crypto::ByteView secret,
                                          std::string_view aad) {
  RETURN_IF_ERROR(Enter(HsmVerb::kWrap));
  ASSIGN_OR_RETURN(const auto key, FindFor(label, KeyKind::kAes256Wrapping));
  return Seal(key->secret, secret, aad);
}

absl::StatusOr<crypto::SecretBytes> FakeHsm::Unwrap(std::string_view label,
                                                    std::string_view wrapped,
                                                    std::string_view aad) {
  RETURN_IF_ERROR(Enter(HsmVerb::kUnwrap));
  ASSIGN_OR_RETURN(const auto key, FindFor(label, KeyKind::kAes256Wrapping));
  return Open(key->secret, wrapped, aad);
}

absl::Status FakeHsm::Probe(std::string_view label) {
  RETURN_IF_ERROR(Enter(HsmVerb::kProbe));
  return FindFor(label, KeyKind::kHmacSha256).status();
}

}  // namespace keysvc::testing
