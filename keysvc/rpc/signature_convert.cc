#include "keysvc/rpc/signature_convert.h"

#include <utility>

#include "keysvc/keys/accepted_nonce.h"
#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/presented_digest.h"
#include "keysvc/keys/presented_message.h"
#include "keysvc/rpc/convert.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

// Of a v1::VerifyRequest or a v1::SignedMessage.
std::shared_ptr<const keys::PresentedSignature> TakeOne(auto& one, keys::SignatureEncoding encoding,
                                                        keys::RsaPadding padding) {
  if (one.has_digest()) {
    return std::make_shared<keys::PresentedDigest>(
        std::move(*one.mutable_digest()), std::move(*one.mutable_signature()), encoding, padding);
  }
  return std::make_shared<keys::PresentedMessage>(
      std::move(*one.mutable_message()), std::move(*one.mutable_signature()), encoding, padding);
}

}  // namespace

absl::StatusOr<keys::VerifyingKeyName> ParseVerifyingKey(std::string_view name) {
  if (absl::StatusOr<keys::PartnerKeyName> partners = keys::PartnerKeyName::Parse(name);
      partners.ok()) {
    return partners;
  }
  return ParseKeyOrVersion(name);
}

absl::StatusOr<Formats> TakeFormats(v1::SignRequest& request) {
  ASSIGN_OR_RETURN(const keys::SignatureEncoding encoding, EncodingOf(request.encoding()));
  ASSIGN_OR_RETURN(const keys::RsaPadding padding, PaddingOf(request.rsa_padding()));
  if (request.has_digest()) {
    return Formats{std::make_shared<keys::DigestSignature>(std::move(*request.mutable_digest()),
                                                           encoding, padding)};
  }
  return Formats{std::make_shared<keys::MessageSignature>(std::move(*request.mutable_message()),
                                                          encoding, padding)};
}

absl::StatusOr<Formats> TakeFormats(v1::BatchSignRequest& request) {
  if (request.messages_size() > 0 && request.digests_size() > 0) {
    return Error(Reason::kFieldInvalid, "a batch is of messages or of digests", "digests");
  }
  RETURN_IF_ERROR(CheckBatchSize(request.messages_size() + request.digests_size()));
  ASSIGN_OR_RETURN(const keys::SignatureEncoding encoding, EncodingOf(request.encoding()));
  ASSIGN_OR_RETURN(const keys::RsaPadding padding, PaddingOf(request.rsa_padding()));
  Formats formats;
  for (std::string& message : *request.mutable_messages()) {
    formats.push_back(
        std::make_shared<keys::MessageSignature>(std::move(message), encoding, padding));
  }
  for (std::string& digest : *request.mutable_digests()) {
    formats.push_back(
        std::make_shared<keys::DigestSignature>(std::move(digest), encoding, padding));
  }
  return formats;
}

absl::StatusOr<Presented> TakePresented(v1::VerifyRequest& request) {
  ASSIGN_OR_RETURN(const keys::SignatureEncoding encoding, EncodingOf(request.encoding()));
  ASSIGN_OR_RETURN(const keys::RsaPadding padding, PaddingOf(request.rsa_padding()));
  return Presented{TakeOne(request, encoding, padding)};
}

absl::StatusOr<Presented> TakePresented(v1::BatchVerifyRequest& request) {
  RETURN_IF_ERROR(CheckBatchSize(request.signed_messages_size()));
  ASSIGN_OR_RETURN(const keys::SignatureEncoding encoding, EncodingOf(request.encoding()));
  ASSIGN_OR_RETURN(const keys::RsaPadding padding, PaddingOf(request.rsa_padding()));
  Presented presented;
  for (v1::SignedMessage& item : *request.mutable_signed_messages()) {
    presented.push_back(TakeOne(item, encoding, padding));
  }
  return presented;
}

crypto::CertificateSubject SubjectOf(const v1::CertificateSubject& message) {
  return {.common_name = message.common_name(),
          .organization = message.organization(),
          .organizational_unit = message.organizational_unit(),
          .locality = message.locality(),
          .state = message.state(),
          .country = message.country(),
          .dns_names = {message.dns_names().begin(), message.dns_names().end()}};
}

keys::OpenBankingHeader ToHeader(const v1::OpenBankingHeader& message) {
  return {.issuer = message.issuer(), .trust_anchor = message.trust_anchor()};
}

http::Message TakeMessage(v1::HttpMessage& wire) {
  http::Message message;
  message.method = std::move(*wire.mutable_method());
  message.scheme = std::move(*wire.mutable_scheme());
  message.authority = std::move(*wire.mutable_authority());
  message.path = std::move(*wire.mutable_path());
  message.query = std::move(*wire.mutable_query());
  if (wire.status() != 0) message.status = wire.status();
  message.fields = TakeFields(*wire.mutable_fields());
  if (wire.has_body()) message.body = std::move(*wire.mutable_body());
  return message;
}

std::vector<http::Field> TakeFields(google::protobuf::RepeatedPtrField<v1::HttpField>& wire) {
  std::vector<http::Field> fields;
  for (v1::HttpField& field : wire) {
    fields.push_back({std::move(*field.mutable_name()), std::move(*field.mutable_value())});
  }
  return fields;
}

absl::StatusOr<std::optional<absl::Duration>> MaxAgeOf(std::int64_t seconds) {
  if (seconds < 0) {
    return Error(Reason::kFieldInvalid, "an age is not negative", "max_age_seconds");
  }
  if (seconds == 0) return std::nullopt;
  return absl::Seconds(seconds);
}

absl::Status CheckOnce(bool once, std::optional<absl::Duration> max_age) {
  if (!once) return absl::OkStatus();
  if (!max_age.has_value()) {
    return Error(Reason::kFieldRequired, "what is accepted once needs an age", "max_age_seconds");
  }
  if (*max_age <= keys::kNonceKept) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "what is accepted once is at most 31 days old",
               "max_age_seconds");
}

v1::VerifyResponse ToMessage(const keys::Verification& verification) {
  v1::VerifyResponse message;
  message.set_valid(verification.valid());
  if (message.valid()) message.set_key_version(verification.key_version);
  return message;
}

}  // namespace keysvc::rpc
