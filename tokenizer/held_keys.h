#ifndef KEYSVC_TOKENIZER_HELD_KEYS_H_
#define KEYSVC_TOKENIZER_HELD_KEYS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/aes_block.h"
#include "crypto/ff1.h"
#include "crypto/mac.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/sealing_key.h"

namespace keysvc::tokenizer {

// The keys of a profile that one call works with: each is asked for when it is first needed, and
// then held. Errors are the key source's and are not held. Not thread-safe; one call's.
class HeldKeys {
 public:
  // Both outlive it.
  HeldKeys(const Profile& profile, KeySource& keys) : profile_(profile), keys_(keys) {}

  // From here on a key that is not held is ABORTED/CONFLICT: for the journal's thread, which an HSM
  // that hangs must never hold up.
  void Close() { closed_ = true; }

  // What is made is made with these, the primary ones.
  absl::StatusOr<Versioned<SealingKey>> Data();
  absl::StatusOr<Versioned<crypto::Aes256Block>> Token();
  absl::StatusOr<Versioned<crypto::HmacSha256>> Index();
  absl::StatusOr<Versioned<crypto::Ff1>> Ff1();
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> RowMac();
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> AccountReference();
  // What such a version made is opened, or named, with these.
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> Data(std::uint32_t version);
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> Token(std::uint32_t version);

 private:
  template <typename Key, typename Get>
  absl::StatusOr<Key> Held(std::optional<Key>& key, Get get);
  template <typename Key>
  using Versions = std::map<std::uint32_t, std::optional<std::shared_ptr<const Key>>>;

  const Profile& profile_;
  KeySource& keys_;
  bool closed_ = false;
  std::optional<Versioned<SealingKey>> data_;
  std::optional<Versioned<crypto::Aes256Block>> token_;
  std::optional<Versioned<crypto::HmacSha256>> index_;
  std::optional<Versioned<crypto::Ff1>> ff1_;
  std::optional<std::shared_ptr<const crypto::HmacSha256>> row_mac_;
  std::optional<std::shared_ptr<const crypto::HmacSha256>> account_reference_;
  Versions<crypto::Aes256Gcm> data_versions_;
  Versions<crypto::Aes256Block> token_versions_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_HELD_KEYS_H_
