#include "keysvc/keys/sign_call.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/kept_signature.h"
#include "policy/limits.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/call_record.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

// What one more reservation may take, with HSM and log as they should be.
constexpr absl::Duration kAwaitUses = absl::Seconds(2);

}  // namespace

SignCall::SignCall(Services services, const policy::Permit& permit, BatchSignRequest request,
                   audit::Done<Signatures> done)
    : services_(services),
      request_(std::move(request)),
      entry_(EntryOf(permit, request_.formats.front()->method(), request_.key.ToString(),
                     request_.request_id)),
      done_(std::move(done)) {
  entry_.trace_id = request_.trace_id;
  if (permit.action() == policy::Action::kSignDigest) entry_.details["input"] = "digest";
}

void SignCall::Run(const policy::Permit& permit, const InTurn& in_turn) {
  if (absl::Status status = Prepare(permit); !status.ok()) return RecordFailure(status);
  if (sound_.empty()) return RecordFirst();
  auto earlier = FindEarlier();
  if (!earlier.ok()) return RecordFailure(earlier.status());
  if (earlier->has_value()) return RecordRepetition(**std::move(earlier));
  auto versions = VersionsToSignBy();
  if (!versions.ok()) return RecordFailure(versions.status());
  versions_ = *std::move(versions);
  SignAll(permit, in_turn);
}

absl::Status SignCall::Prepare(const policy::Permit& permit) {
  const SignatureFormat& first = *request_.formats.front();
  RETURN_IF_ERROR(CheckPermit(permit, first.action(), request_.key.ToString()));
  std::optional<KeyParameters> parameters;
  // What is no digest must not keep the others from being repeated; of messages the key says
  // nothing.
  if (permit.action() == policy::Action::kSignDigest) {
    const auto primary = services_.registry.Version({request_.key, 0});
    if (primary.ok()) parameters = primary->parameters;
  }
  for (const auto& format : request_.formats) {
    absl::Status checked = format->Check();
    if (checked.ok() && parameters.has_value()) checked = format->CheckFor(*parameters);
    if (checked.ok()) sound_.push_back(results_.size());
    results_.emplace_back(checked.ok() ? absl::UnknownError("not signed yet") : checked);
  }
  if (request_.request_id.empty() || sound_.empty()) return absl::OkStatus();
  // A tenant without keys has no request key either, and that is no loss of data.
  RETURN_IF_ERROR(services_.registry.Versions(request_.key).status());
  ASSIGN_OR_RETURN(keys_, services_.keys.RequestKeysOf(request_.key.tenant));
  fingerprint_ = Fingerprint();
  return absl::OkStatus();
}

std::string SignCall::Fingerprint() const {
  const auto hash = [this](std::string_view input) {
    return std::string(crypto::AsText(keys_.fingerprint->Compute(input)));
  };
  if (request_.formats.size() == 1) {
    return hash(request_.formats.front()->FingerprintInput(request_.key));
  }
  crypto::CanonicalWriter all;
  all.Bytes("SigningService.Batch").U8(1).U32(static_cast<std::uint32_t>(results_.size()));
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const bool sound = std::binary_search(sound_.begin(), sound_.end(), i);
    all.U8(sound ? 1 : 0);
    if (sound) {
      all.Bytes(hash(request_.formats[i]->FingerprintInput(request_.key)));
    } else {
      all.Bytes(InfoOf(ReasonOf(results_[i].status()).value_or(Reason::kInternal)).name);
    }
  }
  return hash(all.Take());
}

absl::StatusOr<std::optional<Signatures>> SignCall::FindEarlier() const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(entry_.actor, entry_.request_id,
                                                             services_.store, services_.journal));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(KeptSignatures kept, OpenKeptSignatures(*row, fingerprint_, keys_));
  if (kept.bytes.size() != results_.size()) {
    return Error(Reason::kIntegrityFailure, "a kept answer is for another number of messages");
  }
  Signatures earlier = results_;
  for (const std::size_t i : sound_) {
    earlier[i] = Signature{request_.formats[i]->FromKept(std::move(kept.bytes[i])),
                           kept.key_version, kept.algorithm};
  }
  return earlier;
}

absl::StatusOr<std::vector<KeyVersion>> SignCall::VersionsToSignBy() const {
  if (request_.version == 0) return services_.registry.SignersOf(request_.key);
  ASSIGN_OR_RETURN(const KeyVersion version,
                   services_.registry.Version({request_.key, request_.version}));
  const bool prepared = IsPrepared(version) && services_.clock() < version.originator_end;
  if (!version.primary && !prepared) {
    return Error(Reason::kKeyNotActive, "this version makes no new signatures");
  }
  if (version.primary) RETURN_IF_ERROR(CheckUse(version, Use::kApply, services_.clock()));
  return std::vector<KeyVersion>{version};
}

void SignCall::SignAll(const policy::Permit& permit, const InTurn& in_turn) {
  std::span<const std::size_t> allowed = sound_;
  if (policy::MeetsSignatures(permit.action())) {
    allowance_.emplace(services_.budgets, permit, entry_.resource, sound_.size(),
                       services_.journal.SteadyTime());
    allowed = allowed.first(allowance_->size());
  }
  for (std::size_t refused = allowed.size(); refused < sound_.size(); ++refused) {
    results_[sound_[refused]] = allowance_->refusal();
  }
  if (allowed.empty()) return RecordFirst();
  left_ = allowed.size();
  Pieces pieces;
  pieces.reserve(allowed.size());
  for (const std::size_t i : allowed) {
    pieces.emplace_back([call = shared_from_this(), i] {
      call->results_[i] = call->MakeSignature(*call->request_.formats[i]);
      if (call->left_.fetch_sub(1) > 1) return;
      call->Settle();
      call->RecordFirst();
    });
  }
  in_turn(std::move(pieces));
}

absl::StatusOr<Signature> SignCall::MakeSignature(const SignatureFormat& format) {
  // Else each of a hundred would wait for the HSM as long as the first one did.
  if (hsm_away_) return Error(Reason::kHsmUnavailable, "the token is away");
  const KeyVersion& primary = versions_.front();
  ASSIGN_OR_RETURN(const SignatureFormat::Draft draft,
                   format.DraftFor(primary, services_.public_keys, services_.clock()));
  SignatureFormat::Raw raw;
  for (const KeyVersion& version : versions_) {
    RETURN_IF_ERROR(TakeUse(version));
    const auto sign = draft.hashed ? &pkcs11::Hsm::SignDigest : &pkcs11::Hsm::Sign;
    absl::StatusOr<std::string> one =
        (services_.hsm.*sign)(version.hsm_label, draft.scheme.mechanism, draft.to_be_signed);
    if (ReasonOf(one.status()) == Reason::kHsmUnavailable) hsm_away_ = true;
    RETURN_IF_ERROR(one.status());
    ASSIGN_OR_RETURN(raw.emplace_back(), NormalizeSignature(version.parameters, *std::move(one)));
  }
  ASSIGN_OR_RETURN(std::string bytes, draft.finish(std::move(raw)));
  return Signature{std::move(bytes), primary.name, std::string(draft.scheme.name)};
}

absl::Status SignCall::TakeUse(const KeyVersion& version) {
  if (version.parameters.max_signatures == 0) return absl::OkStatus();
  const auto uses = services_.registry.uses().Find(version.name);
  if (uses != nullptr) return uses->TakeWithin(1, kAwaitUses);
  // One that waits to become primary signs the request for its certificate only.
  if (IsPrepared(version)) return absl::OkStatus();
  return Error(Reason::kInternal, "the uses of a key with a ceiling are not counted");
}

void SignCall::Settle() {
  if (!allowance_.has_value()) return;
  const auto made = std::count_if(results_.begin(), results_.end(),
                                  [](const auto& result) { return result.ok(); });
  allowance_->Spend(static_cast<std::size_t>(made), services_.journal.SteadyTime());
}

void SignCall::RecordFirst() {
  auto kept = Keep();
  if (!kept.ok()) return RecordFailure(kept.status());
  store::Mutation mutation;
  mutation.idempotency = *std::move(kept);
  services_.journal.Submit(
      Describe(results_), std::move(mutation),
      [call = shared_from_this()](absl::StatusOr<audit::Receipt> receipt) mutable {
        if (ReasonOf(receipt.status()) == Reason::kConflict) return call->RecordAfterRace();
        audit::Complete<Signatures>(std::move(receipt), std::move(call->results_), call->done_);
      });
}

absl::StatusOr<std::optional<store::IdempotencyRow>> SignCall::Keep() const {
  if (request_.request_id.empty() || sound_.empty()) return std::nullopt;
  KeptSignatures kept;
  kept.bytes.resize(results_.size());
  for (const std::size_t i : sound_) {
    // What failed for another cause than its content may go well when it is repeated.
    if (!results_[i].ok()) return std::nullopt;
    kept.bytes[i] = request_.formats[i]->ToKept(results_[i]->bytes);
    kept.key_version = results_[i]->key_version;
    kept.algorithm = results_[i]->algorithm;
  }
  ASSIGN_OR_RETURN(store::IdempotencyRow row,
                   KeepSignatures(kept, entry_.actor, request_.request_id, fingerprint_,
                                  services_.clock() + tokenizer::kKeepAnswers, keys_));
  return row;
}

void SignCall::RecordAfterRace() {
  auto earlier = FindEarlier();
  if (!earlier.ok()) return RecordFailure(earlier.status());
  if (earlier->has_value()) return RecordRepetition(**std::move(earlier));
  // What won the race has expired since; a caller who asks again is served.
  RecordFailure(Error(Reason::kConflict, "the same request was being answered"));
}

void SignCall::RecordRepetition(Signatures earlier) {
  audit::Entry entry = Describe(earlier);
  entry.details["repetition"] = "true";
  Record(std::move(entry), std::move(earlier));
}

audit::Entry SignCall::Describe(const Signatures& results) const {
  audit::Entry entry = entry_;
  for (const absl::StatusOr<Signature>& result : results) {
    std::string version = result.ok() ? result->key_version.ToString() : std::string();
    if (result.ok()) {
      entry.details["key_version"] = version;
      entry.details["algorithm"] = result->algorithm;
    }
    tokenizer::AddItem(entry, std::move(version), result.status());
  }
  if (versions_.size() > 1) entry.details["older_version"] = versions_.back().name.ToString();
  tokenizer::SetOutcomeOfItems(entry);
  // Of one signature everything is said already.
  if (results.size() == 1) entry.items.clear();
  return entry;
}

void SignCall::RecordFailure(const absl::Status& status) { Record(Failed(entry_, status), status); }

void SignCall::Record(audit::Entry entry, absl::StatusOr<Signatures> value) {
  services_.journal.Submit(std::move(entry), {},
                           [call = shared_from_this(), value = std::move(value)](
                               absl::StatusOr<audit::Receipt> receipt) mutable {
                             audit::Complete(std::move(receipt), std::move(value), call->done_);
                           });
}

}  // namespace keysvc::keys
