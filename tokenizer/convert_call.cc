#include "tokenizer/convert_call.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/kept_tokens.h"
#include "tokenizer/submit_or_retry.h"
#include "tokenizer/token_uses.h"

namespace keysvc::tokenizer {

ConvertCall::ConvertCall(const CallServices& services, policy::Permit from, std::string tenant,
                         std::vector<absl::StatusOr<TokenName>> names, policy::Permit to,
                         Profile target, const RequestFacts& facts, audit::Done<Results> done)
    : services_(services),
      from_(std::move(from)),
      to_(std::move(to)),
      tenant_(std::move(tenant)),
      names_(std::move(names)),
      facts_(facts),
      done_(std::move(done)),
      entry_(EntryOf(to_, "TokenService.ConvertToken", facts)),
      reader_(services_.profiles, services_.keys, services_.store, services_.gate, from_, tenant_),
      maker_(services_, to_, std::move(target), facts) {
  entry_.profile = maker_.profile().ResourceName();
  entry_.details["source_rule"] = from_.rule();
}

void ConvertCall::Run() {
  if (absl::Status status = Prepare(); !status.ok()) return Fail(status);
  Attempt();
}

absl::Status ConvertCall::Prepare() {
  RETURN_IF_ERROR(CheckPermit(from_, policy::Action::kConvertToken, TokensOf(tenant_)));
  RETURN_IF_ERROR(CheckPermit(to_, policy::Action::kConvertToken, entry_.profile));
  if (entry_.request_id.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(request_keys_, services_.keys.RequestKeysOf(maker_.profile().tenant));
  fingerprint_ =
      FingerprintOf(entry_.profile, names_, facts_, maker_.metadata(), *request_keys_->fingerprint);
  return absl::OkStatus();
}

void ConvertCall::Attempt() {
  ++attempts_;
  absl::StatusOr<std::optional<Results>> kept = FindKept();
  if (!kept.ok()) return Fail(kept.status());
  if (kept->has_value()) return Repeat(**std::move(kept));
  if (absl::Status status = Read(); !status.ok()) return Fail(status);
  store::Mutation mutation;
  absl::StatusOr<Results> results = Convert(mutation);
  if (!results.ok()) return Fail(results.status());
  if (absl::Status status = FindPassing(*results); !status.ok()) return Fail(status);
  if (absl::Status status = Keep(*results, mutation); !status.ok()) return Fail(status);
  audit::Entry entry = entry_;
  maker_.AddKeys(entry);
  AddItems(*results, entry);
  AddSources(entry);
  Record(std::move(entry), std::move(results), std::move(mutation));
}

absl::StatusOr<std::optional<ConvertCall::Results>> ConvertCall::FindKept() {
  if (!request_keys_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row, FindKeptAnswer(entry_.actor, entry_.request_id, services_.store,
                                                  services_.journal));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(std::vector<KeptToken> tokens,
                   OpenKeptTokens(*row, fingerprint_, *request_keys_->answer));
  return ResultsOf(std::move(tokens), maker_.profile().tenant, names_,
                   "not converted when this was asked for the first time");
}

void ConvertCall::Repeat(Results results) {
  uses_ = 0;
  readings_ = reader_.Allow(names_);
  // Of what was kept, each is an answer.
  if (absl::Status status = FindPassing(readings_); !status.ok()) return Fail(status);
  RefuseWhatIsNotAllowed(names_, readings_, results);
  audit::Entry entry = entry_;
  entry.details["repetition"] = "true";
  AddItems(results, entry);
  AddSources(entry);
  Record(std::move(entry), std::move(results));
}

absl::Status ConvertCall::Read() {
  if (attempts_ == 1) return Open();
  RETURN_IF_ERROR(reader_.Refresh(readings_));
  RefuseWhatDoesNotOpen(readings_, services_.clock());
  return absl::OkStatus();
}

absl::Status ConvertCall::Open() {
  const absl::Time now = services_.journal.SteadyTime();
  RETURN_IF_ERROR(services_.budgets.CheckMisses(from_, now));
  ASSIGN_OR_RETURN(readings_, reader_.Find(names_));
  RefuseWhatDoesNotOpen(readings_, services_.clock());
  RefuseTokensOfTarget();
  RefuseWhatTargetDoesNotMake();
  OpenWithinLimits(services_.budgets, from_, now, names_, facts_.uses, reader_, readings_);
  // Before reveals are taken, of a call that is sent again until it goes well.
  RETURN_IF_ERROR(FindPassing(readings_));
  TakeReveals(services_.budgets, now, readings_);
  RefuseCardsThatTargetDoesNotTake();
  return absl::OkStatus();
}

void ConvertCall::RefuseTokensOfTarget() {
  for (TokenReading& reading : readings_) {
    // It would be the same token with fresh uses and a later end.
    if (reading.token.ok() && reading.profile == entry_.profile) {
      reading.token = Error(Reason::kFieldInvalid, "the token is of this profile", "target");
    }
  }
}

void ConvertCall::RefuseWhatTargetDoesNotMake() {
  for (std::size_t i = 0; i < readings_.size(); ++i) {
    if (!readings_[i].token.ok()) continue;
    const absl::Status taken = maker_.CheckStated(i);
    if (!taken.ok()) readings_[i].token = taken;
  }
}

void ConvertCall::RefuseCardsThatTargetDoesNotTake() {
  for (TokenReading& reading : readings_) {
    if (!reading.token.ok()) continue;
    const absl::Status taken = maker_.CheckCard(*reading.token->card);
    if (taken.ok()) continue;
    reading.token =
        Error(ReasonOf(taken).value_or(Reason::kInternal), std::string(taken.message()), "target");
  }
}

absl::StatusOr<ConvertCall::Results> ConvertCall::Convert(store::Mutation& mutation) {
  RefuseWhatIsUsedUp(readings_);
  TokenMaker::Cards cards;
  cards.reserve(readings_.size());
  for (const TokenReading& reading : readings_) {
    if (reading.token.ok()) {
      cards.emplace_back(&*reading.token->card);
    } else {
      cards.emplace_back(reading.token.status());
    }
  }
  ASSIGN_OR_RETURN(Results results, maker_.Make(cards, mutation));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].ok()) readings_[i].token = results[i].status();
  }
  uses_ = CountUses(readings_, services_.clock(), reader_, mutation);
  return results;
}

absl::Status ConvertCall::Keep(const Results& results, store::Mutation& mutation) {
  if (!request_keys_.has_value()) return absl::OkStatus();
  const bool any =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  // Once a token was made a repetition must make none, nor take a use, whatever became of others.
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      mutation.idempotency,
      KeepTokens(KeptOf(results), entry_.actor, entry_.request_id, fingerprint_,
                 services_.clock() + maker_.profile().keep_answers, *request_keys_->answer));
  return absl::OkStatus();
}

void ConvertCall::AddItems(const Results& results, audit::Entry& entry) const {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const absl::StatusOr<IssuedToken>& token = results[i];
    AddItem(entry, token.ok() ? token->name.ToString() : std::string(), token.status());
    entry.items.back().source = readings_[i].name;
  }
  AddUses(entry, facts_.uses);
  maker_.AddDomains(entry);
  SetOutcomeOfItems(entry);
}

void ConvertCall::AddSources(audit::Entry& entry) const {
  audit::Entry sources;
  sources.rule = from_.rule();
  AddReadings(sources, readings_);
  for (const auto& [name, value] : sources.details) entry.details["source_" + name] = value;
  entry.details["source_rule"] = sources.rule;
  for (std::size_t i = 0; i < entry.items.size(); ++i) entry.items[i].rule = sources.items[i].rule;
  if (!sources.profile.empty()) entry.details["source_profile"] = sources.profile;
  if (uses_ > 0) entry.details["uses_counted"] = std::to_string(uses_);
}

void ConvertCall::Fail(const absl::Status& why) {
  audit::Entry entry = entry_;
  SetFailed(entry, why);
  Record(std::move(entry), why);
}

void ConvertCall::Record(audit::Entry entry, absl::StatusOr<Results> results,
                         store::Mutation mutation) {
  SubmitOrRetry<Results>(
      services_.journal, std::move(entry), std::move(mutation), std::move(results),
      [call = shared_from_this()] {
        if (call->attempts_ < kMaxAttemptsOnRows) return call->Attempt();
        call->Fail(Error(Reason::kConflict, "the same tokens are being converted; try again"));
      },
      done_);
}

}  // namespace keysvc::tokenizer
