#ifndef KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_

#include <functional>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_registry.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// The envelope keys in use, opened by the HSM and kept expanded for at most `lifetime`, after which
// the HSM must open them again. Implements what the tokenizer asks for. Thread-safe.
class OpenedKeys : public tokenizer::KeySource {
 public:
  OpenedKeys(KeyRegistry& registry, absl::Duration lifetime = absl::Minutes(15),
             std::function<absl::Time()> clock = absl::Now);
  ~OpenedKeys() override;

  absl::StatusOr<tokenizer::Versioned<crypto::Aes256Gcm>> DataKey(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> DataKey(
      const tokenizer::Profile& profile, std::uint32_t version) override;
  absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> IndexKey(
      const tokenizer::Profile& profile) override;
  absl::StatusOr<tokenizer::Versioned<crypto::Aes256Block>> TokenKey(
      std::string_view tenant) override;
  absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> TokenKey(
      std::string_view tenant, std::uint32_t version) override;
  absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> RowMacKey(
      std::string_view tenant) override;
  absl::StatusOr<tokenizer::RequestKeys> RequestKeysOf(std::string_view tenant) override;

  // Drops every opened key at once.
  void Lock();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OPENED_KEYS_H_
