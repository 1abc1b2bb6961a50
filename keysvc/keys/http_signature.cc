#include "keysvc/keys/http_signature.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "crypto/canonical.h"
#include "http/content_digest.h"
#include "http/signature_base.h"
#include "http/signature_input.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kMostComponents = 32;
constexpr char kContentDigest[] = "content-digest";
constexpr char kInputField[] = "signature-input";
constexpr char kField[] = "signature";

absl::Status Invalid(const char* what, const char* field) {
  return Error(Reason::kFieldInvalid, what, field);
}

absl::Status CheckComponents(const std::vector<std::string>& components) {
  if (components.empty()) {
    return Error(Reason::kFieldRequired, "what is to be covered is required", "components");
  }
  if (components.size() > kMostComponents) {
    return Invalid("at most 32 components are covered", "components");
  }
  for (const std::string& component : components) {
    if (!http::IsComponent(component)) return Invalid("there is no such component", "components");
    // What is added to them for this signature changes what it would be over.
    if (component == kInputField || component == kField) {
      return Invalid("a field that the signature is added to is not covered", "components");
    }
  }
  if (std::set(components.begin(), components.end()).size() != components.size()) {
    return Invalid("a component is there twice", "components");
  }
  return absl::OkStatus();
}

// Two signatures under one label are none (RFC 9421 section 4).
absl::Status CheckLabel(const http::Message& message, std::string_view label) {
  if (!http::IsLabel(label)) return Invalid("the label is none", "label");
  for (const char* field : {kInputField, kField}) {
    const auto value = http::FieldOf(message, field);
    if (!value.has_value()) continue;
    ASSIGN_OR_RETURN(const std::vector<http::Member> members, http::ParseDictionary(*value));
    for (const http::Member& member : members) {
      if (member.label == label) {
        return Invalid("the message has a signature under the label already", "label");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string_view> HttpAlgOf(const KeyParameters& parameters) {
  RETURN_IF_ERROR(CheckServes(parameters.purpose, {Purpose::kHttp}));
  if (parameters.algorithm == Algorithm::kEcP256) return "ecdsa-p256-sha256";
  if (parameters.algorithm == Algorithm::kEcP384) return "ecdsa-p384-sha384";
  if (parameters.algorithm == Algorithm::kEd25519) return "ed25519";
  // RFC 9421 section 3.3.1 has PSS with this hash only.
  if (RsaHashOf(parameters.algorithm) == crypto::HashAlgorithm::kSha512) return "rsa-pss-sha512";
  return Error(Reason::kAlgorithmUnsupported,
               "HTTP messages are signed with P-256, P-384, Ed25519 or RSA and SHA-512");
}

HttpSignature::HttpSignature(http::Message message, HttpSignatureOptions options)
    : message_(std::move(message)), options_(std::move(options)) {
  const bool covered = std::find(options_.components.begin(), options_.components.end(),
                                 kContentDigest) != options_.components.end();
  if (covered && message_.body.has_value() && !http::FieldOf(message_, kContentDigest)) {
    added_digest_ = http::ContentDigest(*message_.body);
    message_.fields.push_back({kContentDigest, added_digest_});
  }
}

absl::Status HttpSignature::Check() const {
  RETURN_IF_ERROR(http::CheckMessage(message_));
  RETURN_IF_ERROR(CheckComponents(options_.components));
  for (const std::string& component : options_.components) {
    RETURN_IF_ERROR(http::ComponentOf(message_, component).status());
  }
  RETURN_IF_ERROR(CheckLabel(message_, options_.label));
  if (!http::IsQuotable(options_.nonce)) return Invalid("the nonce is none", "nonce");
  if (!http::IsQuotable(options_.tag)) return Invalid("the tag is none", "tag");
  if (options_.valid_for < absl::ZeroDuration() || options_.valid_for > kYear) {
    return Invalid("a signature is valid for at most a year", "valid_seconds");
  }
  const auto digest = http::FieldOf(message_, kContentDigest);
  if (!digest.has_value() || !message_.body.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool right, http::IsDigestOf(*digest, *message_.body));
  if (right) return absl::OkStatus();
  return Invalid("Content-Digest is not the body's", "message.fields");
}

std::string HttpSignature::FingerprintInput(const KeyName& key) const {
  crypto::CanonicalWriter input;
  input.Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .Bytes(message_.method)
      .Bytes(message_.scheme)
      .Bytes(message_.authority)
      .Bytes(message_.path)
      .Bytes(message_.query)
      .U32(static_cast<std::uint32_t>(message_.status.value_or(0)))
      .U32(static_cast<std::uint32_t>(message_.fields.size()));
  for (const http::Field& field : message_.fields) input.Bytes(field.name).Bytes(field.value);
  input.U8(message_.body.has_value() ? 1 : 0).Bytes(message_.body.value_or(""));
  input.U32(static_cast<std::uint32_t>(options_.components.size()));
  for (const std::string& component : options_.components) input.Bytes(component);
  return input.Bytes(options_.label)
      .U64(static_cast<std::uint64_t>(absl::ToInt64Seconds(options_.valid_for)))
      .Bytes(options_.nonce)
      .Bytes(options_.tag)
      .Take();
}

absl::StatusOr<SignatureFormat::Draft> HttpSignature::DraftFor(const KeyVersion& version,
                                                               PublicKeys& public_keys,
                                                               absl::Time now) const {
  ASSIGN_OR_RETURN(const std::string_view alg, HttpAlgOf(version.parameters));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  http::SignatureInput input;
  input.components = options_.components;
  const std::int64_t created = absl::ToUnixSeconds(now);
  input.parameters.emplace_back("created", created);
  if (options_.valid_for > absl::ZeroDuration()) {
    input.parameters.emplace_back("expires", created + absl::ToInt64Seconds(options_.valid_for));
  }
  if (!options_.nonce.empty()) input.parameters.emplace_back("nonce", options_.nonce);
  input.parameters.emplace_back("keyid", half->thumbprint);
  input.parameters.emplace_back("alg", std::string(alg));
  if (!options_.tag.empty()) input.parameters.emplace_back("tag", options_.tag);

  Draft draft{scheme, {}, {}};
  ASSIGN_OR_RETURN(draft.to_be_signed, http::SignatureBase(message_, input));
  std::string lines;
  if (!added_digest_.empty()) absl::StrAppend(&lines, kContentDigest, ": ", added_digest_, "\n");
  absl::StrAppend(&lines, kInputField, ": ", options_.label, "=", http::ToText(input), "\n");
  draft.finish = [lines = std::move(lines),
                  label = options_.label](const Raw& raw) -> absl::StatusOr<std::string> {
    // RFC 9421 section 3.3.4: r || s, which is what the HSM gives.
    return absl::StrCat(lines, kField, ": ", label, "=", http::ByteSequence(raw.front()), "\n");
  };
  return draft;
}

}  // namespace keysvc::keys
