#include "crypto/aead.h"

#include <array>
#include <limits>
#include <utility>

#include "crypto/context_pool.h"
#include "crypto/openssl_handle.h"
#include "crypto/random.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr std::size_t kOverhead = Aes256Gcm::kNonceSize + Aes256Gcm::kTagSize;
constexpr std::size_t kLargest = std::numeric_limits<int>::max() - kOverhead;

std::uint8_t* MutableBytes(std::string& text, std::size_t offset) {
  return reinterpret_cast<std::uint8_t*>(text.data()) + offset;
}

}  // namespace

struct Aes256Gcm::Impl {
  SecretBytes key;
  ContextPool<CipherContext> sealing;
  ContextPool<CipherContext> opening;

  CipherContext Keyed(int encrypt) const {
    static EVP_CIPHER* const gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    CipherContext context(EVP_CIPHER_CTX_new());
    if (context == nullptr ||
        EVP_CipherInit_ex2(context.get(), gcm, key.Expose(SecretAccess::kGranted).data(), nullptr,
                           encrypt, nullptr) != 1) {
      return nullptr;
    }
    return context;
  }
};

Aes256Gcm::Aes256Gcm(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aes256Gcm::~Aes256Gcm() = default;

absl::StatusOr<std::unique_ptr<Aes256Gcm>> Aes256Gcm::Create(const SecretKey<32>& key) {
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->key, SecretBytes::CopyOf(key.Expose(SecretAccess::kGranted)));
  return std::unique_ptr<Aes256Gcm>(new Aes256Gcm(std::move(impl)));
}

absl::StatusOr<std::string> Aes256Gcm::Seal(ByteView plaintext, std::string_view aad) const {
  if (plaintext.size() > kLargest || aad.size() > kLargest) {
    return Error(Reason::kInternal, "too long to seal at once");
  }
  std::string sealed(plaintext.size() + kOverhead, '\0');
  std::uint8_t* const nonce = MutableBytes(sealed, 0);
  std::uint8_t* const ciphertext = nonce + kNonceSize;
  FillRandom({nonce, kNonceSize});
  const bool done = impl_->sealing.With(
      [this] { return impl_->Keyed(1); },
      [&](EVP_CIPHER_CTX* context) {
        int size = 0;
        return EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce, nullptr) == 1 &&
               EVP_EncryptUpdate(context, nullptr, &size, AsBytes(aad).data(),
                                 static_cast<int>(aad.size())) == 1 &&
               EVP_EncryptUpdate(context, ciphertext, &size, plaintext.data(),
                                 static_cast<int>(plaintext.size())) == 1 &&
               EVP_EncryptFinal_ex(context, ciphertext + size, &size) == 1 &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize,
                                   ciphertext + plaintext.size()) == 1;
      });
  if (!done) return Error(Reason::kInternal, "AES-GCM failed");
  return sealed;
}

absl::StatusOr<SecretBytes> Aes256Gcm::Open(std::string_view sealed, std::string_view aad) const {
  const auto refused = [] {
    return Error(Reason::kIntegrityFailure, "sealed data does not authenticate");
  };
  if (sealed.size() < kOverhead || sealed.size() > kLargest || aad.size() > kLargest) {
    return refused();
  }
  const std::size_t size = sealed.size() - kOverhead;
  const std::uint8_t* const nonce = AsBytes(sealed).data();
  const std::uint8_t* const ciphertext = nonce + kNonceSize;
  std::array<char, kTagSize> tag;  // OpenSSL asks for one that it might change
  sealed.copy(tag.data(), tag.size(), kNonceSize + size);
  ASSIGN_OR_RETURN(SecretBytes plaintext, SecretBytes::Create(size));
  const std::span<std::uint8_t> out = plaintext.ExposeMutable(SecretAccess::kGranted);
  const bool done = impl_->opening.With(
      [this] { return impl_->Keyed(0); },
      [&](EVP_CIPHER_CTX* context) {
        int written = 0;
        std::uint8_t rest = 0;
        return EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce, nullptr) == 1 &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
               EVP_DecryptUpdate(context, nullptr, &written, AsBytes(aad).data(),
                                 static_cast<int>(aad.size())) == 1 &&
               (size == 0 || EVP_DecryptUpdate(context, out.data(), &written, ciphertext,
                                               static_cast<int>(size)) == 1) &&
               EVP_DecryptFinal_ex(context, &rest, &written) == 1;
      });
  if (!done) return refused();
  return plaintext;
}

}  // namespace keysvc::crypto
