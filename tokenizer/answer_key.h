#ifndef KEYSVC_TOKENIZER_ANSWER_KEY_H_
#define KEYSVC_TOKENIZER_ANSWER_KEY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"

namespace keysvc::tokenizer {

// Seals kept answers, each under a key of its own that is derived from this one and a random salt
// (docs/formats.md). One answer is kept for every call with a request id, and a request key cannot
// rotate; so nothing may depend on how often it has sealed. Thread-safe.
class AnswerKey {
 public:
  static absl::StatusOr<std::shared_ptr<const AnswerKey>> Create(const crypto::SecretKey<32>& key);

  absl::StatusOr<std::string> Seal(crypto::ByteView plaintext, std::string_view aad) const;
  // Also what was sealed under the key itself, as the first format was. DATA_LOSS/INTEGRITY_FAILURE
  // for anything else.
  absl::StatusOr<crypto::SecretBytes> Open(std::string_view sealed, std::string_view aad) const;

 private:
  AnswerKey(crypto::SecretKey<32> derivation, std::unique_ptr<const crypto::Aes256Gcm> first)
      : derivation_(std::move(derivation)), first_(std::move(first)) {}

  absl::StatusOr<std::unique_ptr<crypto::Aes256Gcm>> KeyOf(std::string_view salt) const;

  const crypto::SecretKey<32> derivation_;
  const std::unique_ptr<const crypto::Aes256Gcm> first_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_ANSWER_KEY_H_
