#include "tokenizer/token_maker.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/account_reference.h"
#include "tokenizer/call_record.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/ff1_token.h"
#include "tokenizer/imported_token.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

// Where every other number is taken already, this many draws all fail once in 2^32 cards.
constexpr int kMaxDraws = 32;

absl::Status TokenTaken() {
  return Error(Reason::kTokenTaken, "the profile has this token already", "token");
}

}  // namespace

TokenMaker::TokenMaker(const CallServices& services, const policy::Permit& permit, Profile profile,
                       const RequestFacts& facts)
    : services_(services),
      profile_(std::move(profile)),
      domains_(facts.domains),
      tokens_(facts.tokens),
      imports_(permit.action() == policy::Action::kImportTokens),
      without_metadata_(CanonicalMetadata({}, profile_.metadata).status()),
      compared_among_(profile_.ComparesCardsAmong()),
      principal_(permit.caller().principal),
      guess_limit_(permit.limits().guesses),
      keys_(profile_, services_.keys),
      index_(profile_, keys_, services_.store) {
  for (const TokenMetadata& stated : facts.metadata) {
    const absl::StatusOr<TokenMetadata> canonical = CanonicalMetadata(stated, profile_.metadata);
    // What is refused may be anything, a card number too; the item's error stands for it.
    metadata_.push_back(canonical.ok() ? store::MetadataText(*canonical) : std::string());
    metadata_checked_.push_back(canonical.status());
  }
}

absl::Status TokenMaker::CheckCard(const CardData& card) const {
  RETURN_IF_ERROR(CheckIsNoToken(services_.profiles, card.pan));
  if (profile_.family == Family::kFf1) return CheckFf1Card(profile_, card);
  return absl::OkStatus();
}

absl::Status TokenMaker::CheckTokenOf(std::size_t item, const CardData& card) const {
  return tokens_.empty() ? absl::OkStatus() : CheckImportedToken(profile_, card, tokens_[item]);
}

absl::Status TokenMaker::CheckStated(std::size_t item) const {
  const TokenDomain domain = domains_.empty() ? TokenDomain{} : domains_[item];
  RETURN_IF_ERROR(CheckDomain(domain, profile_.domain, profile_.HasOwnDomains()));
  return metadata_checked_.empty() ? without_metadata_ : metadata_checked_[item];
}

void TokenMaker::AddDomains(audit::Entry& entry) const {
  for (std::size_t i = 0; i < domains_.size() && i < entry.items.size(); ++i) {
    entry.items[i].domain = domains_[i].ToString();
  }
}

void TokenMaker::AddKeys(audit::Entry& entry) const {
  if (!data_versions_.empty()) entry.details["data_key_version"] = Listed(data_versions_);
  if (ff1_version_ != 0) entry.details["ff1_key_version"] = std::to_string(ff1_version_);
}

absl::StatusOr<TokenMaker::Results> TokenMaker::Make(const Cards& cards,
                                                     store::Mutation& mutation) {
  if (++times_ > 1) keys_.Close();
  data_versions_.clear();
  if (profile_.family == Family::kFf1) return ComputeTokens(cards);
  const bool any_card =
      std::any_of(cards.begin(), cards.end(), [](const auto& card) { return card.ok(); });
  Results tokens;  // of the groups
  group_of_.assign(cards.size(), std::nullopt);
  refused_.clear();
  if (any_card) {
    ASSIGN_OR_RETURN(const std::vector<Group> groups, MakeGroups(cards));
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
      if (tokens.back().ok() && tokens.back()->account_reference.empty()) {
        tokens.back()->account_reference = group.account_reference;
      }
    }
  }
  Results results;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (group_of_[i].has_value()) {
      results.push_back(tokens[*group_of_[i]]);
    } else if (const auto refused = refused_.find(i); refused != refused_.end()) {
      results.push_back(refused->second);
    } else {
      results.push_back(cards[i].status());
    }
  }
  return results;
}

absl::StatusOr<TokenMaker::Results> TokenMaker::ComputeTokens(const Cards& cards) {
  Results results;
  for (const absl::StatusOr<const CardData*>& card : cards) {
    if (!card.ok()) {
      results.push_back(card.status());
      continue;
    }
    ASSIGN_OR_RETURN(const Versioned<crypto::Ff1> key, keys_.Ff1());
    ff1_version_ = key.version;
    ASSIGN_OR_RETURN(std::string token, MakeFf1Token(profile_, (*card)->pan, *key.key));
    ASSIGN_OR_RETURN(std::string reference, AccountReferenceOf((*card)->pan, profile_, keys_));
    const absl::Status told = MayTell((*card)->pan, reference.empty() ? token : reference);
    if (told.ok()) {
      results.push_back(
          IssuedToken{{profile_.tenant, std::move(token)}, std::nullopt, std::move(reference)});
    } else {
      results.push_back(told);
    }
  }
  return results;
}

absl::StatusOr<std::vector<TokenMaker::Group>> TokenMaker::MakeGroups(const Cards& cards) {
  // In this order: a token that another call has brought for the same card since is then found to
  // be that card's.
  ASSIGN_OR_RETURN(std::set<std::string> taken, FindTaken());
  ASSIGN_OR_RETURN(std::vector<Group> single, ReadCards(cards));
  std::vector<Group> groups;
  std::map<std::string, std::size_t> group_with;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (!cards[i].ok()) continue;
    Group& group = single[i];
    if (profile_.deterministic) {
      const auto found = group_with.find(group.pan_index);
      if (found != group_with.end()) {
        if (group.token.empty() || group.token == groups[found->second].Token()) {
          group_of_[i] = found->second;
        } else {
          refused_[i] = CardHasAnotherToken();
        }
        continue;
      }
    }
    if (absl::Status refused = Claim(group, taken); !refused.ok()) {
      refused_[i] = std::move(refused);
      continue;
    }
    const Pan& pan = group.card->pan;
    ASSIGN_OR_RETURN(group.account_reference, AccountReferenceOf(pan, profile_, keys_));
    group.told =
        MayTell(pan, group.account_reference.empty() ? group.pan_index : group.account_reference);
    group_of_[i] = groups.size();
    if (profile_.deterministic) group_with.emplace(group.pan_index, groups.size());
    groups.push_back(std::move(group));
  }
  return groups;
}

absl::StatusOr<std::vector<TokenMaker::Group>> TokenMaker::ReadCards(const Cards& cards) {
  std::vector<Group> single(cards.size());
  std::vector<std::size_t> items;
  std::vector<std::string> pan_indexes;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (!cards[i].ok()) continue;
    single[i].card = *cards[i];
    if (!domains_.empty()) single[i].domain = domains_[i];
    if (!tokens_.empty()) single[i].token = tokens_[i];
    if (!metadata_.empty()) single[i].metadata = metadata_[i];
    if (!profile_.deterministic) continue;
    ASSIGN_OR_RETURN(single[i].pan_index, index_.IndexOf(single[i].card->pan));
    items.push_back(i);
    pan_indexes.push_back(single[i].pan_index);
  }
  if (items.empty()) return single;
  ASSIGN_OR_RETURN(std::vector<std::optional<store::TokenRow>> rows, index_.Find(pan_indexes));
  for (std::size_t i = 0; i < items.size(); ++i) single[items[i]].row = std::move(rows[i]);
  return single;
}

absl::StatusOr<std::set<std::string>> TokenMaker::FindTaken() const {
  std::vector<std::string> tokens;
  std::copy_if(tokens_.begin(), tokens_.end(), std::back_inserter(tokens),
               [](const std::string& token) { return !token.empty(); });
  std::set<std::string> taken;
  if (tokens.empty()) return taken;
  ASSIGN_OR_RETURN(const auto rows,
                   services_.store.FindTokensByDigits(profile_.tenant, profile_.number, tokens));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].has_value()) taken.insert(std::move(tokens[i]));
  }
  return taken;
}

absl::Status TokenMaker::Claim(const Group& group, std::set<std::string>& taken) {
  if (group.token.empty()) return absl::OkStatus();
  if (!group.row.has_value()) {
    return taken.insert(group.token).second ? absl::OkStatus() : TokenTaken();
  }
  if (group.row->digits == group.token) return absl::OkStatus();
  // Not before the row is proven to be this card's.
  RETURN_IF_ERROR(TokenOfRow(*group.row).status());
  return CardHasAnotherToken();
}

absl::Status TokenMaker::HoldKeys(bool fresh) {
  if (profile_.family == Family::kOpaque) RETURN_IF_ERROR(keys_.Token().status());
  RETURN_IF_ERROR(keys_.RowMac().status());
  return fresh ? keys_.Data().status() : absl::OkStatus();
}

absl::Status TokenMaker::MayTell(const Pan& pan, std::string_view card) {
  if (compared_among_.empty()) return absl::OkStatus();
  return TakeGuess(compared_among_, pan, card);
}

absl::Status TokenMaker::TakeGuess(std::string_view among, const Pan& pan, std::string_view card) {
  // Whoever imports brings whole vaults, in which any number of cards look alike.
  if (imports_) return absl::OkStatus();
  return services_.budgets.TakeGuess({principal_, among, card, pan.ShownDigits()}, guess_limit_,
                                     services_.journal.SteadyTime());
}

absl::StatusOr<IssuedToken> TokenMaker::TokenOfRow(const store::TokenRow& row) {
  ASSIGN_OR_RETURN(IssuedToken token, index_.TokenOf(row));
  data_versions_.insert(row.data_version);
  return token;
}

absl::StatusOr<IssuedToken> TokenMaker::NewRow(const Group& group, std::int64_t handle,
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
    row.digits = group.token;
    if (row.digits.empty()) {
      ASSIGN_OR_RETURN(row.digits, DrawDigits(group.card->pan, mutation));
    }
    token.name.token = row.digits;
  } else {
    ASSIGN_OR_RETURN(const auto token_key, keys_.Token());
    token_version = token_key.version;
    token.name.token = EncodeOpaqueToken({handle, profile_.number}, profile_.tenant, token_version,
                                         *token_key.key);
  }
  row.data_version = data_key.version;
  row.created_ms = absl::ToUnixMillis(created);
  RETURN_IF_ERROR(
      SealRow(row, *group.card, token_version, *data_key.key, {.domain = group.domain}));
  row.state = static_cast<std::uint8_t>(TokenState::kActive);
  row.revision = 1;
  if (const std::optional<absl::Time> end = profile_.EndOf(created)) {
    row.ends_ms = absl::ToUnixMillis(*end);
  }
  if (profile_.uses > 0) row.uses_left = profile_.uses;
  row.metadata = group.metadata;
  row.mac = MacOfRow(row, *row_mac);
  data_versions_.insert(row.data_version);
  mutation.tokens.push_back(std::move(row));
  return token;
}

absl::StatusOr<std::string> TokenMaker::DrawDigits(const Pan& pan,
                                                   const store::Mutation& mutation) const {
  for (int draws = 0; draws < kMaxDraws; ++draws) {
    std::string digits = DrawToken(profile_, pan, services_.random);
    if (std::any_of(mutation.tokens.begin(), mutation.tokens.end(),
                    [&](const store::TokenRow& row) { return row.digits == digits; })) {
      continue;
    }
    // The commit looks too. Until it has found one that is taken, none is likely to be.
    if (times_ == 1) return digits;
    ASSIGN_OR_RETURN(const auto rows, services_.store.FindTokensByDigits(
                                          profile_.tenant, profile_.number, {&digits, 1}));
    if (!rows.front().has_value()) return digits;
  }
  return Error(Reason::kTokensExhausted,
               "the profile has hardly a number left that could be this card's token");
}

}  // namespace keysvc::tokenizer
