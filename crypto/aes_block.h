#ifndef KEYSVC_CRYPTO_AES_BLOCK_H_
#define KEYSVC_CRYPTO_AES_BLOCK_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "crypto/secret_key.h"

namespace keysvc::crypto {

// The AES-256 block permutation (FIPS 197), for token permutations only: one block in, one block
// out, no mode. Thread-safe.
class Aes256Block {
 public:
  using Block = std::array<std::uint8_t, 16>;

  static absl::StatusOr<std::unique_ptr<Aes256Block>> Create(const SecretKey<32>& key);
  ~Aes256Block();
  Aes256Block(const Aes256Block&) = delete;
  Aes256Block& operator=(const Aes256Block&) = delete;

  Block Encrypt(const Block& in) const;
  Block Decrypt(const Block& in) const;

 private:
  struct Impl;
  explicit Aes256Block(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_AES_BLOCK_H_
