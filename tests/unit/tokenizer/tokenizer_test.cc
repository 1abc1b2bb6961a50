#include "tokenizer/tokenizer.h"

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/sqlcipher_store.h"
#include "tests/fakes/literal_keys.h"
#include "tests/fakes/memory_store.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tokenizer/opaque_token.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LiteralKey;
using keysvc::testing::LiteralKeys;
using keysvc::testing::MemoryStore;
using policy::Action;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kVisa = "4111111111111111";
constexpr std::string_view kAmex = "378282246310005";
constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
constexpr char kCards[] = "tenants/acme/tokenProfiles/cards";
constexpr char kOneTime[] = "tenants/acme/tokenProfiles/one-time";

absl::StatusOr<CardData> Card(std::string_view pan, std::string_view expiry = "2030-12",
                              std::string_view name = "Ada Lovelace") {
  return CardData::Parse(crypto::AsBytes(pan), expiry, crypto::AsBytes(name));
}

template <typename... Cards>
std::vector<absl::StatusOr<CardData>> List(Cards... cards) {
  std::vector<absl::StatusOr<CardData>> list;
  (list.push_back(std::move(cards)), ...);
  return list;
}

std::shared_ptr<const policy::Policy> ThePolicy() {
  using policy::PrincipalKind;
  using policy::Reveal;
  policy::Policy policy;
  policy.principals = {
      {"checkout", "spiffe://x/checkout", PrincipalKind::kService, {"tokenizing"}},
      {"settlement", "spiffe://x/settlement", PrincipalKind::kService, {"settling"}},
      {"fraud", "spiffe://x/fraud", PrincipalKind::kService, {"screening"}}};
  policy.rules = {
      {"tokenizes",
       {"tokenizing"},
       {Action::kTokenize, Action::kGetToken},
       {"tenants/*/tokenProfiles/*"},
       {}},
      {"settles", {"settling"}, {Action::kDetokenize}, {kCards}, {"settlement"}, Reveal::kFull},
      {"screens",
       {"screening"},
       {Action::kDetokenize, Action::kGetToken},
       {kCards},
       {},
       Reveal::kMasked},
      {"screens-one-time", {"screening"}, {Action::kDetokenize}, {kOneTime}, {}}};
  return std::make_shared<const policy::Policy>(std::move(policy));
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
    options.steady = [clock = options.clock] { return clock() - absl::UnixEpoch(); };
    auto journal = audit::Journal::Start(store_, *signer_, std::move(options));
    EXPECT_OK(journal);
    journal_ = *std::move(journal);
    tokenizer_ = std::make_unique<Tokenizer>(profiles_, keys_, store_, *journal_, gate_, Clock());
  }

  std::function<absl::Time()> Clock() {
    return [this] { return absl::FromUnixMillis(now_ms_.load()); };
  }

  policy::Permit PermitFor(std::string_view who, Action action, std::string_view resource,
                           std::string_view purpose = {}) {
    const auto caller = gate_.Identify("spiffe://x/" + std::string(who), "ipv4:192.0.2.7:9");
    return *gate_.Authorize(*caller, action, resource, purpose);
  }

  const Profile& ProfileNamed(std::string_view resource) { return **profiles_.Find(resource); }

  using Tokens = std::vector<absl::StatusOr<TokenName>>;
  using Revealed = std::vector<absl::StatusOr<RevealedCard>>;

  // The value of the call; the outer error when there is no record.
  absl::StatusOr<Tokens> Tokenize(std::vector<absl::StatusOr<CardData>> cards,
                                  std::string_view profile = kCards,
                                  std::string_view request_id = {}) {
    return Wait<Tokens>([&](audit::Done<Tokens> done) {
      tokenizer_->Tokenize(PermitFor("checkout", Action::kTokenize, profile), ProfileNamed(profile),
                           std::move(cards), {std::string(request_id), "trace"}, std::move(done));
    });
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
                                      std::string_view tenant = "acme") {
    return Wait<Revealed>([&](audit::Done<Revealed> done) {
      tokenizer_->Detokenize(PermitFor(who, Action::kDetokenize,
                                       "tenants/" + std::string(tenant) + "/tokens", purpose),
                             std::string(tenant), std::move(tokens), {}, std::move(done));
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

  absl::StatusOr<TokenView> Describe(TokenName token, std::string_view who = "checkout") {
    return Wait<TokenView>([&](audit::Done<TokenView> done) {
      tokenizer_->Describe(PermitFor(who, Action::kGetToken, "tenants/acme/tokens"), token, {},
                           std::move(done));
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
  const keysvc::testing::TemporaryDirectory directory_;
  const std::unique_ptr<keysvc::testing::SoftwareSigner> signer_ =
      keysvc::testing::SoftwareSigner::Ed25519();
  const Profiles profiles_ = *Profiles::Create(
      {{"acme", "cards", 1, true}, {"acme", "one-time", 2, false}, {"beta", "cards", 1, true}});
  LiteralKeys keys_;
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

enum class StoreKind { kMemory, kSqlcipher };

class TokenizerTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  TokenizerTest() {
    if (GetParam() == StoreKind::kMemory) {
      store_ = std::make_unique<MemoryStore>();
    } else {
      store::SqlcipherOptions options;
      options.path = directory_.File("store.db");
      options.deployment = "test";
      options.environment = "development";
      auto store = store::CreateSqlcipherStore(options, LiteralKey("database"));
      EXPECT_OK(store);
      store_ = *std::move(store);
    }
    service_ = std::make_unique<Service>(*store_);
  }

  const keysvc::testing::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Service> service_;
};

INSTANTIATE_TEST_SUITE_P(Stores, TokenizerTest,
                         ::testing::Values(StoreKind::kMemory, StoreKind::kSqlcipher),
                         [](const auto& kind) {
                           return kind.param == StoreKind::kMemory ? "Memory" : "Sqlcipher";
                         });

TEST_P(TokenizerTest, ACardComesBackWholeToWhoMaySeeIt) {
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_EQ(token.tenant, "acme");
  const auto card = service_->DetokenizeOne(token);
  ASSERT_OK(card);
  EXPECT_EQ(card->reveal, policy::Reveal::kFull);
  ASSERT_TRUE(card->full.has_value());
  EXPECT_EQ(crypto::AsText(card->full->pan.Expose(crypto::SecretAccess::kGranted)), kVisa);
  EXPECT_EQ(crypto::AsText(card->full->cardholder_name.Expose(crypto::SecretAccess::kGranted)),
            "Ada Lovelace");
  EXPECT_EQ(card->masked_pan, "411111******1111");
  EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
}

TEST_P(TokenizerTest, ThePolicyDecidesHowMuchIsShown) {
  const auto masked = service_->DetokenizeOne(service_->TokenOf(kVisa), "fraud", "");
  ASSERT_OK(masked);
  EXPECT_EQ(masked->masked_pan, "411111******1111");
  EXPECT_FALSE(masked->full.has_value());
  const auto last_four = service_->DetokenizeOne(service_->TokenOf(kVisa, kOneTime), "fraud", "");
  ASSERT_OK(last_four);
  EXPECT_EQ(last_four->reveal, policy::Reveal::kLastFour);
  EXPECT_EQ(last_four->masked_pan, "************1111");
  EXPECT_FALSE(last_four->full.has_value());
}

TEST_P(TokenizerTest, ADeterministicProfileGivesOneTokenForEver) {
  const TokenName first = service_->TokenOf(kVisa);
  EXPECT_EQ(service_->TokenOf(kVisa).token, first.token);
  EXPECT_NE(service_->TokenOf(kAmex).token, first.token);
  EXPECT_NE(service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards").token, first.token);
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  EXPECT_EQ(service_->TokenOf(kVisa).token, first.token);
  EXPECT_OK(service_->DetokenizeOne(first));
}

TEST_P(TokenizerTest, OtherwiseEveryCallGivesANewToken) {
  const TokenName first = service_->TokenOf(kVisa, kOneTime);
  EXPECT_NE(service_->TokenOf(kVisa, kOneTime).token, first.token);
  auto both = service_->Tokenize(List(Card(kVisa), Card(kVisa)), kOneTime);
  ASSERT_OK(both);
  EXPECT_NE((*both)[0]->token, (*both)[1]->token);
}

TEST_P(TokenizerTest, NewTokensAreMadeWithTheNewestKeys) {
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_EQ(*TokenKeyVersion(token.token), 2u);
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->data_key_version, 2u);
}

TEST_P(TokenizerTest, OneBatchOpensTokensOfEveryVersionOfTheirKeys) {
  Service::Tokens tokens;
  tokens.push_back(service_->TokenOf(kVisa));
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  tokens.push_back(service_->TokenOf(kAmex));
  const auto cards = service_->Detokenize(std::move(tokens));
  ASSERT_OK(cards);
  ASSERT_EQ(cards->size(), 2u);
  for (const auto& card : *cards) EXPECT_OK(card);
}

TEST_P(TokenizerTest, ABatchSharesTokensAndFailsItemByItem) {
  auto tokens = service_->Tokenize(
      List(Card(kVisa), Card("4111111111111112"), Card(kAmex), Card(kVisa, "2031-01")));
  ASSERT_OK(tokens);
  ASSERT_EQ(tokens->size(), 4u);
  ASSERT_OK((*tokens)[0]);
  EXPECT_THAT((*tokens)[1], HasReason(Reason::kPanInvalid));
  ASSERT_OK((*tokens)[2]);
  ASSERT_OK((*tokens)[3]);
  EXPECT_EQ((*tokens)[0]->token, (*tokens)[3]->token);
  EXPECT_NE((*tokens)[0]->token, (*tokens)[2]->token);
  const std::string record = service_->LastRecord("TokenService.Tokenize");
  EXPECT_THAT(record, HasSubstr((*tokens)[0]->ToString()));
  EXPECT_THAT(record, HasSubstr("PAN_INVALID"));
}

TEST_P(TokenizerTest, RacesForOneCardEndInOneToken) {
  constexpr int kThreads = 32;
  std::vector<std::thread> threads;
  std::vector<std::string> tokens(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &token = tokens[static_cast<std::size_t>(i)]] {
      auto made = service_->Tokenize(List(Card(kVisa)));
      if (made.ok() && made->at(0).ok()) token = made->at(0)->token;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 1u);
  EXPECT_FALSE(tokens[0].empty());
  EXPECT_EQ(service_->Records("TokenService.Tokenize"), static_cast<std::size_t>(kThreads));
}

TEST_P(TokenizerTest, RacesOfOneRequestEndInOneAnswer) {
  constexpr int kThreads = 16;
  std::vector<std::thread> threads;
  std::vector<std::string> tokens(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &token = tokens[static_cast<std::size_t>(i)]] {
      auto made = service_->Tokenize(List(Card(kVisa)), kOneTime, kRequest);
      if (made.ok() && made->at(0).ok()) token = made->at(0)->token;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 1u);
  EXPECT_FALSE(tokens[0].empty());
}

TEST_P(TokenizerTest, ARepeatedRequestGetsTheSameAnswerAndIsRecordedAgain) {
  const auto ask = [this] {
    return service_->Tokenize(List(Card(kVisa), Card("1")), kOneTime, kRequest);
  };
  auto first = ask();
  auto second = ask();
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ((*first)[0]->token, (*second)[0]->token);
  EXPECT_THAT((*second)[1], HasReason(Reason::kPanInvalid));
  EXPECT_EQ(service_->Records("TokenService.Tokenize"), 2u);
  const std::string record = service_->LastRecord("TokenService.Tokenize");
  EXPECT_THAT(record, HasSubstr("\"repetition\":\"true\""));
  EXPECT_THAT(record, HasSubstr((*first)[0]->ToString()));
  EXPECT_THAT(record, HasSubstr(kRequest));
}

TEST_P(TokenizerTest, AnotherRequestWithTheSameIdIsRefusedAndRecorded) {
  ASSERT_OK(service_->Tokenize(List(Card(kVisa)), kOneTime, kRequest));
  EXPECT_THAT(service_->Tokenize(List(Card(kAmex)), kOneTime, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->Tokenize(List(Card(kVisa)), kCards, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->LastRecord("TokenService.Tokenize"), HasSubstr("REQUEST_ID_REUSED"));
}

TEST_P(TokenizerTest, AnAnswerIsKeptForADay) {
  const auto ask = [this] {
    auto tokens = service_->Tokenize(List(Card(kVisa)), kOneTime, kRequest);
    EXPECT_OK(tokens);
    return tokens->at(0)->token;
  };
  const std::string first = ask();
  constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;
  service_->now_ms_ += kDay - 1;
  EXPECT_EQ(ask(), first);
  service_->now_ms_ += 1;
  EXPECT_NE(ask(), first);
}

TEST_P(TokenizerTest, WhatIsNoTokenOfTheTenantIsNotFound) {
  const TokenName good = service_->TokenOf(kVisa);
  const TokenName foreign = service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards");
  const auto key = *service_->keys_.TokenKey("acme", 1);
  std::string typo = good.token;
  typo[20] = typo[20] == 'a' ? 'b' : 'a';
  const auto forged = *crypto::Aes256Block::Create(LiteralKey("mine"));
  Service::Tokens tokens;
  tokens.push_back(TokenName{"acme", typo});
  tokens.push_back(TokenName{"acme", foreign.token});
  tokens.push_back(foreign);
  tokens.push_back(TokenName{"acme", "4111111111111111"});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 1, *forged)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 9, *key)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 0, *key)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({999'999, 1}, "acme", 1, *key)});
  tokens.push_back(good);
  const auto cards = service_->Detokenize(std::move(tokens));
  ASSERT_OK(cards);
  ASSERT_EQ(cards->size(), 9u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_THAT((*cards)[i], HasReason(Reason::kTokenNotFound)) << i;
    EXPECT_EQ((*cards)[i].status().message(), "no such token");
  }
  EXPECT_OK((*cards)[8]);
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("TOKEN_NOT_FOUND"));
  EXPECT_THAT(record, Not(HasSubstr(kVisa)));
  EXPECT_THAT(record, Not(HasSubstr(typo)));
}

// A store that is put back gives handles again; the restoration has rotated the token key.
TEST_P(TokenizerTest, ATokenFromBeforeARestorationNeverOpensTheCardThatGotItsHandle) {
  const auto old_key = service_->keys_.TokenKey("acme", 1);
  ASSERT_OK(old_key);
  service_->keys_.RotateTokenKey();
  const TokenName later = service_->TokenOf(kVisa);
  const auto handle =
      DecodeOpaqueToken(later.token, "acme", **service_->keys_.TokenKey("acme", 2))->handle;
  const TokenName before{"acme", EncodeOpaqueToken({handle, 1}, "acme", 1, **old_key)};
  const TokenName unknown{"acme", EncodeOpaqueToken({999'999, 1}, "acme", 1, **old_key)};
  const auto gone = service_->DetokenizeOne(before);
  EXPECT_THAT(gone, HasReason(Reason::kTokenNotFound));
  EXPECT_EQ(gone.status(), service_->DetokenizeOne(unknown).status());
  EXPECT_OK(service_->DetokenizeOne(later));
}

TEST_P(TokenizerTest, AProfileThatThePolicyDoesNotAllowIsDeniedItemByItem) {
  Service::Tokens tokens;
  tokens.push_back(service_->TokenOf(kVisa));
  tokens.push_back(service_->TokenOf(kVisa, kOneTime));
  tokens.push_back(Error(Reason::kFieldInvalid, "not a name", "names"));
  const auto cards = service_->Detokenize(std::move(tokens));
  ASSERT_OK(cards);
  EXPECT_OK((*cards)[0]);
  EXPECT_THAT((*cards)[1], HasReason(Reason::kPolicyDenied));
  EXPECT_THAT((*cards)[2], HasReason(Reason::kFieldInvalid));

  EXPECT_THAT(service_->DetokenizeOne(service_->TokenOf(kVisa, kOneTime)),
              HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"), HasSubstr("\"denied\""));
}

TEST_P(TokenizerTest, APermitOpensNothingElse) {
  const TokenName token = service_->TokenOf(kVisa);
  std::promise<Reason> reason;
  const auto take = [&reason](auto recorded) {
    ASSERT_OK(recorded);
    reason.set_value(ReasonOf(recorded->value.status()).value());
  };
  service_->tokenizer_->Tokenize(service_->PermitFor("checkout", Action::kTokenize, kOneTime),
                                 service_->ProfileNamed(kCards), List(Card(kVisa)), {}, take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
  reason = {};
  service_->tokenizer_->Describe(
      service_->PermitFor("fraud", Action::kDetokenize, "tenants/acme/tokens"), token, {}, take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
  reason = {};
  Service::Tokens tokens;
  tokens.push_back(token);
  service_->tokenizer_->Detokenize(
      service_->PermitFor("fraud", Action::kDetokenize, "tenants/acme/tokens"), "beta",
      std::move(tokens), {}, take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
}

TEST_P(TokenizerTest, ATokenIsDescribedWithoutItsCard) {
  const TokenName token = service_->TokenOf(kVisa);
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->profile, kCards);
  EXPECT_EQ(view->masked_pan, "************1111");
  EXPECT_EQ(view->expiry, (Expiry{2030, 12}));
  EXPECT_EQ(view->created, absl::FromUnixMillis(1'700'000'000'000));
  EXPECT_EQ(view->data_key_version, 1u);
  EXPECT_EQ(service_->Describe(token, "fraud")->masked_pan, "411111******1111");
  EXPECT_THAT(service_->Describe(TokenName{"acme", "tok_x"}), HasReason(Reason::kTokenNotFound));
}

TEST_P(TokenizerTest, ARecordHoldsTheFactsAndNoCard) {
  const TokenName token = service_->TokenOf(kVisa);
  const std::string made = service_->LastRecord("TokenService.Tokenize");
  for (const std::string& fact :
       {std::string("\"checkout\""), std::string("spiffe://x/checkout"),
        std::string("ipv4:192.0.2.7:9"), std::string(kCards), std::string("\"tokenizes\""),
        std::string("\"trace\""), std::string("\"data_key_version\":\"1\""), token.ToString(),
        std::string("\"success\"")}) {
    EXPECT_THAT(made, HasSubstr(fact));
  }
  ASSERT_OK(service_->DetokenizeOne(token));
  const std::string revealed = service_->LastRecord("TokenService.Detokenize");
  for (const std::string& fact :
       {std::string("\"settlement\""), std::string("\"settles\""), std::string(kCards),
        std::string("\"reveal\":\"full\""), token.ToString()}) {
    EXPECT_THAT(revealed, HasSubstr(fact));
  }
  for (const std::string& record : {made, revealed}) {
    for (const char* secret : {"4111", "1111", "Ada", "Lovelace", "2030-12"}) {
      EXPECT_THAT(record, Not(HasSubstr(secret)));
    }
  }
}

TEST_P(TokenizerTest, MissingKeysFailTheCallAndAreRecorded) {
  const TokenName token = service_->TokenOf(kVisa);
  for (const Reason reason : {Reason::kHsmUnavailable, Reason::kKeyNotActive}) {
    service_->keys_.Fail(reason);
    EXPECT_THAT(service_->Tokenize(List(Card(kVisa))), HasReason(reason));
    EXPECT_THAT(service_->DetokenizeOne(token), HasReason(reason));
    EXPECT_THAT(service_->LastRecord("TokenService.Tokenize"),
                HasSubstr(std::string(InfoOf(reason).name)));
    service_->keys_.Heal();
  }
  EXPECT_EQ(service_->TokenOf(kVisa).token, token.token);
}

// What needs a store that can be tampered with and fails on demand.
class FaultyStoreTest : public ::testing::Test {
 protected:
  MemoryStore store_;
  Service service_{store_};
};

TEST_F(FaultyStoreTest, WithoutARecordNothingIsRevealed) {
  const TokenName token = service_.TokenOf(kVisa);
  store_.Fail(MemoryStore::Step::kBegin, 1000);
  EXPECT_THAT(service_.Detokenize({token}), HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(service_.Tokenize(List(Card(kAmex))), HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(service_.Describe(token), HasReason(Reason::kAuditUnavailable));
  store_.Heal();
}

TEST_F(FaultyStoreTest, AStoreThatCannotBeReadFailsTheCallAndIsRecorded) {
  store_.Fail(MemoryStore::Step::kRead);
  EXPECT_THAT(service_.Tokenize(List(Card(kVisa))), HasReason(Reason::kStoreUnavailable));
  EXPECT_THAT(service_.LastRecord("TokenService.Tokenize"), HasSubstr("STORE_UNAVAILABLE"));
}

TEST_F(FaultyStoreTest, ATamperedRowIsNeverRevealedNorNamedAgain) {
  const TokenName visa = service_.TokenOf(kVisa);
  const TokenName amex = service_.TokenOf(kAmex);
  const auto change = [&](auto&& with) {
    store_.Tamper([&](MemoryStore::Rows& rows) { with(rows.tokens.begin()->second); });
    EXPECT_THAT(service_.DetokenizeOne(visa), HasReason(Reason::kIntegrityFailure));
    const auto again = service_.Tokenize(List(Card(kVisa), Card(kAmex)));
    ASSERT_OK(again);
    EXPECT_THAT((*again)[0], HasReason(Reason::kIntegrityFailure));
    EXPECT_OK((*again)[1]);
    EXPECT_OK(service_.DetokenizeOne(amex));
  };
  const store::TokenRow good = store_.Snapshot().tokens.begin()->second;
  change([](store::TokenRow& row) { row.state = 2; });
  change([&](store::TokenRow& row) {
    row = good;
    ++row.revision;
  });
  change([&](store::TokenRow& row) {
    row = good;
    row.created_ms += 1;
  });
  change([&](store::TokenRow& row) {
    row = good;
    row.sealed.back() ^= 1;
  });
  store_.Tamper([&](MemoryStore::Rows& rows) { rows.tokens.begin()->second = good; });
  EXPECT_EQ(service_.TokenOf(kVisa).token, visa.token);
}

TEST_F(FaultyStoreTest, AnIndexThatLeadsToAnotherCardIsNoticed) {
  (void)service_.TokenOf(kVisa);
  (void)service_.TokenOf(kAmex);
  store_.Tamper([](MemoryStore::Rows& rows) {
    auto first = rows.tokens.begin();
    auto second = std::next(first);
    std::swap(first->second.pan_index, second->second.pan_index);
    for (auto& [index, handle] : rows.pan_indexes) {
      handle = handle == first->first ? second->first : first->first;
    }
  });
  const auto tokens = service_.Tokenize(List(Card(kVisa), Card(kAmex)));
  ASSERT_OK(tokens);
  EXPECT_THAT((*tokens)[0], HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT((*tokens)[1], HasReason(Reason::kIntegrityFailure));
}

// Hides the rows of the PAN index, as a writer does who comes in between look-up and commit.
class HidingStore : public MemoryStore {
 public:
  std::atomic<int> hidden = 0;
  std::atomic<int> lookups = 0;

  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes) override {
    ++lookups;
    if (hidden > 0) {
      --hidden;
      return std::vector<std::optional<store::TokenRow>>(pan_indexes.size());
    }
    return MemoryStore::FindTokensByPanIndex(tenant, profile, index_version, pan_indexes);
  }
};

TEST(ConflictTest, AfterAConflictTheCallLooksAgain) {
  HidingStore store;
  Service service(store);
  const TokenName first = service.TokenOf(kVisa);
  store.hidden = 4;
  store.lookups = 0;
  EXPECT_EQ(service.TokenOf(kVisa).token, first.token);
  EXPECT_EQ(store.lookups, 5);
  EXPECT_EQ(store.Snapshot().tokens.size(), 1u);
  EXPECT_EQ(service.Records("TokenService.Tokenize"), 2u);
}

TEST(ConflictTest, AfterFiveConflictsTheCallGivesUpAndSaysSo) {
  HidingStore store;
  Service service(store);
  (void)service.TokenOf(kVisa);
  store.hidden = 1000;
  store.lookups = 0;
  EXPECT_THAT(service.Tokenize(List(Card(kVisa))), HasReason(Reason::kConflict));
  EXPECT_EQ(store.lookups, 5);
  EXPECT_THAT(service.LastRecord("TokenService.Tokenize"), HasSubstr("CONFLICT"));
}

TEST(TokenNameTest, IsReadToTheLetter) {
  const auto name = TokenName::Parse("tenants/acme/tokens/tok_x");
  ASSERT_OK(name);
  EXPECT_EQ(name->tenant, "acme");
  EXPECT_EQ(name->token, "tok_x");
  EXPECT_EQ(name->ToString(), "tenants/acme/tokens/tok_x");
  for (const char* wrong :
       {"", "tok_x", "tenants/acme/tokens/", "tenants//tokens/tok_x", "tenants/acme/tokens",
        "tenants/acme/tokens/a/b", "/tenants/acme/tokens/tok_x", "tenants/a/b/tokens/tok_x",
        "tenants/acme/keys/tok_x", "tenants/acme/tokens/tok_x/"}) {
    EXPECT_THAT(TokenName::Parse(wrong), HasReason(Reason::kFieldInvalid)) << wrong;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
