#include "keysvc/keys/verify_call.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "crypto/bytes.h"
#include "crypto/public_key.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/own_keys.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"

namespace keysvc::keys {
namespace {

// By how much a signer's clock may be ahead of ours, and ours of the signer's.
constexpr absl::Duration kClockTolerance = absl::Minutes(1);

Fault CheckTimes(const PresentedSignature::Claims& claims, std::optional<absl::Duration> max_age,
                 absl::Time now) {
  if (claims.expires.has_value() &&
      absl::FromUnixSeconds(*claims.expires) < now - kClockTolerance) {
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

bool IsAmong(const std::string& id, const std::vector<std::string>& ids) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

Verification Wrong(Fault fault) { return Verification{.fault = fault, .key_version = {}}; }

}  // namespace

VerifyCall::VerifyCall(Services services, const policy::Permit& permit, BatchVerifyRequest request,
                       absl::Time now, audit::Done<Verifications> done)
    : services_(services),
      request_(std::move(request)),
      now_(now),
      entry_(EntryOf(permit, request_.presented.front()->method(), ResourceOf(request_.key),
                     request_.request_id)),
      done_(std::move(done)) {
  entry_.trace_id = request_.trace_id;
}

void VerifyCall::Run(const policy::Permit& permit, const CheckTurns& turns) {
  const absl::Status prepared = Prepare(permit);
  if (!prepared.ok()) return Record(Failed(entry_, prepared), prepared);
  if (readable_.empty()) return RecordResults();
  if (request_.once && !claims_.front()->identity().empty()) {
    absl::StatusOr<AcceptedNonce> nonce = NonceToAccept();
    if (!nonce.ok()) return Record(Failed(entry_, nonce.status()), nonce.status());
    nonce_.emplace(*std::move(nonce));
    // Before it is judged: what was right then may be too old by now.
    if (!entry_.request_id.empty() && AnswerAgain()) return;
  }
  CheckAll(turns);
}

absl::Status VerifyCall::Prepare(const policy::Permit& permit) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, ResourceOf(request_.key)));
  for (const auto& presented : request_.presented) {
    absl::StatusOr<Claims> claims = presented->Read();
    if (!claims.ok()) {
      results_.emplace_back(claims.status());
    } else {
      if (claims->fault == Fault::kNone) readable_.push_back(results_.size());
      results_.emplace_back(Wrong(claims->fault));
    }
    claims_.push_back(std::move(claims));
  }
  if (readable_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(candidates_, Candidates());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VerifyCall::Candidate>> VerifyCall::Candidates() const {
  const auto* partners = std::get_if<PartnerKeyName>(&request_.key);
  if (partners == nullptr) return OwnCandidates(std::get<KeyVersionName>(request_.key));
  ASSIGN_OR_RETURN(Candidate only, CandidateOf(*partners));
  return std::vector<Candidate>{std::move(only)};
}

absl::StatusOr<std::vector<VerifyCall::Candidate>> VerifyCall::OwnCandidates(
    const KeyVersionName& name) const {
  std::vector<KeyVersion> versions;
  if (name.version != 0) {
    ASSIGN_OR_RETURN(versions.emplace_back(), services_.registry.VersionFor(name, Use::kProcess));
  } else {
    ASSIGN_OR_RETURN(versions, services_.registry.Versions(name.key));
  }
  std::vector<Candidate> candidates;
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (!CheckUse(*version, Use::kProcess, now_).ok()) continue;
    ASSIGN_OR_RETURN(candidates.emplace_back(), CandidateOf(*version));
  }
  if (!candidates.empty()) return candidates;
  return Error(Reason::kKeyNotActive, "no version of the key may verify");
}

absl::StatusOr<VerifyCall::Candidate> VerifyCall::CandidateOf(const KeyVersion& version) const {
  Candidate candidate{.name = version.name.ToString(),
                      .parameters = version.parameters,
                      .half = nullptr,
                      .hsm_label = version.hsm_label,
                      .key_ids = {}};
  if (!HasPublicHalf(version.parameters)) return candidate;
  ASSIGN_OR_RETURN(candidate.half, services_.public_keys.Of(version));
  candidate.key_ids.push_back(candidate.half->thumbprint);
  if (!version.kid.empty()) candidate.key_ids.push_back(version.kid);
  return candidate;
}

absl::StatusOr<VerifyCall::Candidate> VerifyCall::CandidateOf(const PartnerKeyName& name) const {
  ASSIGN_OR_RETURN(const auto key, services_.partner_keys.Find(name));
  RETURN_IF_ERROR(CheckVerifies(*key, now_));
  Candidate candidate{
      .name = name.ToString(),
      .parameters = {.purpose = key->terms.purpose, .algorithm = key->terms.algorithm},
      .half = key->half,
      .hsm_label = {},
      .key_ids = {}};
  if (!key->terms.kid.empty()) candidate.key_ids.push_back(key->terms.kid);
  return candidate;
}

void VerifyCall::CheckAll(const CheckTurns& turns) {
  left_ = readable_.size();
  Pieces pieces;
  pieces.reserve(readable_.size());
  for (const std::size_t i : readable_) {
    pieces.emplace_back([call = shared_from_this(), i] {
      call->results_[i] = call->Check(i);
      if (call->left_.fetch_sub(1) == 1) call->RecordResults();
    });
  }
  // All versions of a key have its algorithm.
  const bool by_mac = candidates_.front().half == nullptr;
  if (!by_mac) return turns.in_software(std::move(pieces));
  if (turns.in_hsm(std::move(pieces))) return;
  const absl::Status refused =
      Error(Reason::kOverloaded, "too many of the caller's calls wait for the HSM");
  Record(Failed(entry_, refused), refused);
}

absl::StatusOr<Verification> VerifyCall::Check(std::size_t index) {
  const Claims& claims = *claims_[index];
  ASSIGN_OR_RETURN(Verification verification, FindSigner(*request_.presented[index], claims));
  if (!verification.valid()) return verification;
  Fault fault = CheckTimes(claims, request_.max_age, now_);
  if (fault == Fault::kNone && request_.once && claims.identity().empty()) {
    fault = Fault::kNonceMissing;
  }
  return fault == Fault::kNone ? verification : Wrong(fault);
}

absl::StatusOr<Verification> VerifyCall::FindSigner(const PresentedSignature& presented,
                                                    const Claims& claims) {
  Fault fault = Fault::kKeyUnknown;
  for (const Candidate& candidate : candidates_) {
    ASSIGN_OR_RETURN(const std::string_view alg, presented.AlgOf(candidate.parameters));
    const bool named = !claims.key_id.empty() && !candidate.key_ids.empty();
    if (named && !IsAmong(claims.key_id, candidate.key_ids)) continue;
    // The key says how it signs; whoever says otherwise tries something.
    if (!claims.alg.empty() && claims.alg != alg) {
      if (fault == Fault::kKeyUnknown) fault = Fault::kAlgorithmMismatch;
      continue;
    }
    fault = Fault::kSignatureWrong;
    ASSIGN_OR_RETURN(const bool valid, IsBy(candidate, claims));
    if (valid) return Verification{.fault = Fault::kNone, .key_version = candidate.name};
  }
  return Wrong(fault);
}

absl::StatusOr<bool> VerifyCall::IsBy(const Candidate& candidate, const Claims& claims) {
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(candidate.parameters, claims.padding));
  if (!scheme.check.has_value()) {
    // Else each of a hundred would wait for the HSM as long as the first one did.
    if (hsm_away_) return Error(Reason::kHsmUnavailable, "the token is away");
    const absl::StatusOr<std::string> tag =
        services_.hsm.Sign(candidate.hsm_label, scheme.mechanism, claims.input);
    if (ReasonOf(tag.status()) == Reason::kHsmUnavailable) hsm_away_ = true;
    RETURN_IF_ERROR(tag.status());
    bool equal = false;
    for (const std::string& signature : claims.signatures) {
      equal |= crypto::EqualInConstantTime(crypto::AsBytes(*tag), crypto::AsBytes(signature));
    }
    return equal;
  }
  for (const std::string& presented : claims.signatures) {
    const auto signature = DecodeSignature(scheme, claims.encoding, presented);
    const auto verify =
        claims.hashed ? &crypto::PublicKey::VerifyDigest : &crypto::PublicKey::Verify;
    if (signature.has_value() && HasSOfKey(candidate.parameters, *signature) &&
        ((*candidate.half->key).*verify)(*scheme.check, claims.input, *signature)) {
      return true;
    }
  }
  return false;
}

audit::Entry VerifyCall::Describe() const {
  audit::Entry entry = entry_;
  std::size_t valid = 0;
  for (const absl::StatusOr<Verification>& result : results_) {
    const bool right = result.ok() && result->valid();
    if (right) ++valid;
    tokenizer::AddItem(entry, right ? result->key_version : std::string(), result.status());
  }
  tokenizer::SetOutcomeOfItems(entry);
  if (results_.size() > 1) {
    entry.details["valid"] = std::to_string(valid);
    return entry;
  }
  // Of one signature everything is said by the details.
  entry.items.clear();
  const absl::StatusOr<Verification>& only = results_.front();
  if (!only.ok()) return entry;
  entry.details["valid"] = only->valid() ? "true" : "false";
  if (only->valid()) entry.details["key_version"] = only->key_version;
  if (!only->valid()) entry.details["fault"] = NameOf(only->fault);
  return entry;
}

void VerifyCall::RecordResults() {
  if (request_.once && results_.front().ok() && results_.front()->valid()) return AcceptOnce();
  audit::Entry entry = Describe();
  Record(std::move(entry), std::move(results_));
}

absl::StatusOr<AcceptedNonce> VerifyCall::NonceToAccept() const {
  const auto* partners = std::get_if<PartnerKeyName>(&request_.key);
  const std::string& tenant =
      partners != nullptr ? partners->tenant : std::get<KeyVersionName>(request_.key).key.tenant;
  // One that has partners' keys only may have none of its own yet.
  if (!services_.registry.Versions(RequestKeyOf(tenant)).ok()) {
    RETURN_IF_ERROR(services_.registry.RequestKeysOf(tenant).status());
  }
  ASSIGN_OR_RETURN(tokenizer::RequestKeys keys, services_.keys.RequestKeysOf(tenant));
  return AcceptedNonce(entry_, *claims_.front(), std::move(keys));
}

bool VerifyCall::AnswerAgain() {
  const auto earlier = nonce_->FindEarlier(services_.store, services_.journal);
  if (!earlier.ok()) {
    Record(Failed(entry_, earlier.status()), earlier.status());
    return true;
  }
  if (!earlier->has_value()) return false;
  results_.front() = Verification{.fault = Fault::kNone, .key_version = **earlier};
  audit::Entry entry = Describe();
  entry.details["repetition"] = "true";
  Record(std::move(entry), std::move(results_));
  return true;
}

void VerifyCall::AcceptOnce() {
  absl::StatusOr<store::IdempotencyRow> row = nonce_->Row(results_.front()->key_version, now_);
  if (!row.ok()) return Record(Failed(entry_, row.status()), row.status());
  absl::StatusOr<NoncePlace> taken =
      services_.nonce_places.Take(*row, services_.journal.UnsteppedTime());
  const absl::Status full = taken.status();
  std::optional<NoncePlace> place;
  if (full.ok()) place.emplace(*std::move(taken));
  // A replay needs no place. Asked after one was taken, since the first acceptance may have been
  // written and have left just before: else this would hold a place of its own through a commit.
  const absl::StatusOr<bool> known = nonce_->IsKnown(services_.store, services_.journal);
  if (!known.ok() || *known) place.reset();
  if (!known.ok()) return Record(Failed(entry_, known.status()), known.status());
  if (*known) return RefuseReplay();
  if (!full.ok()) return Record(Failed(entry_, full), full);
  store::Mutation mutation;
  mutation.idempotency = *std::move(row);
  services_.journal.Submit(
      Describe(), std::move(mutation),
      [call = shared_from_this(),
       place = std::move(place)](absl::StatusOr<audit::Receipt> receipt) mutable {
        const std::optional<Reason> failure = ReasonOf(receipt.status());
        if (receipt.ok() || failure == Reason::kOutcomeUnknown) place->Keep();
        // The callback outlives the answer, and who has that may ask again at once.
        place.reset();
        if (failure == Reason::kConflict) return call->RefuseReplay();
        audit::Complete<Verifications>(std::move(receipt), std::move(call->results_), call->done_);
      });
}

void VerifyCall::RefuseReplay() {
  // A repetition may have met its first call on the way.
  if (AnswerAgain()) return;
  results_.front() = Wrong(Fault::kReplayed);
  audit::Entry entry = Describe();
  Record(std::move(entry), std::move(results_));
}

void VerifyCall::Record(audit::Entry entry, absl::StatusOr<Verifications> value) {
  services_.journal.Submit(std::move(entry), {},
                           [call = shared_from_this(), value = std::move(value)](
                               absl::StatusOr<audit::Receipt> receipt) mutable {
                             audit::Complete(std::move(receipt), std::move(value), call->done_);
                           });
}

}  // namespace keysvc::keys
