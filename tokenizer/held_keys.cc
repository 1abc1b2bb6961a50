#include "tokenizer/held_keys.h"

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {

template <typename Key, typename Get>
absl::StatusOr<Key> HeldKeys::Held(std::optional<Key>& key, Get get) {
  if (key.has_value()) return *key;
  if (closed_) return Error(Reason::kConflict, "the same cards are being tokenized; try again");
  ASSIGN_OR_RETURN(key, get());
  return *key;
}

absl::StatusOr<Versioned<SealingKey>> HeldKeys::Data() {
  return Held(data_, [this] { return keys_.DataKey(profile_); });
}

absl::StatusOr<Versioned<crypto::Aes256Block>> HeldKeys::Token() {
  return Held(token_, [this] { return keys_.TokenKey(profile_.tenant); });
}

absl::StatusOr<Versioned<crypto::HmacSha256>> HeldKeys::Index() {
  return Held(index_, [this] { return keys_.IndexKey(profile_); });
}

absl::StatusOr<Versioned<crypto::Ff1>> HeldKeys::Ff1() {
  return Held(ff1_, [this] { return keys_.Ff1Key(profile_); });
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> HeldKeys::RowMac() {
  return Held(row_mac_, [this] { return keys_.RowMacKey(profile_.tenant); });
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> HeldKeys::AccountReference() {
  return Held(account_reference_, [this] { return keys_.AccountReferenceKey(profile_.tenant); });
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> HeldKeys::Data(std::uint32_t version) {
  if (data_.has_value() && data_->version == version) return data_->key->opener();
  return Held(data_versions_[version],
              [this, version] { return keys_.DataKey(profile_, version); });
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> HeldKeys::Token(std::uint32_t version) {
  if (token_.has_value() && token_->version == version) return token_->key;
  return Held(token_versions_[version],
              [this, version] { return keys_.TokenKey(profile_.tenant, version); });
}

}  // namespace keysvc::tokenizer
