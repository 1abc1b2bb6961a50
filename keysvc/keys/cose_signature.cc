#include "keysvc/keys/cose_signature.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "cose/sign1.h"
#include "crypto/canonical.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestAad = 1024;

// Of a message that was made here.
std::string WithPayload(const std::string& cbor, std::optional<std::string> payload) {
  cose::Sign1 message = cose::ParseSign1(cbor).value();
  message.payload = std::move(payload);
  return cose::ToCbor(message);
}

}  // namespace

absl::StatusOr<std::string_view> CoseAlgOf(const KeyParameters& parameters) {
  RETURN_IF_ERROR(CheckServes(parameters.purpose, {Purpose::kCose}));
  return JoseAlgOf(parameters.algorithm);
}

absl::Status CheckExternalAad(std::string_view external_aad) {
  if (external_aad.size() <= kLongestAad) return absl::OkStatus();
  return Error(Reason::kMessageTooLarge, "the external data is longer than 1 KiB", "external_aad");
}

CoseSignature::CoseSignature(std::string payload, CoseOptions options)
    : payload_(std::move(payload)), options_(std::move(options)) {}

absl::Status CoseSignature::Check() const {
  RETURN_IF_ERROR(CheckMessage(payload_, "payload"));
  return CheckExternalAad(options_.external_aad);
}

std::string CoseSignature::FingerprintInput(const KeyName& key) const {
  return crypto::CanonicalWriter()
      .Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .Bytes(payload_)
      .Bytes(options_.external_aad)
      .U8(options_.detached ? 1 : 0)
      .U8(options_.without_issue_time ? 1 : 0)
      .Take();
}

std::string CoseSignature::ToKept(std::string answer) const {
  return options_.detached ? answer : WithPayload(answer, std::nullopt);
}

std::string CoseSignature::FromKept(std::string kept) const {
  return options_.detached ? kept : WithPayload(kept, payload_);
}

absl::StatusOr<SignatureFormat::Draft> CoseSignature::DraftFor(const KeyVersion& version,
                                                               PublicKeys& public_keys,
                                                               absl::Time now) const {
  ASSIGN_OR_RETURN(const std::string_view alg, CoseAlgOf(version.parameters));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  cose::Sign1 message;
  message.header.alg = alg;
  message.header.kid = half->thumbprint;
  if (!options_.without_issue_time) message.header.iat = absl::ToUnixSeconds(now);
  ASSIGN_OR_RETURN(message.protected_header, cose::ProtectedHeader(message.header));
  if (!options_.detached) message.payload = payload_;

  Draft draft{
      scheme, cose::SigningInput(message.protected_header, options_.external_aad, payload_), {}};
  draft.finish = [message = std::move(message)](Raw raw) mutable -> absl::StatusOr<std::string> {
    // RFC 9053 section 2.1: r || s, which is what the HSM gives.
    message.signature = std::move(raw.front());
    return cose::ToCbor(message);
  };
  return draft;
}

}  // namespace keysvc::keys
