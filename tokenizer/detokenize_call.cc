#include "tokenizer/detokenize_call.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/token_uses.h"

namespace keysvc::tokenizer {
namespace {

RevealedCard Revealed(FoundToken token) {
  RevealedCard card;
  card.reveal = token.permit->reveal();
  card.masked_pan = token.Masked();
  card.expiry = token.card->expiry;
  card.account_reference = std::move(token.account_reference);
  if (card.reveal == policy::Reveal::kFull) card.full = std::move(token.card);
  return card;
}

}  // namespace

DetokenizeCall::DetokenizeCall(const CallServices& services, policy::Permit permit,
                               std::string tenant, std::vector<absl::StatusOr<TokenName>> names,
                               const RequestFacts& facts, audit::Done<Results> done)
    : services_(services),
      permit_(std::move(permit)),
      tenant_(std::move(tenant)),
      names_(std::move(names)),
      uses_(facts.uses),
      risk_scores_(facts.risk_scores),
      done_(std::move(done)),
      entry_(EntryOf(permit_, "TokenService.Detokenize", facts)),
      reader_(services_.profiles, services_.keys, services_.store, services_.gate, permit_,
              tenant_) {}

void DetokenizeCall::Run() {
  if (absl::Status status = Open(); !status.ok()) return Fail(status);
  Attempt();
}

absl::Status DetokenizeCall::Open() {
  RETURN_IF_ERROR(CheckPermit(permit_, policy::Action::kDetokenize, TokensOf(tenant_)));
  const absl::Time now = services_.journal.SteadyTime();
  RETURN_IF_ERROR(services_.budgets.CheckMisses(permit_, now));
  ASSIGN_OR_RETURN(readings_, reader_.Find(names_, risk_scores_));
  RefuseWhatDoesNotOpen(readings_, services_.clock());
  OpenWithinLimits(services_.budgets, permit_, now, names_, uses_, reader_, readings_);
  TakeReveals(services_.budgets, now, readings_);
  return absl::OkStatus();
}

void DetokenizeCall::Attempt() {
  ++attempts_;
  const absl::Time now = services_.clock();
  if (attempts_ > 1) {
    if (absl::Status status = reader_.Refresh(readings_); !status.ok()) return Fail(status);
    RefuseWhatDoesNotOpen(readings_, now);
  }
  RefuseWhatIsUsedUp(readings_);
  store::Mutation uses;
  const std::uint32_t counted = CountUses(readings_, now, reader_, uses);
  audit::Entry entry = EntryOfReadings();
  const bool counts = counted > 0;
  if (counts) entry.details["uses_counted"] = std::to_string(counted);
  services_.journal.Submit(
      std::move(entry), std::move(uses),
      [call = shared_from_this(), counts](absl::StatusOr<audit::Receipt> receipt) {
        if (counts && ReasonOf(receipt.status()) == Reason::kConflict) {
          if (call->attempts_ < kMaxAttemptsOnRows) return call->Attempt();
          return call->Fail(Error(Reason::kConflict, "the same tokens are being used; try again"));
        }
        audit::Complete<Results>(std::move(receipt), call->Reveal(), call->done_);
      });
}

audit::Entry DetokenizeCall::EntryOfReadings() const {
  audit::Entry entry = entry_;
  AddReadings(entry, readings_);
  AddUses(entry, uses_);
  AddRiskScores(entry, risk_scores_);
  std::set<std::string> reveals;
  for (std::size_t i = 0; i < readings_.size(); ++i) {
    if (!readings_[i].token.ok()) continue;
    entry.items[i].reveal = policy::NameOf(readings_[i].token->permit->reveal());
    reveals.insert(entry.items[i].reveal);
  }
  if (!reveals.empty()) entry.details["reveal"] = Listed(reveals);
  if (reveals.size() > 1) return entry;
  for (audit::Item& item : entry.items) item.reveal.clear();
  return entry;
}

DetokenizeCall::Results DetokenizeCall::Reveal() {
  Results results;
  for (TokenReading& reading : readings_) {
    if (reading.token.ok()) {
      results.push_back(Revealed(*std::move(reading.token)));
    } else {
      results.push_back(reading.token.status());
    }
  }
  return results;
}

void DetokenizeCall::Fail(const absl::Status& why) {
  audit::Entry entry = entry_;
  AddRiskScores(entry, risk_scores_);
  SetFailed(entry, why);
  services_.journal.Submit(
      std::move(entry), {},
      [call = shared_from_this(), why](absl::StatusOr<audit::Receipt> receipt) {
        audit::Complete<Results>(std::move(receipt), why, call->done_);
      });
}

}  // namespace keysvc::tokenizer
