#include "keysvc/keys/verifier.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/public_key.h"
#include "keysvc/keys/call_record.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// By how much a signer's clock may be ahead.
constexpr absl::Duration kClockTolerance = absl::Minutes(1);

Fault CheckTimes(const PresentedSignature::Claims& claims, std::optional<absl::Duration> max_age,
                 absl::Time now) {
  if (claims.expires.has_value() && absl::FromUnixSeconds(*claims.expires) <= now) {
    return Fault::kExpired;
  }
  if (!claims.issue_time.has_value()) {
    return max_age.has_value() ? Fault::kIssueTimeMissing : Fault::kNone;
  }
  const absl::Time issued = absl::FromUnixSeconds(*claims.issue_time);
  if (issued > now + kClockTolerance) return Fault::kFromTheFuture;
  if (max_age.has_value() && issued < now - *max_age) return Fault::kTooOld;
  return Fault::kNone;
}

Verification Wrong(Fault fault) { return Verification{.fault = fault, .key_version = {}}; }

}  // namespace

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
      EntryOf(permit, request.presented->method(), request.key.ToString(), request.request_id);
  entry.trace_id = request.trace_id;
  absl::StatusOr<Verification> result = Check(permit, request);
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

absl::StatusOr<Verification> Verifier::Check(const policy::Permit& permit,
                                             const VerifyRequest& request) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, request.key.ToString()));
  ASSIGN_OR_RETURN(const PresentedSignature::Claims claims, request.presented->Read());
  if (claims.fault != Fault::kNone) return Wrong(claims.fault);
  ASSIGN_OR_RETURN(const std::vector<KeyVersion> candidates,
                   Candidates(request.key, request.version));
  ASSIGN_OR_RETURN(Verification verification, FindSigner(*request.presented, claims, candidates));
  if (!verification.valid()) return verification;
  const Fault fault = CheckTimes(claims, request.max_age, clock_());
  return fault == Fault::kNone ? verification : Wrong(fault);
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

absl::StatusOr<Verification> Verifier::FindSigner(const PresentedSignature& presented,
                                                  const PresentedSignature::Claims& claims,
                                                  const std::vector<KeyVersion>& candidates) {
  Fault fault = Fault::kKeyUnknown;
  for (const KeyVersion& version : candidates) {
    ASSIGN_OR_RETURN(const std::string_view alg, presented.AlgOf(version.parameters));
    if (!claims.key_id.empty()) {
      ASSIGN_OR_RETURN(const auto half, public_keys_.Of(version));
      if (claims.key_id != half->thumbprint) continue;
    }
    // The key says how it signs; whoever says otherwise tries something.
    if (!claims.alg.empty() && claims.alg != alg) {
      if (fault == Fault::kKeyUnknown) fault = Fault::kAlgorithmMismatch;
      continue;
    }
    fault = Fault::kSignatureWrong;
    ASSIGN_OR_RETURN(const bool valid, IsBy(version, claims));
    if (valid) return Verification{.fault = Fault::kNone, .key_version = version.name};
  }
  return Wrong(fault);
}

absl::StatusOr<bool> Verifier::IsBy(const KeyVersion& version,
                                    const PresentedSignature::Claims& claims) {
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, claims.padding));
  if (!scheme.check.has_value()) {
    ASSIGN_OR_RETURN(const std::string tag,
                     hsm_.Sign(version.hsm_label, scheme.mechanism, claims.input));
    bool equal = false;
    for (const std::string& signature : claims.signatures) {
      equal |= crypto::EqualInConstantTime(crypto::AsBytes(tag), crypto::AsBytes(signature));
    }
    return equal;
  }
  ASSIGN_OR_RETURN(const auto half, public_keys_.Of(version));
  for (const std::string& presented : claims.signatures) {
    const auto signature = DecodeSignature(scheme, claims.encoding, presented);
    if (signature.has_value() && half->key->Verify(*scheme.check, claims.input, *signature)) {
      return true;
    }
  }
  return false;
}

}  // namespace keysvc::keys
