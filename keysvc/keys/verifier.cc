#include "keysvc/keys/verifier.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/public_key.h"
#include "http/content_digest.h"
#include "http/signature_base.h"
#include "http/signature_input.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/http_signature.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// A payload of 64 KiB in base64url, with header and signature.
constexpr std::size_t kLongestJws = std::size_t{96} * 1024;
// By how much a signer's clock may be ahead.
constexpr absl::Duration kClockTolerance = absl::Minutes(1);
constexpr std::string_view kInputField = "signature-input";
constexpr std::string_view kField = "signature";
constexpr std::string_view kContentDigest = "content-digest";

template <typename Request>
audit::Entry EntryFor(const policy::Permit& permit, std::string_view method,
                      const Request& request) {
  audit::Entry entry = EntryOf(permit, method, request.key.ToString(), request.request_id);
  entry.trace_id = request.trace_id;
  return entry;
}

Verification Wrong(Fault fault) { return Verification{.fault = fault, .key_version = {}}; }

// The payload that the JWS is over, which is in it or beside it.
absl::StatusOr<std::string> PayloadOf(const jose::Jws& jws, const JwsVerifyRequest& request) {
  if (jws.payload.has_value() && request.payload.has_value()) {
    return Error(Reason::kFieldInvalid, "the JWS has a payload of its own", "payload");
  }
  if (jws.payload.has_value()) return *jws.payload;
  if (!request.payload.has_value()) {
    return Error(Reason::kFieldRequired, "the JWS is detached, and needs its payload", "payload");
  }
  RETURN_IF_ERROR(keys::CheckMessage(*request.payload, "payload"));
  return *request.payload;
}

Fault CheckAge(std::optional<std::int64_t> issue_time, std::optional<absl::Duration> max_age,
               absl::Time now) {
  if (!issue_time.has_value()) return max_age.has_value() ? Fault::kIssueTimeMissing : Fault::kNone;
  const absl::Time issued = absl::FromUnixSeconds(*issue_time);
  if (issued > now + kClockTolerance) return Fault::kFromTheFuture;
  if (max_age.has_value() && issued < now - *max_age) return Fault::kTooOld;
  return Fault::kNone;
}

absl::Status NoSignature() {
  return Error(Reason::kFieldInvalid, "Signature is not in the form of RFC 9421", "message.fields");
}

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

// The label that is asked for, or the only one there is.
absl::StatusOr<std::string> LabelOf(const HttpVerifyRequest& request) {
  if (!request.label.empty()) return request.label;
  ASSIGN_OR_RETURN(const std::vector<http::Member> members,
                   MembersOf(request.message, kInputField));
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

std::string_view NameOf(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "";
    case Fault::kSignatureWrong:
      return "SIGNATURE_WRONG";
    case Fault::kKeyUnknown:
      return "KEY_UNKNOWN";
    case Fault::kAlgorithmMismatch:
      return "ALGORITHM_MISMATCH";
    case Fault::kIssueTimeMissing:
      return "ISSUE_TIME_MISSING";
    case Fault::kTooOld:
      return "TOO_OLD";
    case Fault::kFromTheFuture:
      return "FROM_THE_FUTURE";
    case Fault::kExpired:
      return "EXPIRED";
    case Fault::kComponentMissing:
      return "COMPONENT_MISSING";
    case Fault::kDigestWrong:
      return "DIGEST_WRONG";
  }
  return "";
}

Verifier::Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
                   PublicKeys& public_keys, std::function<absl::Time()> clock)
    : registry_(registry),
      hsm_(hsm),
      journal_(journal),
      public_keys_(public_keys),
      clock_(std::move(clock)) {}

void Verifier::Verify(policy::Permit permit, const VerifyRequest& request,
                      audit::Done<Verification> done) {
  Record(EntryFor(permit, "SigningService.Verify", request), CheckMessage(permit, request),
         std::move(done));
}

void Verifier::VerifyJws(policy::Permit permit, const JwsVerifyRequest& request,
                         audit::Done<Verification> done) {
  Record(EntryFor(permit, "SigningService.VerifyJws", request), CheckJws(permit, request),
         std::move(done));
}

void Verifier::VerifyHttpMessage(policy::Permit permit, const HttpVerifyRequest& request,
                                 audit::Done<Verification> done) {
  Record(EntryFor(permit, "SigningService.VerifyHttpMessage", request),
         CheckHttpMessage(permit, request), std::move(done));
}

void Verifier::Record(audit::Entry entry, absl::StatusOr<Verification> result,
                      audit::Done<Verification> done) {
  if (!result.ok()) {
    entry = Failed(std::move(entry), result.status());
  } else {
    entry.details["valid"] = result->valid() ? "true" : "false";
    if (result->valid()) entry.details["key_version"] = result->key_version.ToString();
    if (!result->valid()) entry.details["fault"] = NameOf(result->fault);
  }
  journal_.Submit(std::move(entry), {},
                  [result = std::move(result),
                   done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
                    audit::Complete(std::move(receipt), std::move(result), done);
                  });
}

absl::StatusOr<std::vector<KeyVersion>> Verifier::Candidates(const KeyName& key,
                                                             std::uint32_t version) const {
  std::vector<KeyVersion> candidates;
  if (version != 0) {
    ASSIGN_OR_RETURN(KeyVersion one, registry_.VersionFor({key, version}, Use::kProcess));
    candidates.push_back(std::move(one));
    return candidates;
  }
  ASSIGN_OR_RETURN(std::vector<KeyVersion> versions, registry_.Versions(key));
  for (auto one = versions.rbegin(); one != versions.rend(); ++one) {
    if (CheckUse(*one, Use::kProcess, clock_()).ok()) candidates.push_back(std::move(*one));
  }
  if (!candidates.empty()) return candidates;
  return Error(Reason::kKeyNotActive, "no version of the key may verify");
}

absl::StatusOr<Verification> Verifier::CheckMessage(const policy::Permit& permit,
                                                    const VerifyRequest& request) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, request.key.ToString()));
  RETURN_IF_ERROR(keys::CheckMessage(request.message, "message"));
  ASSIGN_OR_RETURN(const std::vector<KeyVersion> candidates,
                   Candidates(request.key, request.version));
  for (const KeyVersion& version : candidates) {
    ASSIGN_OR_RETURN(const bool valid, IsBy(version, request));
    if (valid) return Verification{.fault = Fault::kNone, .key_version = version.name};
  }
  return Wrong(Fault::kSignatureWrong);
}

absl::StatusOr<bool> Verifier::IsBy(const KeyVersion& version, const VerifyRequest& request) {
  RETURN_IF_ERROR(CheckServes(version.parameters.purpose, {Purpose::kSign, Purpose::kMac}));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, request.padding));
  if (!scheme.check.has_value()) {
    ASSIGN_OR_RETURN(const std::string tag,
                     hsm_.Sign(version.hsm_label, scheme.mechanism, request.message));
    return crypto::EqualInConstantTime(crypto::AsBytes(tag), crypto::AsBytes(request.signature));
  }
  const auto signature = DecodeSignature(scheme, request.encoding, request.signature);
  if (!signature.has_value()) return false;
  ASSIGN_OR_RETURN(const auto half, public_keys_.Of(version));
  return half->key->Verify(*scheme.check, request.message, *signature);
}

absl::StatusOr<Verification> Verifier::CheckJws(const policy::Permit& permit,
                                                const JwsVerifyRequest& request) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, request.key.ToString()));
  if (request.jws.empty()) return Error(Reason::kFieldRequired, "the JWS is required", "jws");
  if (request.jws.size() > kLongestJws) {
    return Error(Reason::kMessageTooLarge, "the JWS is longer than 96 KiB", "jws");
  }
  ASSIGN_OR_RETURN(const jose::Jws jws, jose::ParseCompact(request.jws));
  ASSIGN_OR_RETURN(const std::string payload, PayloadOf(jws, request));
  ASSIGN_OR_RETURN(const std::vector<KeyVersion> candidates,
                   Candidates(request.key, request.version));
  const Claimed claimed{jws.header.kid, jws.header.alg,
                        jose::SigningInput(jws.protected_header, jws.header.b64, payload),
                        jws.signature};
  ASSIGN_OR_RETURN(Verification verification, FindSigner(claimed, JwsAlgOf, candidates));
  if (!verification.valid()) return verification;
  const Fault fault = CheckAge(jws.header.iat, request.max_age, clock_());
  return fault == Fault::kNone ? verification : Wrong(fault);
}

absl::StatusOr<Verification> Verifier::CheckHttpMessage(const policy::Permit& permit,
                                                        const HttpVerifyRequest& request) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, request.key.ToString()));
  RETURN_IF_ERROR(http::CheckMessage(request.message));
  ASSIGN_OR_RETURN(const std::string label, LabelOf(request));
  ASSIGN_OR_RETURN(const std::string input_text, MemberOf(request.message, kInputField, label));
  ASSIGN_OR_RETURN(const http::SignatureInput input, http::ParseSignatureInput(input_text));
  ASSIGN_OR_RETURN(const std::string signature_text, MemberOf(request.message, kField, label));
  const std::optional<std::string> signature = http::FromByteSequence(signature_text);
  if (!signature.has_value()) return NoSignature();

  for (const std::string& required : request.required_components) {
    if (!Covers(input, required)) return Wrong(Fault::kComponentMissing);
  }
  if (Covers(input, kContentDigest)) {
    ASSIGN_OR_RETURN(const bool right, IsBodyTheDigests(request.message));
    if (!right) return Wrong(Fault::kDigestWrong);
  }
  ASSIGN_OR_RETURN(std::string base, http::SignatureBase(request.message, input));
  const Claimed claimed{input.Text("keyid").value_or(""), input.Text("alg").value_or(""),
                        std::move(base), *signature};
  ASSIGN_OR_RETURN(const std::vector<KeyVersion> candidates,
                   Candidates(request.key, request.version));
  ASSIGN_OR_RETURN(Verification verification, FindSigner(claimed, HttpAlgOf, candidates));
  if (!verification.valid()) return verification;
  const auto expires = input.Integer("expires");
  if (expires.has_value() && absl::FromUnixSeconds(*expires) <= clock_()) {
    return Wrong(Fault::kExpired);
  }
  const Fault fault = CheckAge(input.Integer("created"), request.max_age, clock_());
  return fault == Fault::kNone ? verification : Wrong(fault);
}

absl::StatusOr<Verification> Verifier::FindSigner(const Claimed& claimed, AlgOf alg_of,
                                                  const std::vector<KeyVersion>& candidates) {
  Fault fault = Fault::kKeyUnknown;
  for (const KeyVersion& version : candidates) {
    ASSIGN_OR_RETURN(const std::string_view alg, alg_of(version.parameters));
    ASSIGN_OR_RETURN(const auto half, public_keys_.Of(version));
    if (!claimed.key_id.empty() && claimed.key_id != half->thumbprint) continue;
    // The key says how it signs; whoever says otherwise tries something.
    if (!claimed.alg.empty() && claimed.alg != alg) {
      if (fault == Fault::kKeyUnknown) fault = Fault::kAlgorithmMismatch;
      continue;
    }
    fault = Fault::kSignatureWrong;
    ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
    const auto signature = DecodeSignature(scheme, SignatureEncoding::kP1363, claimed.signature);
    if (signature.has_value() && half->key->Verify(*scheme.check, claimed.input, *signature)) {
      return Verification{.fault = Fault::kNone, .key_version = version.name};
    }
  }
  return Wrong(fault);
}

}  // namespace keysvc::keys
