#ifndef KEYSVC_TESTS_UNIT_TOKENIZER_TOKENIZING_SERVICE_H_
#define KEYSVC_TESTS_UNIT_TOKENIZER_TOKENIZING_SERVICE_H_

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

inline constexpr std::string_view kVisa = "4111111111111111";
inline constexpr std::string_view kAmex = "378282246310005";
inline constexpr char kCards[] = "tenants/acme/tokenProfiles/cards";
inline constexpr char kOneTime[] = "tenants/acme/tokenProfiles/one-time";
inline constexpr char kBrief[] = "tenants/acme/tokenProfiles/brief";
inline constexpr char kThrice[] = "tenants/acme/tokenProfiles/thrice";
inline constexpr char kSingle[] = "tenants/acme/tokenProfiles/single";
inline constexpr char kNumbers[] = "tenants/acme/tokenProfiles/numbers";
inline constexpr char kManyNumbers[] = "tenants/acme/tokenProfiles/many-numbers";
inline constexpr char kBriefNumbers[] = "tenants/acme/tokenProfiles/brief-numbers";
inline constexpr char kNetwork[] = "tenants/acme/tokenProfiles/network";
inline constexpr char kLegacy[] = "tenants/acme/tokenProfiles/legacy";
inline constexpr char kOtherLegacy[] = "tenants/acme/tokenProfiles/legacy-b";
// Profiles that give account references:
inline constexpr char kLinked[] = "tenants/acme/tokenProfiles/linked";
inline constexpr char kLinkedPerCall[] = "tenants/acme/tokenProfiles/linked-per-call";
inline constexpr char kLinkedNumbers[] = "tenants/acme/tokenProfiles/linked-numbers";
inline constexpr char kLinkedNetwork[] = "tenants/acme/tokenProfiles/linked-network";
inline constexpr char kLinkedLegacy[] = "tenants/acme/tokenProfiles/linked-legacy";
inline constexpr char kLinkedOfBeta[] = "tenants/beta/tokenProfiles/linked";

// Profiles whose tokens are restricted to some uses: of their own, and of the profile's.
inline constexpr char kShops[] = "tenants/acme/tokenProfiles/shops";
inline constexpr char kShopNumbers[] = "tenants/acme/tokenProfiles/shop-numbers";
inline constexpr char kShopNetwork[] = "tenants/acme/tokenProfiles/shop-network";
inline constexpr char kWeb[] = "tenants/acme/tokenProfiles/web";
inline constexpr char kWebLegacy[] = "tenants/acme/tokenProfiles/web-legacy";
// Of cards that were kept elsewhere, with the tokens that they had.
inline constexpr char kFormer[] = "tenants/acme/tokenProfiles/former";
inline constexpr char kFormerPerCall[] = "tenants/acme/tokenProfiles/former-per-call";
// Merges tokens of cards that were issued in place of others.
inline constexpr char kMerging[] = "tenants/acme/tokenProfiles/merging";

// Tokens with metadata.
inline constexpr char kOrders[] = "tenants/acme/tokenProfiles/orders";
inline constexpr char kOrderNumbers[] = "tenants/acme/tokenProfiles/order-numbers";

inline absl::StatusOr<CardData> Card(std::string_view pan, std::string_view expiry = "2030-12",
                                     std::string_view name = "Ada Lovelace") {
  return CardData::Parse(crypto::AsBytes(pan), expiry, crypto::AsBytes(name));
}

template <typename... Cards>
std::vector<absl::StatusOr<CardData>> List(Cards... cards) {
  std::vector<absl::StatusOr<CardData>> list;
  (list.push_back(std::move(cards)), ...);
  return list;
}

inline std::shared_ptr<const policy::Policy> ThePolicy() {
  using policy::PrincipalKind;
  using policy::Reveal;
  policy::Policy policy;
  policy.principals = {
      {"checkout", "spiffe://x/checkout", PrincipalKind::kService, {"tokenizing"}},
      {"settlement", "spiffe://x/settlement", PrincipalKind::kService, {"settling"}},
      {"fraud", "spiffe://x/fraud", PrincipalKind::kService, {"screening"}},
      {"risk", "spiffe://x/risk", PrincipalKind::kService, {"ending"}},
      {"all", "spiffe://x/all", PrincipalKind::kService, {"seeing-all"}}};
  policy.rules = {
      {"tokenizes",
       {"tokenizing"},
       {policy::Action::kTokenize, policy::Action::kGetToken, policy::Action::kListTokens},
       {"tenants/*/tokenProfiles/*"},
       {}},
      {"looks-up",
       {"screening"},
       {policy::Action::kLookUpToken},
       {"tenants/acme/tokenProfiles/*"},
       {}},
      {"fingerprints",
       {"tokenizing"},
       {policy::Action::kFingerprintCard},
       {"tenants/*/keys/card-fingerprint"},
       {}},
      {"settles",
       {"settling"},
       {policy::Action::kDetokenize},
       {kCards,   kLegacy,       kOtherLegacy,  kBrief,        kThrice,    kSingle,
        kNumbers, kManyNumbers,  kBriefNumbers, kNetwork,      kLinked,    kLinkedPerCall,
        kShops,   kShopNumbers,  kShopNetwork,  kWeb,          kWebLegacy, kMerging,
        kOrders,  kOrderNumbers, kFormer,       kFormerPerCall},
       {"settlement"},
       Reveal::kFull},
      {"screens",
       {"screening"},
       {policy::Action::kDetokenize, policy::Action::kGetToken},
       {kCards},
       {},
       Reveal::kMasked},
      {"screens-one-time", {"screening"}, {policy::Action::kDetokenize}, {kOneTime}, {}},
      {"ends",
       {"ending"},
       {policy::Action::kSuspendToken, policy::Action::kResumeToken, policy::Action::kDeleteToken},
       {kCards, kLegacy, kBrief, kThrice, kSingle, kNumbers, kNetwork, kLinked, kMerging, kOrders,
        kOrderNumbers, kFormer},
       {}},
      {"imports",
       {"tokenizing"},
       {policy::Action::kImportTokens},
       {"tenants/acme/tokenProfiles/*"},
       {}},
      {"updates",
       {"ending"},
       {policy::Action::kUpdateTokenCard},
       {kCards, kOneTime, kLegacy, kBrief, kThrice, kSingle, kNumbers, kNetwork, kLinked,
        kLinkedPerCall, kShops, kMerging, kFormer, kOrders},
       {}},
      {"sees-all",
       {"seeing-all"},
       {policy::Action::kDetokenize},
       {"tenants/acme/tokenProfiles/*"},
       {},
       Reveal::kMasked},
      {"sees-beta",
       {"seeing-all"},
       {policy::Action::kDetokenize},
       {"tenants/beta/tokenProfiles/*"},
       {},
       Reveal::kMasked},
      {"converts",
       {"settling"},
       {policy::Action::kConvertToken},
       {kCards, kOneTime, kBrief, kThrice, kSingle, kNumbers, kNetwork, kLegacy, kLinkedPerCall,
        kShops, kFormer, kOrders},
       {}},
      {"converts-for-beta",
       {"settling"},
       {policy::Action::kConvertToken},
       {"tenants/beta/tokenProfiles/*"},
       {}}};
  return std::make_shared<const policy::Policy>(std::move(policy));
}

// The same after a reload that takes a profile out of a rule.
inline std::shared_ptr<const policy::Policy> ThePolicyWithout(std::string_view profile,
                                                              std::string_view rule_id) {
  policy::Policy policy = *ThePolicy();
  for (policy::Rule& rule : policy.rules) {
    if (rule.id == rule_id) std::erase(rule.resources, profile);
  }
  return std::make_shared<const policy::Policy>(std::move(policy));
}

// Takes cards of 16 digits and keeps the first six.
inline Profile LegacyProfile(std::string name, std::uint16_t number, unsigned luhn_offset) {
  return {.tenant = "acme",
          .name = std::move(name),
          .number = number,
          .deterministic = true,
          .family = Family::kFf1,
          .ff1 = {.shortest_card = 16,
                  .longest_card = 16,
                  .keep_first = 6,
                  .keep_last = 0,
                  .luhn_offset = luhn_offset}};
}

// Of the family emv, with ten million numbers; valid for two months after that of the making.
inline Profile NetworkProfile(std::uint16_t number) {
  return {.tenant = "acme",
          .name = "network",
          .number = number,
          .family = Family::kEmv,
          .emv = {.range = {.prefix = "99990012", .length = 16},
                  .attestation = "Ours by the letter of the scheme; no cards in it",
                  .token_requestor_id = "40010030273",
                  .months_valid = 2}};
}

// Of the family emv, in a range of its own.
inline Profile NetworkForThreeUses(std::uint16_t number) {
  Profile profile = NetworkProfile(number);
  profile.emv.range.prefix = "99990014";
  profile.uses = 3;
  return profile;
}

inline Profile Linked(Profile profile, std::string issuer = "ACME") {
  profile.account_reference_issuer = std::move(issuer);
  return profile;
}

// Of the family emv, in another range than NetworkProfile()'s.
inline Profile LinkedNetworkProfile(std::uint16_t number) {
  Profile profile = NetworkProfile(number);
  profile.name = "linked-network";
  profile.emv.range.prefix = "99990013";
  return Linked(std::move(profile));
}

// One merchant's tokens each, on the web or in an app, for up to 500.00 EUR or 90,000 JPY.
inline Profile Shops(Profile profile, std::string name) {
  profile.name = std::move(name);
  profile.domain = {.channels = {"web", "app"},
                    .merchant = true,
                    .amounts = {{"EUR", 100, 50'000}, {"JPY", 0, 90'000}}};
  return profile;
}

// The same without merchants, for tokens that a card always gets.
inline Profile Web(Profile profile, std::string name) {
  profile = Shops(std::move(profile), std::move(name));
  profile.domain.merchant = false;
  return profile;
}

// An order, the store that it is of, which every token has, how many things and until which day.
inline Profile Orders(Profile profile, std::string name) {
  profile.name = std::move(name);
  profile.metadata = {{.name = "store", .values = {"berlin", "vienna"}, .required = true},
                      {.name = "order", .type = MetadataType::kUuid},
                      {.name = "count", .type = MetadataType::kInteger, .min = 1, .max = 500},
                      {.name = "day", .type = MetadataType::kDate}};
  return profile;
}

// The tokenizer over a real journal. The store is a parameter: in memory and SQLCipher.
class Service {
 public:
  explicit Service(store::Store& store) : store_(store) { Start(); }

  void Start() {
    audit::JournalOptions options;
    options.origin = "keysvc.example/test";
    options.checkpoint_directory = directory_.path();
    options.answer_within = absl::Seconds(30);
    options.clock = Clock();
    options.steady = [this] { return absl::Milliseconds(now_ms_.load()); };
    auto journal = audit::Journal::Start(store_, *signer_, std::move(options));
    EXPECT_OK(journal);
    journal_ = *std::move(journal);
    tokenizer_ = std::make_unique<Tokenizer>(profiles_, keys_, store_, *journal_, gate_, Clock(),
                                             [this](std::span<std::uint8_t> out) { random_(out); });
  }

  std::function<absl::Time()> Clock() {
    return [this] { return absl::FromUnixMillis(now_ms_.load() + stepped_ms_.load()); };
  }

  policy::Permit PermitFor(std::string_view who, policy::Action action, std::string_view resource,
                           std::string_view purpose = {}) {
    const auto caller = gate_.Identify("spiffe://x/" + std::string(who), "ipv4:192.0.2.7:9");
    return *gate_.Authorize(*caller, action, resource, purpose);
  }

  const Profile& ProfileNamed(std::string_view resource) { return **profiles_.Find(resource); }

  using Tokens = std::vector<absl::StatusOr<TokenName>>;
  using Issued = std::vector<absl::StatusOr<IssuedToken>>;
  using Revealed = std::vector<absl::StatusOr<RevealedCard>>;

  // The value of the call; the outer error when there is no record.
  absl::StatusOr<Issued> Issue(std::vector<absl::StatusOr<CardData>> cards,
                               std::string_view profile, std::string_view request_id = {},
                               std::vector<TokenDomain> domains = {},
                               std::vector<TokenMetadata> metadata = {}) {
    return Wait<Issued>([&](audit::Done<Issued> done) {
      tokenizer_->Tokenize(PermitFor("checkout", policy::Action::kTokenize, profile),
                           ProfileNamed(profile), std::move(cards),
                           {.request_id = std::string(request_id),
                            .trace_id = "trace",
                            .domains = std::move(domains),
                            .metadata = std::move(metadata)},
                           std::move(done));
    });
  }

  // Takes over cards, each with its token or with an empty text.
  absl::StatusOr<Issued> Import(std::vector<absl::StatusOr<CardData>> cards,
                                std::vector<std::string> tokens, std::string_view profile,
                                std::string_view request_id = {},
                                std::vector<TokenMetadata> metadata = {}) {
    return Wait<Issued>([&](audit::Done<Issued> done) {
      tokenizer_->Import(PermitFor("checkout", policy::Action::kImportTokens, profile),
                         ProfileNamed(profile), std::move(cards),
                         {.request_id = std::string(request_id),
                          .trace_id = "trace",
                          .metadata = std::move(metadata),
                          .tokens = std::move(tokens)},
                         std::move(done));
    });
  }

  absl::StatusOr<IssuedToken> ImportOne(std::string_view pan, std::string token,
                                        std::string_view profile,
                                        std::string_view request_id = {}) {
    const auto imported = Import(List(Card(pan)), {std::move(token)}, profile, request_id);
    return imported.ok() ? imported->at(0) : imported.status();
  }

  // The tokens alone.
  absl::StatusOr<Tokens> Tokenize(std::vector<absl::StatusOr<CardData>> cards,
                                  std::string_view profile = kCards,
                                  std::string_view request_id = {}) {
    const auto issued = Issue(std::move(cards), profile, request_id);
    if (!issued.ok()) return issued.status();
    Tokens tokens;
    for (const absl::StatusOr<IssuedToken>& token : *issued) {
      tokens.push_back(token.ok() ? absl::StatusOr<TokenName>(token->name) : token.status());
    }
    return tokens;
  }

  // One card that must become a token.
  TokenName TokenOf(std::string_view pan, std::string_view profile = kCards) {
    auto tokens = Tokenize(List(Card(pan)), profile);
    EXPECT_OK(tokens);
    EXPECT_OK(tokens->at(0));
    return *tokens->at(0);
  }

  absl::StatusOr<Revealed> Detokenize(Tokens tokens, std::string_view who = "settlement",
                                      std::string_view purpose = "settlement",
                                      std::string_view tenant = "acme",
                                      std::vector<TokenUse> uses = {},
                                      std::vector<std::uint32_t> risk_scores = {}) {
    return Wait<Revealed>([&](audit::Done<Revealed> done) {
      tokenizer_->Detokenize(PermitFor(who, policy::Action::kDetokenize,
                                       "tenants/" + std::string(tenant) + "/tokens", purpose),
                             std::string(tenant), std::move(tokens),
                             {.request_id = {},
                              .trace_id = {},
                              .uses = std::move(uses),
                              .risk_scores = std::move(risk_scores)},
                             std::move(done));
    });
  }

  absl::StatusOr<RevealedCard> DetokenizeOne(TokenName token, std::string_view who = "settlement",
                                             std::string_view purpose = "settlement") {
    Tokens tokens;
    tokens.push_back(std::move(token));
    auto revealed = Detokenize(std::move(tokens), who, purpose);
    if (!revealed.ok()) return revealed.status();
    return std::move(revealed->at(0));
  }

  absl::StatusOr<RevealedCard> DetokenizeFor(const TokenUse& use, TokenName token) {
    Tokens tokens;
    tokens.push_back(std::move(token));
    auto revealed = Detokenize(std::move(tokens), "settlement", "settlement", "acme", {use});
    if (!revealed.ok()) return revealed.status();
    return std::move(revealed->at(0));
  }

  // The number of the card that the token opens to, or why it does not.
  std::string NumberOf(TokenName token) {
    const auto card = DetokenizeOne(std::move(token));
    if (!card.ok()) return std::string(InfoOf(*ReasonOf(card.status())).name);
    return std::string(crypto::AsText(card->full->pan.Expose(crypto::SecretAccess::kGranted)));
  }

  absl::StatusOr<Issued> UpdateCards(Tokens tokens, std::vector<absl::StatusOr<CardData>> cards,
                                     std::string_view request_id = {}) {
    return Wait<Issued>([&](audit::Done<Issued> done) {
      tokenizer_->UpdateCards(
          PermitFor("risk", policy::Action::kUpdateTokenCard, "tenants/acme/tokens"), "acme",
          std::move(tokens), std::move(cards), {std::string(request_id), "trace"}, std::move(done));
    });
  }

  absl::StatusOr<IssuedToken> Update(TokenName token, std::string_view pan,
                                     std::string_view request_id = {}) {
    Tokens tokens;
    tokens.push_back(std::move(token));
    const auto updated = UpdateCards(std::move(tokens), List(Card(pan)), request_id);
    return updated.ok() ? updated->at(0) : updated.status();
  }

  using Changes = std::vector<absl::Status>;

  absl::StatusOr<Changes> ChangeState(Tokens tokens, TokenState state,
                                      std::string_view request_id = {}) {
    const policy::Action action = state == TokenState::kActive      ? policy::Action::kResumeToken
                                  : state == TokenState::kSuspended ? policy::Action::kSuspendToken
                                                                    : policy::Action::kDeleteToken;
    return Wait<Changes>([&](audit::Done<Changes> done) {
      tokenizer_->ChangeState(PermitFor("risk", action, "tenants/acme/tokens"), "acme",
                              std::move(tokens), state, {std::string(request_id), "trace"},
                              std::move(done));
    });
  }

  absl::Status Change(TokenName token, TokenState state, std::string_view request_id = {}) {
    Tokens tokens;
    tokens.push_back(std::move(token));
    const auto changed = ChangeState(std::move(tokens), state, request_id);
    return changed.ok() ? changed->at(0) : changed.status();
  }

  using Views = std::vector<absl::StatusOr<TokenView>>;
  absl::StatusOr<Views> DescribeAll(Tokens tokens, std::string_view who = "checkout") {
    return Wait<Views>([&](audit::Done<Views> done) {
      tokenizer_->Describe(PermitFor(who, policy::Action::kGetToken, "tenants/acme/tokens"), "acme",
                           std::move(tokens), {}, std::move(done));
    });
  }
  absl::StatusOr<TokenView> Describe(TokenName token, std::string_view who = "checkout") {
    Tokens tokens;
    tokens.push_back(std::move(token));
    auto views = DescribeAll(std::move(tokens), who);
    return views.ok() ? views->at(0) : views.status();
  }

  // Into a profile of whatever tenant, with a permit for the profile `permitted`, or the same.
  absl::StatusOr<Issued> Convert(Tokens tokens, std::string_view target,
                                 std::string_view request_id = {}, std::string_view permitted = {},
                                 std::vector<TokenUse> uses = {},
                                 std::vector<TokenDomain> domains = {},
                                 std::vector<TokenMetadata> metadata = {}) {
    const std::string tenant = tokens.front().ok() ? tokens.front()->tenant : "acme";
    return Wait<Issued>([&](audit::Done<Issued> done) {
      tokenizer_->Convert(PermitFor("settlement", policy::Action::kConvertToken, TokensOf(tenant)),
                          tenant, std::move(tokens),
                          PermitFor("settlement", policy::Action::kConvertToken,
                                    permitted.empty() ? target : permitted),
                          ProfileNamed(target),
                          {.request_id = std::string(request_id),
                           .trace_id = "trace",
                           .uses = std::move(uses),
                           .domains = std::move(domains),
                           .metadata = std::move(metadata)},
                          std::move(done));
    });
  }

  absl::StatusOr<IssuedToken> ConvertOne(TokenName token, std::string_view target,
                                         std::string_view request_id = {},
                                         std::string_view permitted = {}) {
    const auto made = Convert({std::move(token)}, target, request_id, permitted);
    return made.ok() ? made->at(0) : made.status();
  }

  absl::StatusOr<TokenPage> ListTokens(std::string_view profile, ListingQuery query) {
    return Wait<TokenPage>([&](audit::Done<TokenPage> done) {
      tokenizer_->List(PermitFor("checkout", policy::Action::kListTokens, profile),
                       ProfileNamed(profile), std::move(query), {}, std::move(done));
    });
  }

  using Known = std::vector<absl::StatusOr<KnownToken>>;

  // With a permit for the profile `permitted`, or the same.
  absl::StatusOr<Known> LookUp(std::vector<absl::StatusOr<CardData>> cards,
                               std::string_view profile = kCards, std::string_view permitted = {}) {
    return Wait<Known>([&](audit::Done<Known> done) {
      tokenizer_->LookUp(
          PermitFor("fraud", policy::Action::kLookUpToken, permitted.empty() ? profile : permitted),
          ProfileNamed(profile), std::move(cards), {}, std::move(done));
    });
  }

  absl::StatusOr<KnownToken> LookUpOne(std::string_view pan, std::string_view profile = kCards) {
    const auto known = LookUp(List(Card(pan, "", "")), profile);
    return known.ok() ? known->at(0) : known.status();
  }

  // With a permit for the tenant `permitted`, or the same.
  absl::StatusOr<CardFingerprints> Fingerprint(std::vector<absl::StatusOr<CardData>> cards,
                                               std::string_view tenant = "acme",
                                               std::uint32_t version = 0,
                                               std::string_view permitted = {}) {
    const std::string resource = FingerprintResource(permitted.empty() ? tenant : permitted);
    return Wait<CardFingerprints>([&](audit::Done<CardFingerprints> done) {
      tokenizer_->Fingerprint(PermitFor("checkout", policy::Action::kFingerprintCard, resource),
                              std::string(tenant), std::move(cards), version, {}, std::move(done));
    });
  }

  // Header and body of every record of the action, as JSON.
  std::vector<std::string> RecordsOf(std::string_view action) {
    std::vector<std::string> records;
    const auto frontier = store_.ReadFrontier();
    EXPECT_OK(frontier);
    const auto leaves = store_.ReadLeaves(0, frontier->size);
    EXPECT_OK(leaves);
    for (const store::LeafRow& leaf : *leaves) {
      if (leaf.header.find(action) == std::string::npos) continue;
      records.push_back(leaf.header + "\n" + leaf.body);
    }
    return records;
  }
  std::string LastRecord(std::string_view action) {
    const std::vector<std::string> records = RecordsOf(action);
    return records.empty() ? std::string() : records.back();
  }
  std::size_t Records(std::string_view action) { return RecordsOf(action).size(); }

  store::Store& store_;
  std::atomic<std::int64_t> now_ms_ = 1'700'000'000'000;
  std::atomic<std::int64_t> stepped_ms_ = 0;  // by which the wall clock was set forward
  RandomSource random_ = crypto::FillRandom;  // changed before the first call
  const keysvc::testing::TemporaryDirectory directory_;
  const std::unique_ptr<keysvc::testing::SoftwareSigner> signer_ =
      keysvc::testing::SoftwareSigner::Ed25519();
  const Profiles profiles_ = *Profiles::Create(
      {{"acme", "cards", 1, true},
       {"acme", "one-time", 2, false},
       {"beta", "cards", 1, true},
       LegacyProfile("legacy", 3, 3),
       LegacyProfile("legacy-b", 4, 4),
       {.tenant = "acme",
        .name = "brief",
        .number = 5,
        .time_to_live = absl::Hours(1),
        .grace = absl::Minutes(10)},
       {.tenant = "acme",
        .name = "thrice",
        .number = 6,
        .time_to_live = absl::Hours(24),
        .uses = 3,
        .keep_answers = absl::Hours(31 * 24)},
       {.tenant = "acme", .name = "single", .number = 7, .uses = 1},
       {"acme", "numbers", 8, true, Family::kNumeric},
       {"acme", "many-numbers", 9, false, Family::kNumeric},
       {.tenant = "acme",
        .name = "brief-numbers",
        .number = 10,
        .family = Family::kNumeric,
        .time_to_live = absl::Hours(1),
        .uses = 1},
       NetworkProfile(11),
       Linked({"acme", "linked", 12, true}),
       Linked({"acme", "linked-per-call", 13, false}),
       Linked({"acme", "linked-numbers", 14, false, Family::kNumeric}),
       LinkedNetworkProfile(15),
       Linked(LegacyProfile("linked-legacy", 16, 5)),
       Linked({"beta", "linked", 2, false}, "BETA"),
       Shops({.tenant = "acme", .name = {}, .number = 17}, "shops"),
       Shops({.tenant = "acme", .name = {}, .number = 18, .family = Family::kNumeric},
             "shop-numbers"),
       Shops(NetworkForThreeUses(19), "shop-network"),
       Web({.tenant = "acme", .name = {}, .number = 20, .deterministic = true}, "web"),
       Web(LegacyProfile("web-legacy", 21, 6), "web-legacy"),
       {.tenant = "acme", .name = "merging", .number = 22, .deterministic = true, .merges = true},
       Orders({.tenant = "acme", .name = {}, .number = 23}, "orders"),
       Orders({.tenant = "acme", .name = {}, .number = 24, .family = Family::kNumeric},
              "order-numbers"),
       {"acme", "former", 25, true, Family::kExternal},
       {"acme", "former-per-call", 26, false, Family::kExternal}});
  keysvc::testing::LiteralKeys keys_;
  policy::Gate gate_{ThePolicy()};
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<Tokenizer> tokenizer_;

 private:
  template <typename T, typename Start>
  absl::StatusOr<T> Wait(Start start) {
    std::promise<absl::StatusOr<T>> answered;
    std::future<absl::StatusOr<T>> answer = answered.get_future();
    start([&answered](absl::StatusOr<audit::Recorded<T>> recorded) {
      if (recorded.ok()) {
        answered.set_value(std::move(recorded->value));
      } else {
        answered.set_value(recorded.status());
      }
    });
    return answer.get();
  }
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TESTS_UNIT_TOKENIZER_TOKENIZING_SERVICE_H_
