#include "tokenizer/tokenize_call.h"

#include <algorithm>
#include <map>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/ff1_token.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/kept_tokens.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

constexpr int kMaxAttempts = 5;
// Where every other number is taken already, this many draws all fail once in 2^32 cards.
constexpr int kMaxDraws = 32;

}  // namespace

TokenizeCall::TokenizeCall(const CallServices& services, const policy::Permit& permit,
                           Profile profile, std::vector<absl::StatusOr<CardData>> cards,
                           const RequestFacts& facts, audit::Done<Results> done)
    : services_(services),
      profile_(std::move(profile)),
      guess_limit_(permit.limits().guesses),
      cards_(std::move(cards)),
      done_(std::move(done)),
      entry_(EntryOf(permit, "TokenService.Tokenize", facts)),
      keys_(profile_, services_.keys),
      index_(profile_, keys_, services_.store) {
  entry_.profile = profile_.ResourceName();
}

void TokenizeCall::Run(const policy::Permit& permit) {
  if (absl::Status status = Prepare(permit); !status.ok()) return Record(std::move(status));
  Attempt();
}

absl::Status TokenizeCall::Prepare(const policy::Permit& permit) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kTokenize, profile_.ResourceName()));
  for (absl::StatusOr<CardData>& card : cards_) {
    if (!card.ok()) continue;
    if (absl::Status refused = CheckCard(*card); !refused.ok()) card = refused;
  }
  if (entry_.request_id.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(request_keys_, services_.keys.RequestKeysOf(profile_.tenant));
  ASSIGN_OR_RETURN(fingerprint_,
                   FingerprintOf(profile_.ResourceName(), cards_, *request_keys_->fingerprint));
  return absl::OkStatus();
}

absl::Status TokenizeCall::CheckCard(const CardData& card) const {
  RETURN_IF_ERROR(CheckIsNoToken(services_.profiles, card.pan));
  if (profile_.family == Family::kFf1) return CheckFf1Card(profile_, card);
  return absl::OkStatus();
}

void TokenizeCall::Attempt() {
  if (++attempts_ > 1) keys_.Close();
  data_versions_.clear();
  now_ = services_.journal.SteadyTime();
  absl::StatusOr<std::optional<Results>> kept = FindKept();
  if (!kept.ok()) return Record(kept.status());
  if (kept->has_value()) {
    repetition_ = true;
    return Record(**std::move(kept));
  }
  store::Mutation mutation;
  absl::StatusOr<Results> results = MakeTokens(mutation);
  if (!results.ok()) return Record(results.status());
  if (absl::Status status = Keep(*results, mutation); !status.ok()) {
    return Record(std::move(status));
  }
  Record(std::move(results), std::move(mutation));
}

absl::StatusOr<std::optional<TokenizeCall::Results>> TokenizeCall::FindKept() {
  if (!request_keys_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(
      const std::optional<store::IdempotencyRow> row,
      services_.store.FindIdempotency(entry_.actor, entry_.request_id,
                                      absl::ToUnixMillis(services_.journal.UnsteppedTime())));
  if (!row.has_value()) return std::nullopt;
  RETURN_IF_ERROR(TakeGuessesOfRequest());
  ASSIGN_OR_RETURN(std::vector<KeptToken> tokens,
                   OpenKeptTokens(*row, fingerprint_, *request_keys_->answer));
  if (tokens.size() != cards_.size()) {
    return Error(Reason::kIntegrityFailure, "a kept answer is for another number of cards");
  }
  Results results;
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    if (cards_[i].ok()) {
      results.push_back(
          IssuedToken{{profile_.tenant, std::move(tokens[i].token)}, tokens[i].expiry});
    } else {
      results.push_back(cards_[i].status());
    }
  }
  return results;
}

absl::Status TokenizeCall::Keep(const Results& results, store::Mutation& mutation) {
  if (!request_keys_.has_value()) return absl::OkStatus();
  std::vector<KeptToken> tokens;
  bool any = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    // What failed for another cause than its content may go well when it is repeated.
    if (!results[i].ok() && cards_[i].ok()) return absl::OkStatus();
    any = any || results[i].ok();
    tokens.push_back(results[i].ok() ? KeptToken{results[i]->name.token, results[i]->expiry}
                                     : KeptToken{});
  }
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(mutation.idempotency,
                   KeepTokens(tokens, entry_.actor, entry_.request_id, fingerprint_,
                              services_.clock() + profile_.keep_answers, *request_keys_->answer));
  return absl::OkStatus();
}

absl::StatusOr<TokenizeCall::Results> TokenizeCall::MakeTokens(store::Mutation& mutation) {
  if (profile_.family == Family::kFf1) return ComputeTokens();
  const bool any_card = std::any_of(cards_.begin(), cards_.end(),
                                    [](const absl::StatusOr<CardData>& card) { return card.ok(); });
  Results tokens;  // of the groups
  group_of_.assign(cards_.size(), std::nullopt);
  if (any_card) {
    ASSIGN_OR_RETURN(const std::vector<Group> groups, MakeGroups());
    const auto fresh = static_cast<std::size_t>(std::count_if(
        groups.begin(), groups.end(),
        [](const Group& group) { return group.told.ok() && !group.row.has_value(); }));
    RETURN_IF_ERROR(HoldKeys(fresh > 0));
    std::int64_t handle = fresh == 0 ? 0 : services_.store.AllocateHandles(fresh);
    for (const Group& group : groups) {
      if (!group.told.ok()) {
        tokens.push_back(group.told);
      } else if (group.row.has_value()) {
        tokens.push_back(TokenOfRow(*group.row));
      } else {
        tokens.push_back(NewRow(group, handle++, mutation));
      }
    }
  }
  Results results;
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    if (group_of_[i].has_value()) {
      results.push_back(tokens[*group_of_[i]]);
    } else {
      results.push_back(cards_[i].status());
    }
  }
  return results;
}

absl::StatusOr<TokenizeCall::Results> TokenizeCall::ComputeTokens() {
  Results results;
  for (const absl::StatusOr<CardData>& card : cards_) {
    if (!card.ok()) {
      results.push_back(card.status());
      continue;
    }
    ASSIGN_OR_RETURN(const Versioned<crypto::Ff1> key, keys_.Ff1());
    ff1_version_ = key.version;
    ASSIGN_OR_RETURN(std::string token, MakeFf1Token(profile_, card->pan, *key.key));
    if (absl::Status told = TakeGuess(entry_.profile, card->pan, token); !told.ok()) {
      results.push_back(std::move(told));
    } else {
      results.push_back(IssuedToken{{profile_.tenant, std::move(token)}});
    }
  }
  return results;
}

absl::StatusOr<std::vector<TokenizeCall::Group>> TokenizeCall::MakeGroups() {
  std::vector<Group> groups;
  if (!profile_.deterministic) {
    for (std::size_t i = 0; i < cards_.size(); ++i) {
      if (!cards_[i].ok()) continue;
      group_of_[i] = groups.size();
      groups.push_back({.card = &*cards_[i]});
    }
    return groups;
  }
  std::map<std::string, std::size_t> group_with;
  std::vector<std::string> pan_indexes;
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    if (!cards_[i].ok()) continue;
    ASSIGN_OR_RETURN(const std::string pan_index, index_.IndexOf(cards_[i]->pan));
    const auto [found, first] = group_with.emplace(pan_index, groups.size());
    group_of_[i] = found->second;
    if (!first) continue;
    groups.push_back({.card = &*cards_[i],
                      .pan_index = pan_index,
                      .told = TakeGuess(entry_.profile, cards_[i]->pan, pan_index)});
    pan_indexes.push_back(pan_index);
  }
  ASSIGN_OR_RETURN(std::vector<std::optional<store::TokenRow>> rows, index_.Find(pan_indexes));
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].row = std::move(rows[i]);
  return groups;
}

absl::Status TokenizeCall::HoldKeys(bool fresh) {
  if (profile_.family == Family::kOpaque) RETURN_IF_ERROR(keys_.Token().status());
  RETURN_IF_ERROR(keys_.RowMac().status());
  return fresh ? keys_.Data().status() : absl::OkStatus();
}

absl::Status TokenizeCall::TakeGuess(std::string_view among, const Pan& pan,
                                     std::string_view card) {
  return services_.budgets.TakeGuess({entry_.actor, among, card, pan.FirstSixLastFour()},
                                     guess_limit_, now_);
}

absl::Status TokenizeCall::TakeGuessesOfRequest() {
  const std::string among = entry_.profile + "/requests";
  for (const absl::StatusOr<CardData>& card : cards_) {
    if (!card.ok()) continue;
    const auto stand_in =
        request_keys_->fingerprint->Compute(card->pan.Expose(crypto::SecretAccess::kGranted));
    RETURN_IF_ERROR(TakeGuess(among, card->pan, crypto::AsText(stand_in)));
  }
  return absl::OkStatus();
}

absl::StatusOr<IssuedToken> TokenizeCall::TokenOfRow(const store::TokenRow& row) {
  ASSIGN_OR_RETURN(IssuedToken token, index_.TokenOf(row));
  data_versions_.insert(row.data_version);
  return token;
}

absl::StatusOr<IssuedToken> TokenizeCall::NewRow(const Group& group, std::int64_t handle,
                                                 store::Mutation& mutation) {
  const absl::Time created = services_.clock();
  ASSIGN_OR_RETURN(const Versioned<SealingKey> data_key, keys_.Data());
  ASSIGN_OR_RETURN(const auto row_mac, keys_.RowMac());
  store::TokenRow row;
  row.handle = handle;
  row.tenant = profile_.tenant;
  row.profile = profile_.number;
  row.pan_index = group.pan_index;
  if (profile_.deterministic) {
    ASSIGN_OR_RETURN(const auto index_key, keys_.Index());
    row.index_version = index_key.version;
  }
  IssuedToken token{{profile_.tenant, {}}, profile_.ExpiryOf(created)};
  std::uint32_t token_version = 0;
  if (IsDrawn(profile_.family)) {
    ASSIGN_OR_RETURN(row.digits, DrawDigits(group.card->pan, mutation));
    token.name.token = row.digits;
  } else {
    ASSIGN_OR_RETURN(const auto token_key, keys_.Token());
    token_version = token_key.version;
    token.name.token = EncodeOpaqueToken({handle, profile_.number}, profile_.tenant, token_version,
                                         *token_key.key);
  }
  row.data_version = data_key.version;
  row.created_ms = absl::ToUnixMillis(created);
  RETURN_IF_ERROR(SealRow(row, *group.card, token_version, *data_key.key));
  row.state = static_cast<std::uint8_t>(TokenState::kActive);
  row.revision = 1;
  if (const std::optional<absl::Time> end = profile_.EndOf(created)) {
    row.ends_ms = absl::ToUnixMillis(*end);
  }
  if (profile_.uses > 0) row.uses_left = profile_.uses;
  row.mac = MacOfRow(row, *row_mac);
  data_versions_.insert(row.data_version);
  mutation.tokens.push_back(std::move(row));
  return token;
}

absl::StatusOr<std::string> TokenizeCall::DrawDigits(const Pan& pan,
                                                     const store::Mutation& mutation) const {
  for (int draws = 0; draws < kMaxDraws; ++draws) {
    std::string digits = DrawToken(profile_, pan, services_.random);
    if (std::any_of(mutation.tokens.begin(), mutation.tokens.end(),
                    [&](const store::TokenRow& row) { return row.digits == digits; })) {
      continue;
    }
    // The commit looks too. Until it has found one that is taken, none is likely to be.
    if (attempts_ == 1) return digits;
    ASSIGN_OR_RETURN(const auto rows, services_.store.FindTokensByDigits(
                                          profile_.tenant, profile_.number, {&digits, 1}));
    if (!rows.front().has_value()) return digits;
  }
  return Error(Reason::kTokensExhausted,
               "the profile has hardly a number left that could be this card's token");
}

void TokenizeCall::Record(absl::StatusOr<Results> results, store::Mutation mutation) {
  audit::Entry entry = entry_;
  if (results.ok()) {
    for (const absl::StatusOr<IssuedToken>& token : *results) {
      AddItem(entry, token.ok() ? token->name.ToString() : std::string(), token.status());
    }
    SetOutcomeOfItems(entry);
  } else {
    SetFailed(entry, results.status());
  }
  if (!data_versions_.empty()) entry.details["data_key_version"] = Listed(data_versions_);
  if (ff1_version_ != 0) entry.details["ff1_key_version"] = std::to_string(ff1_version_);
  if (repetition_) entry.details["repetition"] = "true";
  const bool writes = !mutation.empty();
  services_.journal.Submit(
      std::move(entry), std::move(mutation),
      [call = shared_from_this(), writes,
       results = std::move(results)](absl::StatusOr<audit::Receipt> receipt) mutable {
        if (writes && ReasonOf(receipt.status()) == Reason::kConflict) {
          if (call->attempts_ < kMaxAttempts) return call->Attempt();
          return call->Record(
              Error(Reason::kConflict, "the same cards are being tokenized; try again"));
        }
        audit::Complete<Results>(std::move(receipt), std::move(results), call->done_);
      });
}

}  // namespace keysvc::tokenizer
