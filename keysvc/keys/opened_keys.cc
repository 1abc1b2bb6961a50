#include "keysvc/keys/opened_keys.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "crypto/secret_key.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/request_keys.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr auto kSweepInterval = std::chrono::seconds(5);

// The form in which a key is used, made from its 32 bytes.
template <typename Key>
absl::StatusOr<std::shared_ptr<const Key>> Expand(const crypto::SecretKey<32>& key) {
  return Key::Create(key);
}

template <>
absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> Expand<tokenizer::RequestKeys>(
    const crypto::SecretKey<32>& key) {
  return ExpandRequestKey(key);
}

template <>
absl::StatusOr<std::shared_ptr<const crypto::Ff1>> Expand<crypto::Ff1>(
    const crypto::SecretKey<32>& key) {
  return crypto::Ff1::Create(key, 10);
}

// What is stored names a version that is not there: the store has lost it.
absl::Status LostIfNotFound(const absl::Status& status) {
  if (ReasonOf(status) != Reason::kKeyNotFound) return status;
  return Error(Reason::kIntegrityFailure, "the store lacks a key version that is in use");
}

}  // namespace

OpenedKeys::OpenedKeys(KeyRegistry& registry, absl::Duration lifetime,
                       std::function<absl::Duration()> since_boot)
    : registry_(registry),
      lifetime_(std::min(lifetime, kLongestOpen)),
      since_boot_(std::move(since_boot)),
      sweeper_([this](std::stop_token stop) { SweepUntil(std::move(stop)); }) {}

absl::StatusOr<tokenizer::Versioned<tokenizer::SealingKey>> OpenedKeys::DataKey(
    const tokenizer::Profile& profile) {
  const KeyName name = DataKeyOf(profile);
  ASSIGN_OR_RETURN(auto data, GetPrimary<crypto::Aes256Gcm>(name, Purpose::kData));
  return tokenizer::Versioned<tokenizer::SealingKey>{
      data.version, std::make_shared<tokenizer::SealingKey>(
                        std::move(data.key), registry_.uses().Find({name, data.version}))};
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> OpenedKeys::DataKey(
    const tokenizer::Profile& profile, std::uint32_t version) {
  return GetVersion<crypto::Aes256Gcm>({DataKeyOf(profile), version}, Purpose::kData);
}

absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> OpenedKeys::IndexKey(
    const tokenizer::Profile& profile) {
  return GetPrimary<crypto::HmacSha256>(IndexKeyOf(profile), Purpose::kIndex);
}

absl::StatusOr<tokenizer::Versioned<crypto::Aes256Block>> OpenedKeys::TokenKey(
    std::string_view tenant) {
  return GetPrimary<crypto::Aes256Block>(TokenKeyOf(tenant), Purpose::kToken);
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> OpenedKeys::TokenKey(
    std::string_view tenant, std::uint32_t version) {
  return GetVersion<crypto::Aes256Block>({TokenKeyOf(tenant), version}, Purpose::kToken);
}

absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> OpenedKeys::Ff1Key(
    const tokenizer::Profile& profile) {
  return GetPrimary<crypto::Ff1>(Ff1KeyOf(profile), Purpose::kFf1);
}

absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> OpenedKeys::Ff1OpeningKey(
    const tokenizer::Profile& profile) {
  return GetPrimary<crypto::Ff1>(Ff1KeyOf(profile), Purpose::kFf1, Use::kProcess);
}

absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> OpenedKeys::FingerprintKey(
    std::string_view tenant) {
  ASSIGN_OR_RETURN(const KeyVersion version,
                   registry_.PrimaryFor(FingerprintKeyOf(tenant), Use::kApply));
  ASSIGN_OR_RETURN(auto key, Get<crypto::HmacSha256>(version, Purpose::kFingerprint));
  return tokenizer::Versioned<crypto::HmacSha256>{version.name.version, std::move(key)};
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> OpenedKeys::FingerprintKey(
    std::string_view tenant, std::uint32_t version) {
  ASSIGN_OR_RETURN(const KeyVersion found,
                   registry_.VersionFor({FingerprintKeyOf(tenant), version}, Use::kProcess));
  return Get<crypto::HmacSha256>(found, Purpose::kFingerprint);
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> OpenedKeys::AccountReferenceKey(
    std::string_view tenant) {
  ASSIGN_OR_RETURN(auto reference,
                   GetPrimary<crypto::HmacSha256>(AccountReferenceKeyOf(tenant),
                                                  Purpose::kAccountReference, Use::kProcess));
  return std::move(reference.key);
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> OpenedKeys::RowMacKey(
    std::string_view tenant) {
  ASSIGN_OR_RETURN(auto row_mac, GetPrimary<crypto::HmacSha256>(RowMacKeyOf(tenant),
                                                                Purpose::kRowMac, Use::kProcess));
  return std::move(row_mac.key);
}

absl::StatusOr<tokenizer::RequestKeys> OpenedKeys::RequestKeysOf(std::string_view tenant) {
  ASSIGN_OR_RETURN(const auto request,
                   GetPrimary<tokenizer::RequestKeys>(RequestKeyOf(tenant), Purpose::kRequest));
  return *request.key;
}

std::size_t OpenedKeys::Lock() {
  const std::lock_guard lock(mutex_);
  return std::apply([](auto&... slots) { return (std::exchange(slots, {}).size() + ...); }, slots_);
}

std::size_t OpenedKeys::DropExpired() {
  const absl::Duration now = since_boot_();
  std::size_t open = 0;
  const auto sweep = [&](auto& slots) {
    std::erase_if(slots, [now](const auto& named) {
      // One that is being opened this moment is not expired.
      const std::unique_lock lock(named.second->mutex, std::try_to_lock);
      return lock.owns_lock() && now >= named.second->until;
    });
    open += slots.size();
  };
  const std::lock_guard lock(mutex_);
  std::apply([&](auto&... slots) { (sweep(slots), ...); }, slots_);
  return open;
}

template <typename Key>
absl::StatusOr<std::shared_ptr<const Key>> OpenedKeys::Get(const KeyVersion& version,
                                                           Purpose purpose) {
  if (version.parameters.purpose != purpose) {
    return Error(Reason::kIntegrityFailure, "a stored key is of another purpose");
  }
  std::shared_ptr<Slot<Key>> slot;
  {
    const std::lock_guard lock(mutex_);
    auto& named = std::get<Slots<Key>>(slots_)[version.name];
    if (named == nullptr) named = std::make_shared<Slot<Key>>();
    slot = named;
  }
  const std::lock_guard lock(slot->mutex);
  const absl::Duration now = since_boot_();
  if (slot->key != nullptr && now < slot->until) return slot->key;
  slot->key.reset();
  slot->until = -absl::InfiniteDuration();
  ASSIGN_OR_RETURN(const auto key, crypto::SecretKey<32>::From(registry_.Open(version.name)));
  ASSIGN_OR_RETURN(slot->key, Expand<Key>(key));
  slot->until = now + lifetime_;
  return slot->key;
}

template <typename Key>
absl::StatusOr<tokenizer::Versioned<Key>> OpenedKeys::GetPrimary(const KeyName& name,
                                                                 Purpose purpose, Use use) {
  auto version = registry_.PrimaryFor(name, use);
  if (!version.ok()) return LostIfNotFound(version.status());
  ASSIGN_OR_RETURN(auto key, Get<Key>(*version, purpose));
  return tokenizer::Versioned<Key>{version->name.version, std::move(key)};
}

template <typename Key>
absl::StatusOr<std::shared_ptr<const Key>> OpenedKeys::GetVersion(const KeyVersionName& name,
                                                                  Purpose purpose) {
  auto version = registry_.VersionFor(name, Use::kProcess);
  if (!version.ok()) return LostIfNotFound(version.status());
  return Get<Key>(*version, purpose);
}

void OpenedKeys::SweepUntil(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    wake.wait_for(lock, stop, kSweepInterval, [] { return false; });
    DropExpired();
  }
}

}  // namespace keysvc::keys
