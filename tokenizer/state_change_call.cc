#include "tokenizer/state_change_call.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/kept_state_change.h"
#include "tokenizer/submit_or_retry.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

policy::Action ActionTo(TokenState state) {
  switch (state) {
    case TokenState::kActive:
      return policy::Action::kResumeToken;
    case TokenState::kSuspended:
      return policy::Action::kSuspendToken;
    case TokenState::kDeleted:
      break;
  }
  return policy::Action::kDeleteToken;
}

std::string RecordedActionTo(TokenState state) {
  return "TokenService." + std::string(policy::NameOf(ActionTo(state)));
}

}  // namespace

StateChangeCall::StateChangeCall(const CallServices& services, policy::Permit permit,
                                 std::string tenant, std::vector<absl::StatusOr<TokenName>> names,
                                 TokenState state, const RequestFacts& facts,
                                 audit::Done<Results> done)
    : services_(services),
      permit_(std::move(permit)),
      tenant_(std::move(tenant)),
      names_(std::move(names)),
      state_(state),
      done_(std::move(done)),
      entry_(EntryOf(permit_, RecordedActionTo(state), facts)),
      reader_(services_.profiles, services_.keys, services_.store, services_.gate, permit_,
              tenant_) {}

void StateChangeCall::Run() {
  if (absl::Status status = Prepare(); !status.ok()) return Fail(status);
  Attempt();
}

absl::Status StateChangeCall::Prepare() {
  RETURN_IF_ERROR(CheckPermit(permit_, ActionTo(state_), TokensOf(tenant_)));
  if (entry_.request_id.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(request_keys_, services_.keys.RequestKeysOf(tenant_));
  fingerprint_ = FingerprintOf(state_, tenant_, names_, *request_keys_->fingerprint);
  return absl::OkStatus();
}

void StateChangeCall::Attempt() {
  ++attempts_;
  absl::StatusOr<std::optional<Results>> kept = FindKept();
  if (!kept.ok()) return Fail(kept.status());
  if (kept->has_value()) return Repeat(**std::move(kept));
  if (absl::Status status = Read(); !status.ok()) return Fail(status);
  audit::Entry entry = entry_;
  store::Mutation mutation;
  Results results = Change(entry, mutation);
  if (absl::Status status = FindPassing(results); !status.ok()) return Fail(status);
  if (absl::Status status = Keep(results, mutation); !status.ok()) return Fail(status);
  Record(std::move(entry), std::move(results), std::move(mutation));
}

absl::StatusOr<std::optional<StateChangeCall::Results>> StateChangeCall::FindKept() {
  if (!request_keys_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row, FindKeptAnswer(entry_.actor, entry_.request_id, services_.store,
                                                  services_.journal));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(Results results,
                   OpenKeptStateChange(*row, fingerprint_, *request_keys_->answer));
  if (results.size() != names_.size()) {
    return Error(Reason::kIntegrityFailure, "a kept answer is for another number of tokens");
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!names_[i].ok()) results[i] = names_[i].status();
  }
  return results;
}

void StateChangeCall::Repeat(Results results) {
  readings_ = reader_.Allow(names_);
  // Of what was kept, each is an answer.
  if (absl::Status status = FindPassing(readings_); !status.ok()) return Fail(status);
  RefuseWhatIsNotAllowed(names_, readings_, results);
  audit::Entry entry = RepetitionOf(entry_, readings_, results);
  Record(std::move(entry), std::move(results));
}

absl::Status StateChangeCall::Read() {
  if (attempts_ > 1) return reader_.Refresh(readings_);
  const absl::Time now = services_.journal.SteadyTime();
  RETURN_IF_ERROR(services_.budgets.CheckMisses(permit_, now));
  ASSIGN_OR_RETURN(readings_, reader_.FindRows(names_));
  CountLookUps(services_.budgets, permit_, now, readings_);
  return absl::OkStatus();
}

StateChangeCall::Results StateChangeCall::Change(audit::Entry& entry, store::Mutation& mutation) {
  AddReadings(entry, readings_);
  std::map<std::int64_t, TokenState> states;  // after what is already in the mutation
  Results results;
  for (std::size_t i = 0; i < readings_.size(); ++i) {
    absl::Status& result = results.emplace_back(readings_[i].token.status());
    if (!result.ok()) continue;
    const store::TokenRow& row = *readings_[i].token->row;
    TokenState& before = states.try_emplace(row.handle, StateOf(row)).first->second;
    audit::Item& item = entry.items[i];
    item.state_before = NameOf(before);
    item.state_after = NameOf(state_);
    if (before == state_) continue;
    if (before == TokenState::kDeleted) {
      result = Deleted();
      SetItem(item, result);
      item.state_after = item.state_before;
      continue;
    }
    mutation.tokens.push_back(InState(state_, row, reader_.row_mac()));
    before = state_;
  }
  SetOutcomeOfItems(entry);
  return results;
}

absl::Status StateChangeCall::Keep(const Results& results, store::Mutation& mutation) {
  if (!request_keys_.has_value()) return absl::OkStatus();
  const bool any =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  // Once a token was changed a repetition must not undo what came after, whatever became of others.
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      mutation.idempotency,
      KeepStateChange(results, entry_.actor, entry_.request_id, fingerprint_,
                      services_.clock() + AnswersAreKept(readings_), *request_keys_->answer));
  return absl::OkStatus();
}

void StateChangeCall::Fail(const absl::Status& why) {
  audit::Entry entry = entry_;
  SetFailed(entry, why);
  Record(std::move(entry), why);
}

void StateChangeCall::Record(audit::Entry entry, absl::StatusOr<Results> results,
                             store::Mutation mutation) {
  SubmitOrRetry<Results>(
      services_.journal, std::move(entry), std::move(mutation), std::move(results),
      [call = shared_from_this()] {
        if (call->attempts_ < kMaxAttemptsOnRows) return call->Attempt();
        call->Fail(Error(Reason::kConflict, "the same tokens are being changed; try again"));
      },
      done_);
}

}  // namespace keysvc::tokenizer
