#ifndef KEYSVC_TESTS_FAKES_LITERAL_KEYS_H_
#define KEYSVC_TESTS_FAKES_LITERAL_KEYS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tokenizer/key_source.h"

namespace keysvc::testing {

// A key that is the SHA-256 of its name.
crypto::SecretKey<32> LiteralKey(std::string_view name);

// Counts seals, and refuses them when it is told to. Thread-safe.
class CountedSeals : public tokenizer::SealCounter {
 public:
  // From `after` more seals on.
  void Refuse(std::optional<Reason> reason, std::uint64_t after = 0);
  std::uint64_t taken() const { return taken_; }
  absl::Status Take(std::uint64_t seals) override;

 private:
  std::atomic<std::uint64_t> taken_ = 0;
  std::mutex mutex_;
  std::optional<Reason> refusal_;
  std::uint64_t left_ = 0;  // until it refuses
};

// A key that seals without a limit.
tokenizer::SealingKey UnlimitedKey(const crypto::SecretKey<32>& key);

// Keys that are known beforehand. Every key has the versions 1 .. the primary one. Thread-safe.
class LiteralKeys : public tokenizer::KeySource {
 public:
  void RotateDataKey() { ++data_version_; }
  void RotateTokenKey() { ++token_version_; }
  void RotateFingerprintKey() { ++fingerprint_version_; }
  // Every call fails like this from now on; Heal() ends it.
  void Fail(Reason reason) { fault_ = reason; }
  void Heal() { fault_.reset(); }
  // Only the key of account references fails like this.
  void FailAccountReference(Reason reason) { account_reference_fault_ = reason; }
  CountedSeals& data_seals() { return *data_seals_; }

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

 private:
  template <typename Key>
  absl::StatusOr<std::shared_ptr<const Key>> Make(const std::string& name) const;

  std::atomic<std::uint32_t> data_version_ = 1;
  std::atomic<std::uint32_t> token_version_ = 1;
  std::atomic<std::uint32_t> fingerprint_version_ = 1;
  std::optional<Reason> fault_;
  std::optional<Reason> account_reference_fault_;
  const std::shared_ptr<CountedSeals> data_seals_ = std::make_shared<CountedSeals>();
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_FAKES_LITERAL_KEYS_H_
