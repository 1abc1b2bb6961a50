#ifndef KEYSVC_TOKENIZER_KEY_SOURCE_H_
#define KEYSVC_TOKENIZER_KEY_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/aes_block.h"
#include "crypto/ff1.h"
#include "crypto/mac.h"
#include "tokenizer/answer_key.h"
#include "tokenizer/profile.h"
#include "tokenizer/sealing_key.h"

namespace keysvc::tokenizer {

template <typename T>
struct Versioned {
  std::uint32_t version = 0;
  std::shared_ptr<const T> key;
};

// Seals and fingerprints the answers that a repeated request gets.
struct RequestKeys {
  std::shared_ptr<const crypto::HmacSha256> fingerprint;
  std::shared_ptr<const AnswerKey> answer;
};

// What the tokenizer asks of key management; implemented over the HSM by keysvc/keys. Thread-safe.
// The methods without a version give the primary one, for new output; those with a version open
// what was made with it. FAILED_PRECONDITION/KEY_NOT_ACTIVE when the key's state forbids the use,
// UNAVAILABLE/HSM_UNAVAILABLE when the key is not open and the HSM is away,
// DATA_LOSS/INTEGRITY_FAILURE when the version does not exist.
class KeySource {
 public:
  virtual ~KeySource() = default;

  virtual absl::StatusOr<Versioned<SealingKey>> DataKey(const Profile& profile) = 0;
  virtual absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> DataKey(
      const Profile& profile, std::uint32_t version) = 0;
  virtual absl::StatusOr<Versioned<crypto::HmacSha256>> IndexKey(const Profile& profile) = 0;

  virtual absl::StatusOr<Versioned<crypto::Aes256Block>> TokenKey(std::string_view tenant) = 0;
  virtual absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> TokenKey(
      std::string_view tenant, std::uint32_t version) = 0;

  // Of FF1 profiles: the numerals are decimal digits. Their tokens name no version, and there is
  // but one; the second is for what it made, when it may make no more.
  virtual absl::StatusOr<Versioned<crypto::Ff1>> Ff1Key(const Profile& profile) = 0;
  virtual absl::StatusOr<Versioned<crypto::Ff1>> Ff1OpeningKey(const Profile& profile) = 0;

  // Of all profiles of a tenant. A caller says the version, so that one which does not exist is
  // NOT_FOUND/KEY_NOT_FOUND, and so is the key of a tenant without profiles.
  virtual absl::StatusOr<Versioned<crypto::HmacSha256>> FingerprintKey(std::string_view tenant) = 0;
  virtual absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> FingerprintKey(
      std::string_view tenant, std::uint32_t version) = 0;

  // Of all profiles of a tenant that give account references. There is but one version, whose
  // references the tokens of a card share for as long as it makes any.
  virtual absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> AccountReferenceKey(
      std::string_view tenant) = 0;

  virtual absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> RowMacKey(
      std::string_view tenant) = 0;
  virtual absl::StatusOr<RequestKeys> RequestKeysOf(std::string_view tenant) = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_KEY_SOURCE_H_
