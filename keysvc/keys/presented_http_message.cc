#include "keysvc/keys/presented_http_message.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "http/content_digest.h"
#include "http/signature_base.h"
#include "http/signature_input.h"
#include "keysvc/keys/http_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kInputField = "signature-input";
constexpr std::string_view kField = "signature";
constexpr std::string_view kContentDigest = "content-digest";

// The members of a field of signatures (RFC 9421 section 4).
absl::StatusOr<std::vector<http::Member>> MembersOf(const http::Message& message,
                                                    std::string_view field) {
  const std::optional<std::string> value = http::FieldOf(message, field);
  if (value.has_value()) return http::ParseDictionary(*value);
  return Error(Reason::kFieldRequired, "the message has no signature", "message.fields");
}

absl::StatusOr<std::string> MemberOf(const http::Message& message, std::string_view field,
                                     std::string_view label) {
  ASSIGN_OR_RETURN(const std::vector<http::Member> members, MembersOf(message, field));
  for (const http::Member& member : members) {
    if (member.label == label) return member.value;
  }
  return Error(Reason::kFieldInvalid, "the message has no signature under the label", "label");
}

// The label of the only signature there is.
absl::StatusOr<std::string> OnlyLabelOf(const http::Message& message) {
  ASSIGN_OR_RETURN(const std::vector<http::Member> members, MembersOf(message, kInputField));
  if (members.size() == 1) return members.front().label;
  return Error(Reason::kFieldRequired, "the message has several signatures", "label");
}

bool Covers(const http::SignatureInput& input, std::string_view component) {
  return std::find(input.components.begin(), input.components.end(), component) !=
         input.components.end();
}

// A digest that is covered and not compared would be worth nothing.
absl::StatusOr<bool> IsBodyTheDigests(const http::Message& message) {
  const std::optional<std::string> digest = http::FieldOf(message, kContentDigest);
  if (!digest.has_value()) return false;
  if (message.body.has_value()) return http::IsDigestOf(*digest, *message.body);
  return Error(Reason::kFieldRequired, "Content-Digest is covered, and the body is needed",
               "message.body");
}

}  // namespace

PresentedHttpMessage::PresentedHttpMessage(http::Message message, std::string label,
                                           std::vector<std::string> required_components)
    : message_(std::move(message)),
      label_(std::move(label)),
      required_components_(std::move(required_components)) {}

absl::StatusOr<std::string_view> PresentedHttpMessage::AlgOf(
    const KeyParameters& parameters) const {
  return HttpAlgOf(parameters);
}

absl::StatusOr<PresentedSignature::Claims> PresentedHttpMessage::Read() const {
  RETURN_IF_ERROR(http::CheckMessage(message_));
  std::string label = label_;
  if (label.empty()) {
    ASSIGN_OR_RETURN(label, OnlyLabelOf(message_));
  }
  ASSIGN_OR_RETURN(const std::string input_text, MemberOf(message_, kInputField, label));
  ASSIGN_OR_RETURN(const http::SignatureInput input, http::ParseSignatureInput(input_text));
  ASSIGN_OR_RETURN(const std::string signature_text, MemberOf(message_, kField, label));
  std::optional<std::string> signature = http::FromByteSequence(signature_text);
  if (!signature.has_value()) {
    return Error(Reason::kFieldInvalid, "Signature is not in the form of RFC 9421",
                 "message.fields");
  }

  Fault fault = Fault::kNone;
  if (Covers(input, kContentDigest)) {
    ASSIGN_OR_RETURN(const bool right, IsBodyTheDigests(message_));
    if (!right) fault = Fault::kDigestWrong;
  }
  for (const std::string& required : required_components_) {
    if (!Covers(input, required)) fault = Fault::kComponentMissing;
  }
  ASSIGN_OR_RETURN(std::string base, http::SignatureBase(message_, input));
  return Claims{.key_id = input.Text("keyid").value_or(""),
                .alg = input.Text("alg").value_or(""),
                .input = std::move(base),
                .signatures = {*std::move(signature)},
                .issue_time = input.Integer("created"),
                .expires = input.Integer("expires"),
                .nonce = input.Text("nonce").value_or(""),
                .fault = fault};
}

}  // namespace keysvc::keys
