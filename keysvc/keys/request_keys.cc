#include "keysvc/keys/request_keys.h"

#include "crypto/kdf.h"
#include "status/macros.h"

namespace keysvc::keys {

absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> ExpandRequestKey(
    const crypto::SecretKey<32>& key) {
  ASSIGN_OR_RETURN(const auto fingerprint, crypto::DeriveKey(key, "keysvc request fingerprint 1"));
  ASSIGN_OR_RETURN(const auto answer, crypto::DeriveKey(key, "keysvc request answer 1"));
  auto keys = std::make_shared<tokenizer::RequestKeys>();
  ASSIGN_OR_RETURN(keys->fingerprint, crypto::HmacSha256::Create(fingerprint));
  ASSIGN_OR_RETURN(keys->answer, tokenizer::AnswerKey::Create(answer));
  return keys;
}

}  // namespace keysvc::keys
