#ifndef KEYSVC_TOKENIZER_SEALING_KEY_H_
#define KEYSVC_TOKENIZER_SEALING_KEY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"

namespace keysvc::tokenizer {

// Counts how often a key version seals. Implementations are thread-safe and never block.
class SealCounter {
 public:
  virtual ~SealCounter() = default;
  // Takes `seals` uses, which are then used up whatever becomes of them.
  // UNAVAILABLE/KEY_USES_NOT_RESERVED when none are left that were recorded beforehand,
  // FAILED_PRECONDITION/KEY_USES_EXHAUSTED when the version must never seal again.
  virtual absl::Status Take(std::uint64_t seals) = 0;
};

// A key that seals with random nonces, and so only a limited number of times: each seal is counted
// before it is made. A value; thread-safe.
class SealingKey {
 public:
  SealingKey(std::shared_ptr<const crypto::Aes256Gcm> key, std::shared_ptr<SealCounter> uses)
      : key_(std::move(key)), uses_(std::move(uses)) {}

  // As Aes256Gcm::Seal, and the counter's errors.
  absl::StatusOr<std::string> Seal(crypto::ByteView plaintext, std::string_view aad) const {
    if (absl::Status counted = uses_->Take(1); !counted.ok()) return counted;
    return key_->Seal(plaintext, aad);
  }
  absl::StatusOr<crypto::SecretBytes> Open(std::string_view sealed, std::string_view aad) const {
    return key_->Open(sealed, aad);
  }
  const std::shared_ptr<const crypto::Aes256Gcm>& opener() const { return key_; }

 private:
  std::shared_ptr<const crypto::Aes256Gcm> key_;
  std::shared_ptr<SealCounter> uses_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_SEALING_KEY_H_
