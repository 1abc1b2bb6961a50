#ifndef KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <tuple>

#include "absl/time/time.h"
#include "keysvc/keys/boot_clock.h"
#include "keysvc/keys/key_registry.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// How long a key stays open at most without the HSM opening it again.
constexpr absl::Duration kLongestOpen = absl::Minutes(15);

// The envelope keys in use, opened by the HSM and kept expanded for at most `lifetime`, after which
// the HSM must open them again. Implements what the tokenizer asks for. Row-MAC keys are one
// version for making and checking and so count as processing; state and cryptoperiod of a version
// are asked of the registry at every use. Thread-safe; blocks on the HSM when a key is not open.
class OpenedKeys : public tokenizer::KeySource {
 public:
  // `since_boot` is thread-safe and never goes back.
  OpenedKeys(KeyRegistry& registry, absl::Duration lifetime = kLongestOpen,
             std::function<absl::Duration()> since_boot = TimeSinceBoot);

  absl::StatusOr<tokenizer::Versioned<tokenizer::SealingKey>> DataKey(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> DataKey(
      const tokenizer::Profile& profile, std::uint32_t version) override;
  absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> IndexKey(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<tokenizer::Versioned<crypto::Aes256Block>> TokenKey(
      std::string_view tenant) override;
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> TokenKey(
      std::string_view tenant, std::uint32_t version) override;
  absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> Ff1Key(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> Ff1OpeningKey(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> AccountReferenceKey(
      std::string_view tenant) override;
  absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> FingerprintKey(
      std::string_view tenant) override;
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> FingerprintKey(
      std::string_view tenant, std::uint32_t version) override;
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> RowMacKey(
      std::string_view tenant) override;
  absl::StatusOr<tokenizer::RequestKeys> RequestKeysOf(std::string_view tenant) override;

  // Drops every opened key at once and returns how many there were; calls in flight finish with
  // theirs.
  std::size_t Lock();
  // Drops the keys whose lifetime is over and returns how many stay open. A thread of this object
  // does so every few seconds, so that a key that nobody uses does not stay open.
  std::size_t DropExpired();

 private:
  template <typename Key>
  struct Slot {
    std::mutex mutex;  // held while the HSM opens the key: one caller asks, the others wait
    std::shared_ptr<const Key> key;
    absl::Duration until = -absl::InfiniteDuration();
  };
  template <typename Key>
  using Slots = std::map<KeyVersionName, std::shared_ptr<Slot<Key>>>;

  template <typename Key>
  absl::StatusOr<std::shared_ptr<const Key>> Get(const KeyVersion& version, Purpose purpose);
  template <typename Key>
  absl::StatusOr<tokenizer::Versioned<Key>> GetPrimary(const KeyName& name, Purpose purpose,
                                                       Use use = Use::kApply);
  template <typename Key>
  absl::StatusOr<std::shared_ptr<const Key>> GetVersion(const KeyVersionName& name,
                                                        Purpose purpose);
  void SweepUntil(std::stop_token stop);

  KeyRegistry& registry_;
  const absl::Duration lifetime_;
  const std::function<absl::Duration()> since_boot_;
  std::mutex mutex_;
  std::tuple<Slots<crypto::Aes256Gcm>, Slots<crypto::Aes256Block>, Slots<crypto::Ff1>,
             Slots<crypto::HmacSha256>, Slots<tokenizer::RequestKeys>>
      slots_;
  std::jthread sweeper_;  // last: it uses all the others
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_
