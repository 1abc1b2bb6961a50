#ifndef KEYSVC_CRYPTO_FF1_H_
#define KEYSVC_CRYPTO_FF1_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/aes_block.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"

namespace keysvc::crypto {

// FF1 (NIST SP 800-38G): a keyed permutation of the strings of one length over the numerals
// 0 .. radix - 1, in exact integer arithmetic. It hides and keeps the format; it gives no
// integrity. Memory is reached the same way whatever the numerals are; the time of their division
// by the radix is the processor's. Thread-safe.
class Ff1 {
 public:
  using BlockCipher = std::function<Aes256Block::Block(const Aes256Block::Block&)>;

  static absl::StatusOr<std::unique_ptr<Ff1>> Create(const SecretKey<32>& key, unsigned radix);
  // Over an AES of another key size, which the published samples need; `encrypt` is thread-safe.
  Ff1(BlockCipher encrypt, unsigned radix);

  // Whether strings of `length` numerals may be permuted: radix 2 to 256, at least 10^6 strings
  // (SP 800-38G Rev. 1) and at most 2^120 values in a half.
  static bool Admits(unsigned radix, std::size_t length);

  // One numeral a byte. INTERNAL/INTERNAL when the length is not admitted, a numeral is not below
  // the radix or the tweak is longer than 2^32 - 1 bytes; RESOURCE_EXHAUSTED/LOCKED_MEMORY.
  absl::StatusOr<SecretBytes> Encrypt(ByteView numerals, std::string_view tweak) const;
  absl::StatusOr<SecretBytes> Decrypt(ByteView numerals, std::string_view tweak) const;

 private:
  enum class Direction { kEncrypt, kDecrypt };
  absl::StatusOr<SecretBytes> Permute(Direction direction, ByteView numerals,
                                      std::string_view tweak) const;

  BlockCipher encrypt_;
  unsigned radix_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_FF1_H_
