#ifndef KEYSVC_CRYPTO_AEAD_H_
#define KEYSVC_CRYPTO_AEAD_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"

namespace keysvc::crypto {

// AES-256-GCM (SP 800-38D) with a random 96-bit nonce and a 128-bit tag. Thread-safe; holds the
// expanded key in ordinary heap of the crypto library, which is wiped on destruction.
class Aes256Gcm {
 public:
  static constexpr std::size_t kNonceSize = 12;
  static constexpr std::size_t kTagSize = 16;

  static absl::StatusOr<std::unique_ptr<Aes256Gcm>> Create(const SecretKey<32>& key);
  ~Aes256Gcm();
  Aes256Gcm(const Aes256Gcm&) = delete;
  Aes256Gcm& operator=(const Aes256Gcm&) = delete;

  // nonce || ciphertext || tag.
  absl::StatusOr<std::string> Seal(ByteView plaintext, std::string_view aad) const;
  // DATA_LOSS/INTEGRITY_FAILURE when `sealed` is too short or does not authenticate with `aad`.
  absl::StatusOr<SecretBytes> Open(std::string_view sealed, std::string_view aad) const;

 private:
  struct Impl;
  explicit Aes256Gcm(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_AEAD_H_
