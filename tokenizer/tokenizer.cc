#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "policy/name.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/budget_history.h"
#include "tokenizer/call_record.h"
#include "tokenizer/card_fingerprint.h"
#include "tokenizer/card_update_call.h"
#include "tokenizer/convert_call.h"
#include "tokenizer/detokenize_call.h"
#include "tokenizer/look_up.h"
#include "tokenizer/state_change_call.h"
#include "tokenizer/token_listing.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenize_call.h"

namespace keysvc::tokenizer {
namespace {

TokenView ViewOf(const FoundToken& token) {
  TokenView view;
  view.profile = token.profile->ResourceName();
  view.state = StateOf(*token.row);
  view.created = absl::FromUnixMillis(token.row->created_ms);
  if (token.row->ends_ms.has_value()) view.ends = absl::FromUnixMillis(*token.row->ends_ms);
  view.uses_left = token.row->uses_left;
  view.token_expiry = token.profile->ExpiryOf(view.created);
  view.token_requestor_id = token.profile->emv.token_requestor_id;
  view.metadata = store::MetadataOf(token.row->metadata);
  if (!token.card.has_value()) return view;
  view.masked_pan = token.Masked();
  view.expiry = token.card->expiry;
  view.data_key_version = token.row->data_version;
  view.account_reference = token.account_reference;
  view.domain = token.domain;
  return view;
}

absl::StatusOr<Versioned<crypto::HmacSha256>> FingerprintKey(KeySource& keys,
                                                             std::string_view tenant,
                                                             std::uint32_t version) {
  if (version == 0) return keys.FingerprintKey(tenant);
  ASSIGN_OR_RETURN(auto key, keys.FingerprintKey(tenant, version));
  return Versioned<crypto::HmacSha256>{version, std::move(key)};
}

}  // namespace

std::string FingerprintResource(std::string_view tenant) {
  return "tenants/" + std::string(tenant) + "/keys/card-fingerprint";
}

absl::StatusOr<TokenName> TokenName::Parse(std::string_view name) {
  constexpr std::string_view kTenants = "tenants/";
  constexpr std::string_view kTokens = "/tokens/";
  const std::size_t end = name.find('/', kTenants.size());
  if (name.starts_with(kTenants) && end != std::string_view::npos &&
      name.substr(end).starts_with(kTokens)) {
    const std::string_view tenant = name.substr(kTenants.size(), end - kTenants.size());
    const std::string_view token = name.substr(end + kTokens.size());
    // Records show the tenant, so that it must not be any text of a caller.
    if (policy::IsName(tenant) && !token.empty() && token.find('/') == std::string_view::npos) {
      return TokenName{std::string(tenant), std::string(token)};
    }
  }
  return Error(Reason::kFieldInvalid, "a token's name is tenants/{tenant}/tokens/{token}", "name");
}

std::string TokensOf(std::string_view tenant) {
  return "tenants/" + std::string(tenant) + "/tokens";
}

std::string ProfilesOf(std::string_view tenant) {
  return "tenants/" + std::string(tenant) + "/tokenProfiles";
}

std::string TokenName::ToString() const { return TokensOf(tenant) + "/" + token; }

Tokenizer::Tokenizer(const Profiles& profiles, KeySource& keys, store::Store& store,
                     audit::Journal& journal, const policy::Gate& gate,
                     std::function<absl::Time()> clock, RandomSource random)
    : services_{profiles,         keys, store, journal, gate, budgets_, std::move(clock),
                std::move(random)} {}

absl::Status Tokenizer::CountRecords() {
  return RecountBudgets(services_.store, services_.profiles, services_.keys,
                        *services_.gate.policy(), services_.journal.SteadyTime(), budgets_);
}

void Tokenizer::Tokenize(policy::Permit permit, const Profile& profile,
                         std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                         audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done) {
  std::make_shared<TokenizeCall>(services_, policy::Action::kTokenize, permit, profile,
                                 std::move(cards), facts, std::move(done))
      ->Run(permit);
}

void Tokenizer::Import(policy::Permit permit, const Profile& profile,
                       std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                       audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done) {
  std::make_shared<TokenizeCall>(services_, policy::Action::kImportTokens, permit, profile,
                                 std::move(cards), facts, std::move(done))
      ->Run(permit);
}

void Tokenizer::LookUp(policy::Permit permit, const Profile& profile,
                       std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                       audit::Done<std::vector<absl::StatusOr<KnownToken>>> done) {
  audit::Entry entry = EntryOf(permit, "TokenService.LookUpToken", facts);
  auto known = LookUpCards(services_, permit, profile, cards, entry);
  if (!known.ok()) SetFailed(entry, known.status());
  services_.journal.Submit(std::move(entry), {},
                           [known = std::move(known), done = std::move(done)](
                               absl::StatusOr<audit::Receipt> receipt) mutable {
                             audit::Complete<std::vector<absl::StatusOr<KnownToken>>>(
                                 std::move(receipt), std::move(known), done);
                           });
}

void Tokenizer::Detokenize(policy::Permit permit, std::string tenant,
                           std::vector<absl::StatusOr<TokenName>> tokens, RequestFacts facts,
                           audit::Done<std::vector<absl::StatusOr<RevealedCard>>> done) {
  std::make_shared<DetokenizeCall>(services_, std::move(permit), std::move(tenant),
                                   std::move(tokens), facts, std::move(done))
      ->Run();
}

void Tokenizer::Convert(policy::Permit from, std::string tenant,
                        std::vector<absl::StatusOr<TokenName>> tokens, policy::Permit to,
                        const Profile& target, RequestFacts facts,
                        audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done) {
  std::make_shared<ConvertCall>(services_, std::move(from), std::move(tenant), std::move(tokens),
                                std::move(to), target, facts, std::move(done))
      ->Run();
}

void Tokenizer::ChangeState(policy::Permit permit, std::string tenant,
                            std::vector<absl::StatusOr<TokenName>> tokens, TokenState state,
                            RequestFacts facts, audit::Done<std::vector<absl::Status>> done) {
  std::make_shared<StateChangeCall>(services_, std::move(permit), std::move(tenant),
                                    std::move(tokens), state, facts, std::move(done))
      ->Run();
}

void Tokenizer::UpdateCards(policy::Permit permit, std::string tenant,
                            std::vector<absl::StatusOr<TokenName>> tokens,
                            std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                            audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done) {
  std::make_shared<CardUpdateCall>(services_, std::move(permit), std::move(tenant),
                                   std::move(tokens), std::move(cards), facts, std::move(done))
      ->Run();
}

void Tokenizer::Describe(policy::Permit permit, std::string tenant,
                         std::vector<absl::StatusOr<TokenName>> tokens, RequestFacts facts,
                         audit::Done<std::vector<absl::StatusOr<TokenView>>> done) {
  using Views = std::vector<absl::StatusOr<TokenView>>;
  audit::Entry entry = EntryOf(permit, "TokenService.GetToken", facts);
  const auto view = [&]() -> absl::StatusOr<Views> {
    RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kGetToken, TokensOf(tenant)));
    TokenReader reader(services_.profiles, services_.keys, services_.store, services_.gate, permit,
                       tenant);
    const absl::Time now = services_.journal.SteadyTime();
    RETURN_IF_ERROR(budgets_.CheckMisses(permit, now));
    ASSIGN_OR_RETURN(std::vector<TokenReading> readings, reader.FindRows(tokens));
    for (std::size_t i = 0; i < readings.size(); ++i) {
      if (readings[i].token.ok() && StateOf(*readings[i].token->row) != TokenState::kDeleted) {
        reader.Open(*tokens[i], readings[i]);
      }
    }
    CountLookUps(budgets_, permit, now, readings);
    AddReadings(entry, readings);
    Views views;
    for (TokenReading& reading : readings) {
      if (reading.token.ok()) {
        views.emplace_back(ViewOf(*reading.token))->name = std::move(reading.name);
      } else {
        views.emplace_back(reading.token.status());
      }
    }
    return views;
  };
  absl::StatusOr<Views> views = view();
  if (!views.ok()) SetFailed(entry, views.status());
  services_.journal.Submit(std::move(entry), {},
                           [views = std::move(views), done = std::move(done)](
                               absl::StatusOr<audit::Receipt> receipt) mutable {
                             audit::Complete<Views>(std::move(receipt), std::move(views), done);
                           });
}

void Tokenizer::List(policy::Permit permit, const Profile& profile, ListingQuery query,
                     RequestFacts facts, audit::Done<TokenPage> done) {
  audit::Entry entry = EntryOf(permit, "TokenService.ListTokens", facts);
  absl::StatusOr<TokenPage> page = ListTokens(services_, permit, profile, query, entry);
  if (!page.ok()) SetFailed(entry, page.status());
  services_.journal.Submit(std::move(entry), {},
                           [page = std::move(page), done = std::move(done)](
                               absl::StatusOr<audit::Receipt> receipt) mutable {
                             audit::Complete<TokenPage>(std::move(receipt), std::move(page), done);
                           });
}

void Tokenizer::Fingerprint(policy::Permit permit, std::string tenant,
                            std::vector<absl::StatusOr<CardData>> cards, std::uint32_t key_version,
                            RequestFacts facts, audit::Done<CardFingerprints> done) {
  audit::Entry entry = EntryOf(permit, "TokenService.FingerprintCard", facts);
  const auto make = [&]() -> absl::StatusOr<CardFingerprints> {
    RETURN_IF_ERROR(
        CheckPermit(permit, policy::Action::kFingerprintCard, FingerprintResource(tenant)));
    ASSIGN_OR_RETURN(const auto key, FingerprintKey(services_.keys, tenant, key_version));
    const absl::Time now = services_.journal.SteadyTime();
    CardFingerprints made{key.version, {}};
    for (const absl::StatusOr<CardData>& card : cards) {
      absl::Status status = card.ok() ? CheckNumberAlone(*card) : card.status();
      if (status.ok()) status = CheckIsNoToken(services_.profiles, card->pan);
      std::string fingerprint;
      if (status.ok()) {
        fingerprint = FingerprintOfCard(card->pan, key.version, *key.key);
        status = budgets_.TakeGuess(
            {permit.caller().principal, permit.resource(), fingerprint, card->pan.ShownDigits()},
            permit.limits().guesses, now);
      }
      AddItem(entry, {}, status);
      if (status.ok()) {
        made.fingerprints.push_back(std::move(fingerprint));
      } else {
        made.fingerprints.push_back(status);
      }
    }
    SetOutcomeOfItems(entry);
    entry.details["fingerprint_key_version"] = std::to_string(key.version);
    return made;
  };
  absl::StatusOr<CardFingerprints> value = make();
  if (!value.ok()) SetFailed(entry, value.status());
  services_.journal.Submit(
      std::move(entry), {},
      [value = std::move(value),
       done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
        audit::Complete<CardFingerprints>(std::move(receipt), std::move(value), done);
      });
}

RetentionReport Tokenizer::ReportRetention(const policy::Permit& /*permit*/, std::string tenant) {
  // As the purge has it: a clock that is set forward makes nothing overdue.
  const absl::Time now = std::min(services_.clock(), services_.journal.UnsteppedTime());
  return {services_.store, services_.profiles, services_.keys, std::move(tenant), now};
}

}  // namespace keysvc::tokenizer
