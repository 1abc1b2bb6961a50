#include "crypto/aes_block.h"

#include <utility>

#include "crypto/context_pool.h"
#include "crypto/openssl_handle.h"
#include "status/macros.h"

namespace keysvc::crypto {

struct Aes256Block::Impl {
  SecretBytes key;
  ContextPool<CipherContext> encrypting;
  ContextPool<CipherContext> decrypting;

  Block Run(const ContextPool<CipherContext>& pool, int encrypt, const Block& in) const {
    Block out;
    Require(pool.With([&] { return Keyed(encrypt); },
                      [&](EVP_CIPHER_CTX* context) {
                        int size = 0;
                        return EVP_CipherUpdate(context, out.data(), &size, in.data(),
                                                static_cast<int>(in.size())) == 1 &&
                               size == static_cast<int>(out.size());
                      }));
    return out;
  }

  CipherContext Keyed(int encrypt) const {
    static EVP_CIPHER* const ecb = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    CipherContext context(EVP_CIPHER_CTX_new());
    if (context == nullptr ||
        EVP_CipherInit_ex2(context.get(), ecb, key.Expose(SecretAccess::kGranted).data(), nullptr,
                           encrypt, nullptr) != 1 ||
        EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
      return nullptr;
    }
    return context;
  }
};

Aes256Block::Aes256Block(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aes256Block::~Aes256Block() = default;

absl::StatusOr<std::unique_ptr<Aes256Block>> Aes256Block::Create(const SecretKey<32>& key) {
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->key, SecretBytes::CopyOf(key.Expose(SecretAccess::kGranted)));
  return std::unique_ptr<Aes256Block>(new Aes256Block(std::move(impl)));
}

Aes256Block::Block Aes256Block::Encrypt(const Block& in) const {
  return impl_->Run(impl_->encrypting, 1, in);
}

Aes256Block::Block Aes256Block::Decrypt(const Block& in) const {
  return impl_->Run(impl_->decrypting, 0, in);
}

}  // namespace keysvc::crypto
