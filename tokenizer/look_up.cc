#include "tokenizer/look_up.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/account_reference.h"
#include "tokenizer/call_record.h"
#include "tokenizer/card_index.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

absl::Status CheckIsIndexed(const Profile& profile) {
  if (profile.deterministic && profile.family != Family::kFf1) return absl::OkStatus();
  return Error(Reason::kCardsNotIndexed, "the profile finds no token by its card");
}

absl::Status CheckCard(const Profiles& profiles, const absl::StatusOr<CardData>& card) {
  RETURN_IF_ERROR(card.status());
  RETURN_IF_ERROR(CheckNumberAlone(*card));
  return CheckIsNoToken(profiles, card->pan);
}

absl::StatusOr<KnownToken> KnownTokenOf(const std::optional<store::TokenRow>& row,
                                        CardIndex& index) {
  if (!row.has_value()) return Error(Reason::kCardNotTokenized, "the card has no token");
  ASSIGN_OR_RETURN(IssuedToken token, index.TokenOf(*row));
  return KnownToken{std::move(token.name), StateOf(*row), std::move(token.account_reference)};
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<KnownToken>>> LookUpCards(
    const CallServices& services, const policy::Permit& permit, const Profile& profile,
    const std::vector<absl::StatusOr<CardData>>& cards, audit::Entry& entry) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kLookUpToken, profile.ResourceName()));
  entry.profile = profile.ResourceName();
  RETURN_IF_ERROR(CheckIsIndexed(profile));
  const absl::Time now = services.journal.SteadyTime();
  RETURN_IF_ERROR(services.budgets.CheckMisses(permit, now));
  HeldKeys keys(profile, services.keys);
  CardIndex index(profile, keys, services.store);

  std::vector<absl::StatusOr<KnownToken>> known;
  std::vector<std::size_t> asked;  // which cards are looked for
  std::vector<std::string> pan_indexes;
  std::vector<std::string> references;
  const std::string among = profile.ComparesCardsAmong();
  for (const absl::StatusOr<CardData>& card : cards) {
    absl::Status told = CheckCard(services.profiles, card);
    if (told.ok()) {
      ASSIGN_OR_RETURN(std::string pan_index, index.IndexOf(card->pan));
      ASSIGN_OR_RETURN(std::string reference, AccountReferenceOf(card->pan, profile, keys));
      told = services.budgets.TakeGuess(
          {permit.caller().principal, among, reference.empty() ? pan_index : reference,
           card->pan.ShownDigits()},
          permit.limits().guesses, now);
      if (told.ok()) {
        asked.push_back(known.size());
        pan_indexes.push_back(std::move(pan_index));
        references.push_back(std::move(reference));
      }
    }
    known.push_back(told.ok() ? absl::StatusOr<KnownToken>(KnownToken{}) : told);
  }
  ASSIGN_OR_RETURN(const auto rows, index.Find(pan_indexes));
  std::set<std::uint32_t> data_versions;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    absl::StatusOr<KnownToken>& token = known[asked[i]];
    token = KnownTokenOf(rows[i], index);
    const absl::Status told = services.budgets.CountLookUp(permit, token.status(), now);
    if (!told.ok()) token = told;
    if (!token.ok()) continue;
    if (token->account_reference.empty()) token->account_reference = std::move(references[i]);
    data_versions.insert(rows[i]->data_version);
  }
  for (const absl::StatusOr<KnownToken>& token : known) {
    AddItem(entry, token.ok() ? token->name.ToString() : std::string(), token.status());
  }
  SetOutcomeOfItems(entry);
  if (!data_versions.empty()) entry.details["data_key_version"] = Listed(data_versions);
  return known;
}

}  // namespace keysvc::tokenizer
