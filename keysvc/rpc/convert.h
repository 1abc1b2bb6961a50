// Between messages of keysvc.v1 and the domain's types. Everything a caller wrote is checked here
// before it may go into a record.
#ifndef KEYSVC_KEYSVC_RPC_CONVERT_H_
#define KEYSVC_KEYSVC_RPC_CONVERT_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_request.h"
#include "keysvc/keys/signature.h"
#include "keysvc/v1/item_error.pb.h"
#include "keysvc/v1/key_service.pb.h"
#include "keysvc/v1/signing_service.pb.h"
#include "keysvc/v1/token_service.pb.h"
#include "tokenizer/card_data.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// FIELD_REQUIRED or FIELD_INVALID, naming `field`, unless the text is of the form.
absl::Status CheckRequestId(std::string_view text);  // a UUID in its usual spelling, or empty
absl::Status CheckPurpose(std::string_view text);    // [a-z-]{1,64}, or empty
// "tenants/{tenant}" gives the tenant.
absl::StatusOr<std::string> TenantOf(std::string_view parent);
// "tenants/{tenant}/tokenProfiles/{profile}".
absl::Status CheckProfileName(std::string_view name, std::string_view field = "parent");
// The same, of this tenant, or empty; field "profile".
absl::Status CheckTokensProfile(std::string_view name, std::string_view tenant);
// [a-z][a-z0-9-]{0,62} with at most 11 digits.
absl::Status CheckKeyId(std::string_view id, std::string_view field);
// BATCH_SIZE unless 1 to 100.
absl::Status CheckBatchSize(int size);

// The card, in locked memory. The message's own copies are wiped.
absl::StatusOr<tokenizer::CardData> TakeCard(v1::Card& card);
// FIELD_INVALID for what is not of the form of tokenizer::TokenDomain or TokenUse.
absl::StatusOr<tokenizer::TokenDomain> DomainOf(const v1::TokenDomain& domain);
absl::StatusOr<tokenizer::TokenUse> UseOf(const v1::TokenUse& use);
v1::TokenDomain ToMessage(const tokenizer::TokenDomain& domain);
// As it is stated: what it may be the profile says.
tokenizer::TokenMetadata MetadataOf(
    const google::protobuf::RepeatedPtrField<v1::MetadataValue>& values);
v1::TokenMetadata ToMessage(const tokenizer::TokenMetadata& metadata);
v1::TokenizeResponse ToMessage(const tokenizer::IssuedToken& token,
                               const tokenizer::Profile& profile);
v1::ConvertTokenResponse ToConverted(const tokenizer::IssuedToken& token,
                                     const tokenizer::Profile& target);
v1::UpdateTokenCardResponse ToUpdated(const tokenizer::IssuedToken& token);
v1::LookUpTokenResponse ToMessage(const tokenizer::KnownToken& token);
v1::DetokenizeResponse ToMessage(const tokenizer::RevealedCard& card);
// Of the token that is called so.
v1::GetTokenResponse ToMessage(const tokenizer::TokenView& token);
v1::TokenState ToWire(tokenizer::TokenState state);
v1::RetentionReport ToMessage(const tokenizer::RetentionReport& report);

// The name that `parent` and `key_id` make.
absl::StatusOr<keys::KeyName> NewKeyName(const v1::CreateKeyRequest& request);
// A key or one version of it; version 0 when the name says none.
absl::StatusOr<keys::KeyVersionName> ParseKeyOrVersion(std::string_view name);
// Any that the wire has but the unspecified one; FIELD_REQUIRED for that.
absl::StatusOr<keys::Purpose> PurposeOf(v1::KeyPurpose purpose);
absl::StatusOr<keys::Algorithm> AlgorithmOf(v1::KeyAlgorithm algorithm);
v1::KeyPurpose ToWire(keys::Purpose purpose);
v1::KeyAlgorithm ToWire(keys::Algorithm algorithm);
absl::StatusOr<keys::KeyParameters> ParametersOf(const v1::CreateKeyRequest& request);
// Takes what is wrapped out of the request. The name is what the request's parses to.
absl::StatusOr<keys::KeyImport> ImportOf(v1::ImportKeyRequest& request, const keys::KeyName& name);
absl::StatusOr<keys::SignatureEncoding> EncodingOf(v1::SignatureEncoding encoding);
absl::StatusOr<keys::RsaPadding> PaddingOf(v1::RsaPadding padding);
// DATA_LOSS/INTEGRITY_FAILURE when the version's certificates cannot be read.
absl::StatusOr<v1::KeyVersion> ToMessage(const keys::KeyVersion& version);
// A key of its versions (at least one), newest first.
absl::StatusOr<v1::Key> ToMessage(std::span<const keys::KeyVersion> versions);

v1::ItemError ToItemError(const absl::Status& status);
google::protobuf::Timestamp ToTimestamp(absl::Time time);
// FIELD_INVALID, naming `field`, for what is no time of the years 1 to 9999.
absl::StatusOr<absl::Time> TimeOf(const google::protobuf::Timestamp& timestamp,
                                  std::string_view field);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_CONVERT_H_
