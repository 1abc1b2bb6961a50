#include "tokenizer/card_update_call.h"

#include <algorithm>
#include <cstddef>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/account_reference.h"
#include "tokenizer/call_record.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/kept_tokens.h"
#include "tokenizer/submit_or_retry.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {

CardUpdateCall::CardUpdateCall(const CallServices& services, policy::Permit permit,
                               std::string tenant, std::vector<absl::StatusOr<TokenName>> names,
                               std::vector<absl::StatusOr<CardData>> cards,
                               const RequestFacts& facts, audit::Done<Results> done)
    : services_(services),
      permit_(std::move(permit)),
      tenant_(std::move(tenant)),
      names_(std::move(names)),
      cards_(std::move(cards)),
      done_(std::move(done)),
      entry_(EntryOf(permit_, "TokenService.UpdateTokenCard", facts)),
      reader_(services_.profiles, services_.keys, services_.store, services_.gate, permit_,
              tenant_) {}

void CardUpdateCall::Run() {
  if (absl::Status status = Prepare(); !status.ok()) return Fail(status);
  Attempt();
}

absl::Status CardUpdateCall::Prepare() {
  RETURN_IF_ERROR(CheckPermit(permit_, policy::Action::kUpdateTokenCard, TokensOf(tenant_)));
  if (!entry_.request_id.empty()) {
    ASSIGN_OR_RETURN(request_keys_, services_.keys.RequestKeysOf(tenant_));
    ASSIGN_OR_RETURN(fingerprint_,
                     FingerprintOf(tenant_, names_, cards_, *request_keys_->fingerprint));
  }
  // A token whose card is refused is not looked at.
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const absl::Status card =
        cards_[i].ok() ? CheckIsNoToken(services_.profiles, cards_[i]->pan) : cards_[i].status();
    if (names_[i].ok() && !card.ok()) names_[i] = card;
  }
  return absl::OkStatus();
}

void CardUpdateCall::Attempt() {
  ++attempts_;
  absl::StatusOr<std::optional<Results>> kept = FindKept();
  if (!kept.ok()) return Fail(kept.status());
  if (kept->has_value()) return Repeat(**std::move(kept));
  if (absl::Status status = Read(); !status.ok()) return Fail(status);
  audit::Entry entry = entry_;
  AddReadings(entry, readings_);
  Progress progress;
  Results results;
  for (std::size_t i = 0; i < readings_.size(); ++i) {
    const absl::StatusOr<IssuedToken>& result = results.emplace_back(Update(i, progress));
    SetItem(entry.items[i], result);
  }
  if (absl::Status status = FindPassing(results); !status.ok()) return Fail(status);
  SetOutcomeOfItems(entry);
  if (!progress.data_versions.empty()) {
    entry.details["data_key_version"] = Listed(progress.data_versions);
  }
  if (progress.merged > 0) entry.details["merged"] = std::to_string(progress.merged);
  if (absl::Status status = Keep(results, progress.mutation); !status.ok()) return Fail(status);
  Record(std::move(entry), std::move(results), std::move(progress.mutation));
}

absl::StatusOr<std::optional<CardUpdateCall::Results>> CardUpdateCall::FindKept() {
  if (!request_keys_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row, FindKeptAnswer(entry_.actor, entry_.request_id, services_.store,
                                                  services_.journal));
  if (!row.has_value()) return std::nullopt;
  RETURN_IF_ERROR(TakeGuessesOfRequest());
  ASSIGN_OR_RETURN(std::vector<KeptToken> tokens,
                   OpenKeptTokens(*row, fingerprint_, *request_keys_->answer));
  return ResultsOf(std::move(tokens), tenant_, names_,
                   "not updated when this was asked for the first time");
}

void CardUpdateCall::Repeat(Results results) {
  readings_ = reader_.Allow(names_);
  // Of what was kept, each is an answer.
  if (absl::Status status = FindPassing(readings_); !status.ok()) return Fail(status);
  RefuseWhatIsNotAllowed(names_, readings_, results);
  audit::Entry entry = RepetitionOf(entry_, readings_, results);
  Record(std::move(entry), std::move(results));
}

absl::Status CardUpdateCall::TakeGuessesOfRequest() {
  const std::string among = TokensOf(tenant_) + "/requests";
  for (const absl::StatusOr<CardData>& card : cards_) {
    if (!card.ok()) continue;
    const auto stand_in =
        request_keys_->fingerprint->Compute(card->pan.Expose(crypto::SecretAccess::kGranted));
    RETURN_IF_ERROR(services_.budgets.TakeGuess(
        {entry_.actor, among, crypto::AsText(stand_in), card->pan.ShownDigits()},
        permit_.limits().guesses, services_.journal.SteadyTime()));
  }
  return absl::OkStatus();
}

absl::Status CardUpdateCall::Read() {
  if (attempts_ > 1) return reader_.Refresh(readings_);
  const absl::Time now = services_.journal.SteadyTime();
  RETURN_IF_ERROR(services_.budgets.CheckMisses(permit_, now));
  ASSIGN_OR_RETURN(readings_, reader_.FindRows(names_));
  CountLookUps(services_.budgets, permit_, now, readings_);
  return absl::OkStatus();
}

absl::StatusOr<IssuedToken> CardUpdateCall::Update(std::size_t item, Progress& progress) {
  RETURN_IF_ERROR(readings_[item].token.status());
  const FoundToken& token = *readings_[item].token;
  const Profile& profile = *token.profile;
  const CardData& card = *cards_[item];
  store::TokenRow row = *token.row;
  RETURN_IF_ERROR(CheckHasNotEnded(row, services_.clock()));
  if (progress.handles.contains(row.handle)) {
    return Error(Reason::kFieldInvalid, "the token is named twice", "name");
  }
  ProfileKeys& keys = KeysOf(profile);
  ASSIGN_OR_RETURN(const Versioned<SealingKey> data_key, keys.held.Data());
  ASSIGN_OR_RETURN(const auto opener, keys.held.Data(row.data_version));
  ASSIGN_OR_RETURN(OpenedRow former, OpenRow(row, *opener));
  ASSIGN_OR_RETURN(const std::string reference, AccountReferenceOf(card.pan, profile, keys.held));
  std::string pan_index;
  if (profile.deterministic) {
    ASSIGN_OR_RETURN(pan_index, keys.index.IndexOf(card.pan));
  }
  if (const std::string among = profile.ComparesCardsAmong(); !among.empty()) {
    RETURN_IF_ERROR(services_.budgets.TakeGuess(
        {entry_.actor, among, reference.empty() ? pan_index : reference, card.pan.ShownDigits()},
        token.permit->limits().guesses, services_.journal.SteadyTime()));
  }
  if (profile.deterministic) {
    RETURN_IF_ERROR(Index(profile, keys, std::move(pan_index), row, progress));
  }

  // What was linked by the account reference stays so.
  std::string& kept = former.terms.account_reference;
  if (kept.empty()) {
    ASSIGN_OR_RETURN(kept, AccountReferenceOf(former.card.pan, profile, keys.held));
  }
  if (kept == reference) kept.clear();
  row.data_version = data_key.version;
  ASSIGN_OR_RETURN(row,
                   WithCard(card, former.terms, *data_key.key, std::move(row), reader_.row_mac()));
  progress.handles.insert(row.handle);
  progress.data_versions.insert(row.data_version);
  progress.mutation.tokens.push_back(std::move(row));
  IssuedToken updated{{tenant_, names_[item]->token}};
  if (!profile.account_reference_issuer.empty()) {
    updated.account_reference = kept.empty() ? reference : kept;
  }
  return updated;
}

absl::Status CardUpdateCall::Index(const Profile& profile, ProfileKeys& keys, std::string pan_index,
                                   store::TokenRow& row, Progress& progress) {
  ASSIGN_OR_RETURN(const auto holders, keys.index.Find({&pan_index, 1}));
  const std::optional<store::TokenRow>& holder = holders.front();
  if (holder.has_value()) {
    // Else it may not be that of the card which led to it.
    RETURN_IF_ERROR(CheckRow(*holder, reader_.row_mac()));
    ASSIGN_OR_RETURN(const auto opener, keys.held.Data(holder->data_version));
    RETURN_IF_ERROR(OpenRow(*holder, *opener).status());
  }
  const bool others = (holder.has_value() && holder->handle != row.handle) ||
                      progress.pan_indexes.contains({&profile, pan_index});
  if (others && !profile.merges) {
    return CardHasAnotherToken();
  }
  row.pan_index.clear();
  row.index_version = 0;
  if (others) {
    ++progress.merged;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto index_key, keys.held.Index());
  row.index_version = index_key.version;
  progress.pan_indexes.emplace(&profile, pan_index);
  row.pan_index = std::move(pan_index);
  return absl::OkStatus();
}

CardUpdateCall::ProfileKeys& CardUpdateCall::KeysOf(const Profile& profile) {
  std::unique_ptr<ProfileKeys>& keys = keys_[&profile];
  if (keys == nullptr) keys = std::make_unique<ProfileKeys>(profile, services_);
  if (attempts_ > 1) keys->held.Close();
  return *keys;
}

absl::Status CardUpdateCall::Keep(const Results& results, store::Mutation& mutation) {
  if (!request_keys_.has_value()) return absl::OkStatus();
  const bool any =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  // Once a token was updated a repetition must not undo what came after, whatever became of others.
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      mutation.idempotency,
      KeepTokens(KeptOf(results), entry_.actor, entry_.request_id, fingerprint_,
                 services_.clock() + AnswersAreKept(readings_), *request_keys_->answer));
  return absl::OkStatus();
}

void CardUpdateCall::Fail(const absl::Status& why) {
  audit::Entry entry = entry_;
  SetFailed(entry, why);
  Record(std::move(entry), why);
}

void CardUpdateCall::Record(audit::Entry entry, absl::StatusOr<Results> results,
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
