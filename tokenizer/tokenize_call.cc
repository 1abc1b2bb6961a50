#include "tokenizer/tokenize_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/kept_tokens.h"
#include "tokenizer/submit_or_retry.h"

namespace keysvc::tokenizer {
namespace {

constexpr int kMaxAttempts = 5;

}  // namespace

TokenizeCall::TokenizeCall(const CallServices& services, policy::Action action,
                           const policy::Permit& permit, Profile profile,
                           std::vector<absl::StatusOr<CardData>> cards, const RequestFacts& facts,
                           audit::Done<Results> done)
    : services_(services),
      action_(action),
      maker_(services_, permit, std::move(profile), facts),
      cards_(std::move(cards)),
      done_(std::move(done)),
      entry_(
          EntryOf(permit, absl::StrCat("TokenService.", ToAbsl(policy::NameOf(action))), facts)) {
  entry_.profile = maker_.profile().ResourceName();
}

void TokenizeCall::Run(const policy::Permit& permit) {
  if (absl::Status status = Prepare(permit); !status.ok()) return Record(std::move(status));
  Attempt();
}

absl::Status TokenizeCall::Prepare(const policy::Permit& permit) {
  RETURN_IF_ERROR(CheckPermit(permit, action_, entry_.profile));
  if (action_ == policy::Action::kImportTokens && maker_.profile().family == Family::kFf1) {
    return Error(Reason::kFieldInvalid, "a profile of the family ff1 keeps no cards", "parent");
  }
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    absl::StatusOr<CardData>& card = cards_[i];
    if (!card.ok()) continue;
    absl::Status refused = maker_.CheckCard(*card);
    if (refused.ok()) refused = maker_.CheckStated(i);
    if (refused.ok()) refused = maker_.CheckTokenOf(i, *card);
    if (!refused.ok()) card = refused;
  }
  if (entry_.request_id.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(request_keys_, services_.keys.RequestKeysOf(maker_.profile().tenant));
  ASSIGN_OR_RETURN(fingerprint_,
                   FingerprintOf(entry_.profile, cards_, maker_.domains(), maker_.tokens(),
                                 maker_.metadata(), *request_keys_->fingerprint));
  return absl::OkStatus();
}

void TokenizeCall::Attempt() {
  ++attempts_;
  absl::StatusOr<std::optional<Results>> kept = FindKept();
  if (!kept.ok()) return Record(kept.status());
  if (kept->has_value()) {
    repetition_ = true;
    return Record(**std::move(kept));
  }
  store::Mutation mutation;
  absl::StatusOr<Results> results = maker_.Make(Cards(), mutation);
  if (!results.ok()) return Record(results.status());
  if (action_ == policy::Action::kImportTokens && mutation.empty()) {
    // All may be there because the same request has brought it since.
    kept = FindKept();
    if (!kept.ok()) return Record(kept.status());
    if (kept->has_value()) {
      repetition_ = true;
      return Record(**std::move(kept));
    }
  }
  if (absl::Status passing = FindPassing(*results); !passing.ok()) {
    return Record(std::move(passing));
  }
  if (absl::Status status = Keep(*results, mutation); !status.ok()) {
    return Record(std::move(status));
  }
  Record(std::move(results), std::move(mutation));
}

absl::StatusOr<std::optional<TokenizeCall::Results>> TokenizeCall::FindKept() {
  if (!request_keys_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row, FindKeptAnswer(entry_.actor, entry_.request_id, services_.store,
                                                  services_.journal));
  if (!row.has_value()) return std::nullopt;
  RETURN_IF_ERROR(TakeGuessesOfRequest());
  ASSIGN_OR_RETURN(std::vector<KeptToken> tokens,
                   OpenKeptTokens(*row, fingerprint_, *request_keys_->answer));
  return ResultsOf(std::move(tokens), maker_.profile().tenant, cards_,
                   "refused when this was asked for the first time");
}

absl::Status TokenizeCall::Keep(const Results& results, store::Mutation& mutation) {
  if (!request_keys_.has_value()) return absl::OkStatus();
  const bool any =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  // Once a token was made a repetition must make none, whatever became of others.
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      mutation.idempotency,
      KeepTokens(KeptOf(results), entry_.actor, entry_.request_id, fingerprint_,
                 services_.clock() + maker_.profile().keep_answers, *request_keys_->answer));
  return absl::OkStatus();
}

absl::Status TokenizeCall::TakeGuessesOfRequest() {
  const std::string among = entry_.profile + "/requests";
  for (const absl::StatusOr<CardData>& card : cards_) {
    if (!card.ok()) continue;
    const auto stand_in =
        request_keys_->fingerprint->Compute(card->pan.Expose(crypto::SecretAccess::kGranted));
    RETURN_IF_ERROR(maker_.TakeGuess(among, card->pan, crypto::AsText(stand_in)));
  }
  return absl::OkStatus();
}

TokenMaker::Cards TokenizeCall::Cards() const {
  TokenMaker::Cards cards;
  cards.reserve(cards_.size());
  for (const absl::StatusOr<CardData>& card : cards_) {
    if (card.ok()) {
      cards.emplace_back(&*card);
    } else {
      cards.emplace_back(card.status());
    }
  }
  return cards;
}

void TokenizeCall::Record(absl::StatusOr<Results> results, store::Mutation mutation) {
  audit::Entry entry = entry_;
  if (results.ok()) {
    for (const absl::StatusOr<IssuedToken>& token : *results) {
      AddItem(entry, token.ok() ? token->name.ToString() : std::string(), token.status());
    }
    maker_.AddDomains(entry);
    SetOutcomeOfItems(entry);
  } else {
    SetFailed(entry, results.status());
  }
  if (repetition_) {
    entry.details["repetition"] = "true";
  } else {
    maker_.AddKeys(entry);
  }
  SubmitOrRetry<Results>(
      services_.journal, std::move(entry), std::move(mutation), std::move(results),
      [call = shared_from_this()] {
        if (call->attempts_ < kMaxAttempts) return call->Attempt();
        call->Record(Error(Reason::kConflict, "the same cards are being tokenized; try again"));
      },
      done_);
}

}  // namespace keysvc::tokenizer
