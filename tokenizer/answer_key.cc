#include "tokenizer/answer_key.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "crypto/kdf.h"
#include "crypto/random.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc::tokenizer {
namespace {

constexpr char kFormat = 2;
constexpr std::size_t kSaltSize = 24;
constexpr std::size_t kHeaderSize = 1 + kSaltSize;

}  // namespace

absl::StatusOr<std::shared_ptr<const AnswerKey>> AnswerKey::Create(
    const crypto::SecretKey<32>& key) {
  ASSIGN_OR_RETURN(auto derivation, crypto::DeriveKey(key, "keysvc answer derivation 2"));
  ASSIGN_OR_RETURN(auto first, crypto::Aes256Gcm::Create(key));
  return std::shared_ptr<const AnswerKey>(new AnswerKey(std::move(derivation), std::move(first)));
}

absl::StatusOr<std::string> AnswerKey::Seal(crypto::ByteView plaintext,
                                            std::string_view aad) const {
  const std::string salt = crypto::RandomBytes(kSaltSize);
  ASSIGN_OR_RETURN(const auto key, KeyOf(salt));
  ASSIGN_OR_RETURN(const std::string sealed, key->Seal(plaintext, aad));
  return std::string(1, kFormat) + salt + sealed;
}

absl::StatusOr<crypto::SecretBytes> AnswerKey::Open(std::string_view sealed,
                                                    std::string_view aad) const {
  // The first format began with a random nonce, which may begin with any byte.
  if (sealed.size() > kHeaderSize && sealed.front() == kFormat) {
    ASSIGN_OR_RETURN(const auto key, KeyOf(sealed.substr(1, kSaltSize)));
    auto opened = key->Open(sealed.substr(kHeaderSize), aad);
    if (opened.ok()) return opened;
  }
  return first_->Open(sealed, aad);
}

absl::StatusOr<std::unique_ptr<crypto::Aes256Gcm>> AnswerKey::KeyOf(std::string_view salt) const {
  ASSIGN_OR_RETURN(
      const auto key,
      crypto::DeriveKey(derivation_, absl::StrCat("keysvc answer key 2 ", ToAbsl(salt))));
  return crypto::Aes256Gcm::Create(key);
}

}  // namespace keysvc::tokenizer
