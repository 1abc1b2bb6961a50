#include "tests/fakes/literal_keys.h"

#include <utility>

#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::testing {
namespace {

std::string Of(const tokenizer::Profile& profile) { return profile.tenant + "/" + profile.name; }

absl::Status NoVersion() { return Error(Reason::kIntegrityFailure, "no such key version"); }

}  // namespace

crypto::SecretKey<32> LiteralKey(std::string_view name) {
  return *crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::Sha256(name)));
}

void CountedSeals::Refuse(std::optional<Reason> reason, std::uint64_t after) {
  const std::lock_guard lock(mutex_);
  refusal_ = reason;
  left_ = after;
}

absl::Status CountedSeals::Take(std::uint64_t seals) {
  const std::lock_guard lock(mutex_);
  if (refusal_.has_value() && left_ < seals) return Error(*refusal_, "no uses are left");
  if (refusal_.has_value()) left_ -= seals;
  taken_ += seals;
  return absl::OkStatus();
}

tokenizer::SealingKey UnlimitedKey(const crypto::SecretKey<32>& key) {
  return {*crypto::Aes256Gcm::Create(key), std::make_shared<CountedSeals>()};
}

template <typename Key>
absl::StatusOr<std::shared_ptr<const Key>> LiteralKeys::Make(const std::string& name) const {
  if (fault_.has_value()) return Error(*fault_, "the keys are away");
  ASSIGN_OR_RETURN(std::unique_ptr<Key> key, Key::Create(LiteralKey(name)));
  return std::shared_ptr<const Key>(std::move(key));
}

absl::StatusOr<tokenizer::Versioned<tokenizer::SealingKey>> LiteralKeys::DataKey(
    const tokenizer::Profile& profile) {
  const std::uint32_t version = data_version_;
  ASSIGN_OR_RETURN(auto key, DataKey(profile, version));
  return tokenizer::Versioned<tokenizer::SealingKey>{
      version, std::make_shared<tokenizer::SealingKey>(std::move(key), data_seals_)};
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Gcm>> LiteralKeys::DataKey(
    const tokenizer::Profile& profile, std::uint32_t version) {
  if (version < 1 || version > data_version_) return NoVersion();
  return Make<crypto::Aes256Gcm>("data " + Of(profile) + std::to_string(version));
}

absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> LiteralKeys::IndexKey(
    const tokenizer::Profile& profile) {
  ASSIGN_OR_RETURN(auto key, Make<crypto::HmacSha256>("index " + Of(profile)));
  return tokenizer::Versioned<crypto::HmacSha256>{1, std::move(key)};
}

absl::StatusOr<tokenizer::Versioned<crypto::Aes256Block>> LiteralKeys::TokenKey(
    std::string_view tenant) {
  const std::uint32_t version = token_version_;
  ASSIGN_OR_RETURN(auto key, TokenKey(tenant, version));
  return tokenizer::Versioned<crypto::Aes256Block>{version, std::move(key)};
}

absl::StatusOr<std::shared_ptr<const crypto::Aes256Block>> LiteralKeys::TokenKey(
    std::string_view tenant, std::uint32_t version) {
  if (version < 1 || version > token_version_) return NoVersion();
  return Make<crypto::Aes256Block>("token " + std::string(tenant) + std::to_string(version));
}

absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> LiteralKeys::Ff1Key(
    const tokenizer::Profile& profile) {
  if (fault_.has_value()) return Error(*fault_, "the keys are away");
  ASSIGN_OR_RETURN(std::shared_ptr<const crypto::Ff1> key,
                   crypto::Ff1::Create(LiteralKey("ff1 " + Of(profile)), 10));
  return tokenizer::Versioned<crypto::Ff1>{1, std::move(key)};
}

absl::StatusOr<tokenizer::Versioned<crypto::Ff1>> LiteralKeys::Ff1OpeningKey(
    const tokenizer::Profile& profile) {
  return Ff1Key(profile);
}

absl::StatusOr<tokenizer::Versioned<crypto::HmacSha256>> LiteralKeys::FingerprintKey(
    std::string_view tenant) {
  const std::uint32_t version = fingerprint_version_;
  ASSIGN_OR_RETURN(auto key, FingerprintKey(tenant, version));
  return tokenizer::Versioned<crypto::HmacSha256>{version, std::move(key)};
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> LiteralKeys::FingerprintKey(
    std::string_view tenant, std::uint32_t version) {
  if (version < 1 || version > fingerprint_version_) {
    return Error(Reason::kKeyNotFound, "no such key version");
  }
  return Make<crypto::HmacSha256>("card fingerprint " + std::string(tenant) +
                                  std::to_string(version));
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> LiteralKeys::AccountReferenceKey(
    std::string_view tenant) {
  if (account_reference_fault_.has_value()) {
    return Error(*account_reference_fault_, "the key is away");
  }
  return Make<crypto::HmacSha256>("account reference " + std::string(tenant));
}

absl::StatusOr<std::shared_ptr<const crypto::HmacSha256>> LiteralKeys::RowMacKey(
    std::string_view tenant) {
  return Make<crypto::HmacSha256>("row mac " + std::string(tenant));
}

absl::StatusOr<tokenizer::RequestKeys> LiteralKeys::RequestKeysOf(std::string_view tenant) {
  tokenizer::RequestKeys keys;
  ASSIGN_OR_RETURN(keys.fingerprint,
                   Make<crypto::HmacSha256>("fingerprint " + std::string(tenant)));
  ASSIGN_OR_RETURN(keys.answer,
                   tokenizer::AnswerKey::Create(LiteralKey("answer " + std::string(tenant))));
  return keys;
}

}  // namespace keysvc::testing
