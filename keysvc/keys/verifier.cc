#include "keysvc/keys/verifier.h"

#include <cstddef>
#include <memory>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/public_key.h"
#include "keysvc/keys/call_record.h"
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

Fault CheckAge(const jose::JwsHeader& header, std::optional<absl::Duration> max_age,
               absl::Time now) {
  if (!header.iat.has_value()) return max_age.has_value() ? Fault::kIssueTimeMissing : Fault::kNone;
  const absl::Time issued = absl::FromUnixSeconds(*header.iat);
  if (issued > now + kClockTolerance) return Fault::kFromTheFuture;
  if (max_age.has_value() && issued < now - *max_age) return Fault::kTooOld;
  return Fault::kNone;
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
  audit::Entry entry =
      EntryOf(permit, "SigningService.Verify", request.key.ToString(), request.request_id);
  entry.trace_id = request.trace_id;
  Record(std::move(entry), CheckMessage(permit, request), std::move(done));
}

void Verifier::VerifyJws(policy::Permit permit, const JwsVerifyRequest& request,
                         audit::Done<Verification> done) {
  audit::Entry entry =
      EntryOf(permit, "SigningService.VerifyJws", request.key.ToString(), request.request_id);
  entry.trace_id = request.trace_id;
  Record(std::move(entry), CheckJws(permit, request), std::move(done));
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
  ASSIGN_OR_RETURN(Verification verification, FindSigner(jws, payload, candidates));
  if (!verification.valid()) return verification;
  const Fault fault = CheckAge(jws.header, request.max_age, clock_());
  return fault == Fault::kNone ? verification : Wrong(fault);
}

absl::StatusOr<Verification> Verifier::FindSigner(const jose::Jws& jws, const std::string& payload,
                                                  const std::vector<KeyVersion>& candidates) {
  const std::string input = jose::SigningInput(jws.protected_header, jws.header.b64, payload);
  Fault fault = Fault::kKeyUnknown;
  for (const KeyVersion& version : candidates) {
    ASSIGN_OR_RETURN(const std::string_view alg, JwsAlgOf(version.parameters));
    ASSIGN_OR_RETURN(const auto half, public_keys_.Of(version));
    if (!jws.header.kid.empty() && jws.header.kid != half->thumbprint) continue;
    // The key says how it signs; a header that says otherwise is somebody's attempt.
    if (jws.header.alg != alg) {
      fault = Fault::kAlgorithmMismatch;
      continue;
    }
    fault = Fault::kSignatureWrong;
    ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
    const auto signature = DecodeSignature(scheme, SignatureEncoding::kP1363, jws.signature);
    if (signature.has_value() && half->key->Verify(*scheme.check, input, *signature)) {
      return Verification{.fault = Fault::kNone, .key_version = version.name};
    }
  }
  return Wrong(fault);
}

}  // namespace keysvc::keys
