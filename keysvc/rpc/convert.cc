#include "keysvc/rpc/convert.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/certificate_chain.h"
#include "keysvc/rpc/body.h"
#include "keysvc/rpc/rpc_status.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr int kBatchLimit = 100;
constexpr std::string_view kTenants = "tenants/";
constexpr std::string_view kProfiles = "tokenProfiles/";

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

// The wire's enumerations are the domain's, moved up by the unspecified zero.
template <typename Wire, typename Domain>
Wire ToEnum(Domain value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}
static_assert(static_cast<int>(keys::Purpose::kSharedMac) + 1 == v1::KEY_PURPOSE_SHARED_MAC);
static_assert(static_cast<int>(keys::Origin::kImported) + 1 == v1::KEY_ORIGIN_IMPORTED);
static_assert(static_cast<int>(pkcs11::Wrapping::kRsaAesSha1) + 1 == v1::KEY_WRAPPING_RSA_AES_SHA1);
static_assert(static_cast<int>(keys::Algorithm::kAes256Cmac) + 1 == v1::KEY_ALGORITHM_AES_256_CMAC);
static_assert(static_cast<int>(keys::Protection::kShared) + 1 == v1::KEY_PROTECTION_SHARED);
static_assert(static_cast<int>(keys::KeyState::kDestroyed) + 1 == v1::KEY_STATE_DESTROYED);
static_assert(static_cast<int>(policy::Reveal::kFull) + 1 == v1::REVEAL_FULL);

std::string TextOf(crypto::ByteView secret) { return std::string(crypto::AsText(secret)); }

template <typename Response>
Response ToIssued(const tokenizer::IssuedToken& token, const tokenizer::Profile& profile) {
  Response message;
  message.set_name(token.name.ToString());
  message.set_token(token.name.token);
  if (token.expiry.has_value()) message.set_token_expiry(token.expiry->ToString());
  message.set_token_requestor_id(profile.emv.token_requestor_id);
  message.set_account_reference(token.account_reference);
  return message;
}

}  // namespace

absl::Status CheckRequestId(std::string_view text) {
  if (text.empty() || policy::IsUuid(text)) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "a request id is a UUID", "request_id");
}

absl::Status CheckPurpose(std::string_view text) {
  const bool valid = text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                       return IsLower(c) || c == '-';
                     });
  if (valid) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "a purpose is 1 to 64 letters a-z and dashes", "purpose");
}

absl::StatusOr<std::string> TenantOf(std::string_view parent) {
  if (parent.empty()) return Error(Reason::kFieldRequired, "the parent is required", "parent");
  if (!parent.starts_with(kTenants) || !policy::IsName(parent.substr(kTenants.size()))) {
    return Error(Reason::kFieldInvalid, "the parent is not tenants/{tenant}", "parent");
  }
  return std::string(parent.substr(kTenants.size()));
}

absl::Status CheckProfileName(std::string_view name, std::string_view field) {
  if (name.empty()) return Error(Reason::kFieldRequired, "the profile is required", field);
  const std::size_t tenant_end = name.find('/', kTenants.size());
  const std::string_view rest =
      tenant_end == std::string_view::npos ? std::string_view() : name.substr(tenant_end + 1);
  if (!TenantOf(name.substr(0, tenant_end)).ok() || !rest.starts_with(kProfiles) ||
      !policy::IsName(rest.substr(kProfiles.size()))) {
    return Error(Reason::kFieldInvalid,
                 "a profile's name is tenants/{tenant}/tokenProfiles/{profile}", field);
  }
  return absl::OkStatus();
}

absl::Status CheckTokensProfile(std::string_view name, std::string_view tenant) {
  if (name.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckProfileName(name, "profile"));
  if (name.starts_with(absl::StrCat(ToAbsl(kTenants), ToAbsl(tenant), "/"))) {
    return absl::OkStatus();
  }
  return Error(Reason::kFieldInvalid, "the profile is another tenant's", "profile");
}

absl::Status CheckKeyId(std::string_view id, std::string_view field) {
  if (id.empty()) return Error(Reason::kFieldRequired, "the key id is required", field);
  if (policy::IsName(id)) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "a key id is [a-z][a-z0-9-]{0,62} with at most 11 digits",
               field);
}

absl::Status CheckBatchSize(int size) {
  if (size >= 1 && size <= kBatchLimit) return absl::OkStatus();
  return Error(Reason::kBatchSize, "a batch has 1 to 100 items");
}

absl::StatusOr<tokenizer::CardData> TakeCard(v1::Card& card) {
  if (card.pan().empty()) {
    WipeSensitive(card);
    return Error(Reason::kFieldRequired, "the card number is required", "card.pan");
  }
  auto data = tokenizer::CardData::Parse(crypto::AsBytes(card.pan()), card.expiry(),
                                         crypto::AsBytes(card.cardholder_name()));
  WipeSensitive(card);
  return data;
}

absl::StatusOr<tokenizer::TokenDomain> DomainOf(const v1::TokenDomain& domain) {
  tokenizer::TokenDomain parsed{.channel = domain.channel(), .merchant = domain.merchant_id()};
  if (domain.has_amounts()) {
    parsed.amounts = tokenizer::AmountBand{.currency = domain.amounts().currency_code(),
                                           .min = domain.amounts().min(),
                                           .max = domain.amounts().max()};
  }
  RETURN_IF_ERROR(parsed.Check());
  return parsed;
}

absl::StatusOr<tokenizer::TokenUse> UseOf(const v1::TokenUse& use) {
  tokenizer::TokenUse parsed{.channel = use.channel(), .merchant = use.merchant_id()};
  if (use.has_amount()) {
    parsed.amount = tokenizer::Amount{.currency = use.amount().currency_code(),
                                      .minor_units = use.amount().minor_units()};
  }
  RETURN_IF_ERROR(parsed.Check());
  return parsed;
}

v1::TokenDomain ToMessage(const tokenizer::TokenDomain& domain) {
  v1::TokenDomain message;
  message.set_channel(domain.channel);
  message.set_merchant_id(domain.merchant);
  if (domain.amounts.has_value()) {
    v1::AmountBand& amounts = *message.mutable_amounts();
    amounts.set_currency_code(domain.amounts->currency);
    amounts.set_min(domain.amounts->min);
    amounts.set_max(domain.amounts->max);
  }
  return message;
}

tokenizer::TokenMetadata MetadataOf(
    const google::protobuf::RepeatedPtrField<v1::MetadataValue>& values) {
  tokenizer::TokenMetadata metadata;
  metadata.reserve(static_cast<std::size_t>(values.size()));
  for (const v1::MetadataValue& value : values) metadata.push_back({value.field(), value.value()});
  return metadata;
}

v1::TokenMetadata ToMessage(const tokenizer::TokenMetadata& metadata) {
  v1::TokenMetadata message;
  for (const auto& [field, value] : metadata) {
    v1::MetadataValue& stated = *message.add_values();
    stated.set_field(field);
    stated.set_value(value);
  }
  return message;
}

v1::TokenizeResponse ToMessage(const tokenizer::IssuedToken& token,
                               const tokenizer::Profile& profile) {
  return ToIssued<v1::TokenizeResponse>(token, profile);
}

v1::ConvertTokenResponse ToConverted(const tokenizer::IssuedToken& token,
                                     const tokenizer::Profile& target) {
  return ToIssued<v1::ConvertTokenResponse>(token, target);
}

v1::UpdateTokenCardResponse ToUpdated(const tokenizer::IssuedToken& token) {
  v1::UpdateTokenCardResponse message;
  message.set_name(token.name.ToString());
  message.set_account_reference(token.account_reference);
  return message;
}

v1::LookUpTokenResponse ToMessage(const tokenizer::KnownToken& token) {
  v1::LookUpTokenResponse message;
  message.set_name(token.name.ToString());
  message.set_token(token.name.token);
  message.set_state(ToWire(token.state));
  message.set_account_reference(token.account_reference);
  return message;
}

v1::RetentionReport ToMessage(const tokenizer::RetentionReport& report) {
  v1::RetentionReport message;
  *message.mutable_as_of_time() = ToTimestamp(report.as_of());
  for (const tokenizer::ProfileRetention& counted : report.counted()) {
    v1::ProfileRetention& profile = *message.add_profiles();
    if (counted.profile != nullptr) profile.set_profile(counted.profile->ResourceName());
    profile.set_number(counted.number);
    profile.set_active(counted.active);
    profile.set_suspended(counted.suspended);
    profile.set_suspended_past_end(counted.suspended_past_end);
    profile.set_ended(counted.ended);
    profile.set_overdue(counted.overdue);
    profile.set_without_end(counted.without_end);
    if (counted.oldest.has_value()) {
      *profile.mutable_oldest_card_time() = ToTimestamp(*counted.oldest);
    }
    if (counted.last_end.has_value()) {
      *profile.mutable_last_end_time() = ToTimestamp(*counted.last_end);
    }
    profile.set_deleted(counted.deleted);
  }
  return message;
}

v1::DetokenizeResponse ToMessage(const tokenizer::RevealedCard& card) {
  v1::DetokenizeResponse message;
  message.set_reveal(ToEnum<v1::Reveal>(card.reveal));
  message.set_masked_pan(card.masked_pan);
  message.set_account_reference(card.account_reference);
  if (card.expiry.has_value()) message.set_expiry(card.expiry->ToString());
  if (card.full.has_value()) {
    v1::Card& full = *message.mutable_card();
    full.set_pan(TextOf(card.full->pan.Expose(crypto::SecretAccess::kGranted)));
    full.set_cardholder_name(
        TextOf(card.full->cardholder_name.Expose(crypto::SecretAccess::kGranted)));
    if (card.full->expiry.has_value()) full.set_expiry(card.full->expiry->ToString());
  }
  return message;
}

v1::GetTokenResponse ToMessage(const tokenizer::TokenView& token) {
  v1::GetTokenResponse message;
  message.set_name(token.name);
  message.set_profile(token.profile);
  message.set_state(ToWire(token.state));
  message.set_masked_pan(token.masked_pan);
  if (token.expiry.has_value()) message.set_expiry(token.expiry->ToString());
  *message.mutable_create_time() = ToTimestamp(token.created);
  message.set_data_key_version(token.data_key_version);
  if (token.ends.has_value()) *message.mutable_expire_time() = ToTimestamp(*token.ends);
  if (token.uses_left.has_value()) message.set_remaining_uses(*token.uses_left);
  if (token.token_expiry.has_value()) message.set_token_expiry(token.token_expiry->ToString());
  message.set_token_requestor_id(token.token_requestor_id);
  message.set_account_reference(token.account_reference);
  if (!token.domain.empty()) *message.mutable_domain() = ToMessage(token.domain);
  if (!token.metadata.empty()) *message.mutable_metadata() = ToMessage(token.metadata);
  return message;
}

v1::TokenState ToWire(tokenizer::TokenState state) {
  static_assert(static_cast<int>(tokenizer::TokenState::kDeleted) == v1::TOKEN_STATE_DELETED);
  return static_cast<v1::TokenState>(state);
}

absl::StatusOr<keys::KeyName> NewKeyName(const v1::CreateKeyRequest& request) {
  ASSIGN_OR_RETURN(std::string tenant, TenantOf(request.parent()));
  RETURN_IF_ERROR(CheckKeyId(request.key_id(), "key_id"));
  return keys::KeyName{.tenant = std::move(tenant), .key = request.key_id()};
}

absl::StatusOr<keys::Purpose> PurposeOf(v1::KeyPurpose purpose) {
  if (purpose == v1::KEY_PURPOSE_UNSPECIFIED) {
    return Error(Reason::kFieldRequired, "the purpose is required", "purpose");
  }
  if (!v1::KeyPurpose_IsValid(purpose)) {
    return Error(Reason::kFieldInvalid, "there is no such purpose", "purpose");
  }
  return static_cast<keys::Purpose>(purpose - 1);
}

absl::StatusOr<keys::Algorithm> AlgorithmOf(v1::KeyAlgorithm algorithm) {
  if (algorithm == v1::KEY_ALGORITHM_UNSPECIFIED) {
    return Error(Reason::kFieldRequired, "the algorithm is required", "algorithm");
  }
  if (!v1::KeyAlgorithm_IsValid(algorithm)) {
    return Error(Reason::kFieldInvalid, "there is no such algorithm", "algorithm");
  }
  return static_cast<keys::Algorithm>(algorithm - 1);
}

v1::KeyPurpose ToWire(keys::Purpose purpose) { return ToEnum<v1::KeyPurpose>(purpose); }
v1::KeyAlgorithm ToWire(keys::Algorithm algorithm) { return ToEnum<v1::KeyAlgorithm>(algorithm); }

absl::StatusOr<keys::KeyParameters> ParametersOf(const v1::CreateKeyRequest& request) {
  keys::KeyParameters parameters;
  ASSIGN_OR_RETURN(parameters.purpose, PurposeOf(request.purpose()));
  if (!keys::IsMadeByRequest(parameters.purpose)) {
    return Error(Reason::kFieldInvalid, "keys of this purpose are made by the service", "purpose");
  }
  ASSIGN_OR_RETURN(parameters.algorithm, AlgorithmOf(request.algorithm()));
  RETURN_IF_ERROR(keys::CheckAlgorithm(parameters.purpose, parameters.algorithm));
  parameters.protection = keys::ProtectionOf(parameters.purpose, parameters.algorithm);
  if (request.cryptoperiod_days() < 1 || request.cryptoperiod_days() > 1095) {
    return Error(Reason::kFieldInvalid, "the cryptoperiod is 1 to 1095 days", "cryptoperiod_days");
  }
  parameters.cryptoperiod = absl::Hours(24) * request.cryptoperiod_days();
  parameters.low_s = request.low_s();
  parameters.max_signatures = request.max_signatures();
  return parameters;
}

absl::StatusOr<keys::KeyImport> ImportOf(v1::ImportKeyRequest& request, const keys::KeyName& name) {
  v1::CreateKeyRequest parameters;
  parameters.set_purpose(request.purpose());
  parameters.set_algorithm(request.algorithm());
  parameters.set_cryptoperiod_days(request.cryptoperiod_days());
  keys::KeyImport import{.name = name, .parameters = {}, .import_key = {}, .secret = {}};
  ASSIGN_OR_RETURN(import.parameters, ParametersOf(parameters));
  const auto import_key = ParseKeyOrVersion(request.import_key());
  if (!import_key.ok()) {
    return Error(request.import_key().empty() ? Reason::kFieldRequired : Reason::kFieldInvalid,
                 "an import key is tenants/{tenant}/keys/{key}", "import_key");
  }
  import.import_key = *import_key;
  if (request.wrapping() == v1::KEY_WRAPPING_UNSPECIFIED) {
    return Error(Reason::kFieldRequired, "how the secret is wrapped is required", "wrapping");
  }
  if (!v1::KeyWrapping_IsValid(request.wrapping())) {
    return Error(Reason::kFieldInvalid, "there is no such wrapping", "wrapping");
  }
  import.secret.wrapping = static_cast<pkcs11::Wrapping>(request.wrapping() - 1);
  if (request.wrapped_secret().empty()) {
    return Error(Reason::kFieldRequired, "the wrapped secret is required", "wrapped_secret");
  }
  import.secret.bytes = std::move(*request.mutable_wrapped_secret());
  return import;
}

absl::StatusOr<keys::KeyVersionName> ParseKeyOrVersion(std::string_view name) {
  if (absl::StatusOr<keys::KeyVersionName> version = keys::KeyVersionName::Parse(name);
      version.ok()) {
    return version;
  }
  ASSIGN_OR_RETURN(keys::KeyName key, keys::KeyName::Parse(name));
  return keys::KeyVersionName{.key = std::move(key), .version = 0};
}

absl::StatusOr<keys::SignatureEncoding> EncodingOf(v1::SignatureEncoding encoding) {
  switch (encoding) {
    case v1::SIGNATURE_ENCODING_UNSPECIFIED:
    case v1::SIGNATURE_ENCODING_DER:
      return keys::SignatureEncoding::kDer;
    case v1::SIGNATURE_ENCODING_P1363:
      return keys::SignatureEncoding::kP1363;
    default:
      return Error(Reason::kFieldInvalid, "there is no such encoding", "encoding");
  }
}

absl::StatusOr<keys::RsaPadding> PaddingOf(v1::RsaPadding padding) {
  switch (padding) {
    case v1::RSA_PADDING_UNSPECIFIED:
    case v1::RSA_PADDING_PSS:
      return keys::RsaPadding::kPss;
    case v1::RSA_PADDING_PKCS1:
      return keys::RsaPadding::kPkcs1;
    default:
      return Error(Reason::kFieldInvalid, "there is no such padding", "rsa_padding");
  }
}

absl::StatusOr<v1::KeyVersion> ToMessage(const keys::KeyVersion& version) {
  v1::KeyVersion message;
  message.set_name(version.name.ToString());
  message.set_algorithm(ToWire(version.parameters.algorithm));
  message.set_protection(ToEnum<v1::KeyProtection>(version.parameters.protection));
  message.set_state(ToEnum<v1::KeyState>(version.state));
  message.set_primary(version.primary);
  message.set_environment(version.environment);
  *message.mutable_create_time() = ToTimestamp(version.created);
  *message.mutable_originator_end_time() = ToTimestamp(version.originator_end);
  *message.mutable_recipient_end_time() = ToTimestamp(version.recipient_end);
  message.set_uses(version.uses);
  message.set_use_limit(version.use_limit);
  message.set_low_s(version.parameters.low_s);
  message.set_origin(ToEnum<v1::KeyOrigin>(version.origin));
  message.set_kid(version.kid);
  if (!version.certificates.empty()) {
    ASSIGN_OR_RETURN(const crypto::CertificateChain chain,
                     crypto::CertificateChainFromDer(version.certificates));
    *message.mutable_certificate_end_time() = ToTimestamp(chain.not_after);
  }
  return message;
}

absl::StatusOr<v1::Key> ToMessage(std::span<const keys::KeyVersion> versions) {
  v1::Key key;
  key.set_name(versions.front().name.key.ToString());
  std::vector<const keys::KeyVersion*> ordered;
  for (const keys::KeyVersion& version : versions) ordered.push_back(&version);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto* a, const auto* b) { return a->name.version > b->name.version; });
  // Of numbers that were given up it may have been another one.
  key.set_purpose(ToWire(ordered.front()->parameters.purpose));
  for (const keys::KeyVersion* version : ordered) {
    ASSIGN_OR_RETURN(*key.add_versions(), ToMessage(*version));
  }
  return key;
}

v1::ItemError ToItemError(const absl::Status& status) {
  const ReasonInfo& info = InfoOf(WireReason(status));
  v1::ItemError error;
  error.set_code(static_cast<int>(info.code));
  error.set_reason(std::string(info.name));
  error.set_message(WireMessage(status));
  return error;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

absl::StatusOr<absl::Time> TimeOf(const google::protobuf::Timestamp& timestamp,
                                  std::string_view field) {
  // What timestamp.proto allows.
  if (timestamp.seconds() >= -62'135'596'800 && timestamp.seconds() < 253'402'300'800 &&
      timestamp.nanos() >= 0 && timestamp.nanos() < 1'000'000'000) {
    return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
  }
  return Error(Reason::kFieldInvalid, "there is no such time", field);
}

}  // namespace keysvc::rpc
