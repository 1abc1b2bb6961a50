#include "tokenizer/budgets.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/budget_history.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

class BudgetsTest : public ::testing::Test {
 protected:
  static TokenName Wrong() { return {"acme", "tok_" + std::string(34, 'a')}; }

  // So many calls that name a token which there is not.
  void Miss(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_THAT(service_.DetokenizeOne(Wrong()), HasReason(Reason::kTokenNotFound)) << i;
    }
  }

  void Pass(std::int64_t minutes) { service_.now_ms_ += minutes * kMinute; }
  void PassHours(std::int64_t hours) { service_.now_ms_ += hours * kHour; }

  // Nothing is left of the process but what it committed.
  void Restart() {
    service_.tokenizer_.reset();
    service_.journal_.reset();
    service_.Start();
    ASSERT_OK(service_.tokenizer_->CountRecords());
  }

  void SetLimits(const policy::Limits& limits) {
    policy::Policy policy = *ThePolicy();
    for (policy::Rule& rule : policy.rules) rule.limits = limits;
    service_.gate_.Replace(std::make_shared<const policy::Policy>(std::move(policy)));
  }

  keysvc::testing::MemoryStore store_;
  Service service_{store_};
};

TEST_F(BudgetsTest, AfterFiftyWrongTokensInAnHourNoTokenIsReadRightOrWrong) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(50);
  EXPECT_THAT(service_.DetokenizeOne(Wrong()), HasReason(Reason::kMissesExhausted));
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  EXPECT_EQ(service_.DetokenizeOne(right).status(), service_.DetokenizeOne(Wrong()).status());
  Pass(59);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  Pass(2);
  EXPECT_OK(service_.DetokenizeOne(right));
}

TEST_F(BudgetsTest, WhatIsUsedUpComesFreeWhereverTheWallClockIsSet) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(50);
  service_.stepped_ms_ = -25 * kHour;
  Pass(59);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  Pass(2);
  EXPECT_OK(service_.DetokenizeOne(right));
  Miss(50);
  service_.stepped_ms_ = 25 * kHour;
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, TheRefusalIsADenialInTheLogThatDoesNotNameTheToken) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(50);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  const std::string record = service_.LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"denied\""));
  EXPECT_THAT(record, HasSubstr("\"reason\":\"MISSES_EXHAUSTED\""));
  EXPECT_THAT(record, HasSubstr("\"actor\":\"settlement\""));
  EXPECT_THAT(record, Not(HasSubstr(right.token)));
}

TEST_F(BudgetsTest, EveryCallerHasItsOwnAndAllItsWaysOfNamingTokensShareIt) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(50);
  EXPECT_OK(service_.DetokenizeOne(right, "fraud", ""));
  for (int i = 0; i < 25; ++i) {
    EXPECT_THAT(service_.Describe(Wrong(), "fraud"), HasReason(Reason::kTokenNotFound));
    EXPECT_THAT(service_.DetokenizeOne(Wrong(), "fraud", ""), HasReason(Reason::kTokenNotFound));
  }
  EXPECT_THAT(service_.Describe(right, "fraud"), HasReason(Reason::kMissesExhausted));
  EXPECT_THAT(service_.DetokenizeOne(right, "fraud", ""), HasReason(Reason::kMissesExhausted));
  EXPECT_OK(service_.Describe(right, "checkout"));
}

TEST_F(BudgetsTest, WhatIsLeftOfABatchIsRefusedRightOrWrong) {
  const TokenName right = service_.TokenOf(kVisa);
  Service::Tokens names;
  for (int i = 0; i < 49; ++i) names.push_back(Wrong());
  names.push_back(right);
  for (int i = 0; i < 2; ++i) names.push_back(Wrong());
  names.push_back(right);
  const auto cards = service_.Detokenize(std::move(names));
  ASSERT_OK(cards);
  EXPECT_THAT(cards->at(48), HasReason(Reason::kTokenNotFound));
  EXPECT_OK(cards->at(49));
  EXPECT_THAT(cards->at(50), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(cards->at(51), HasReason(Reason::kMissesExhausted));
  EXPECT_THAT(cards->at(52), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, AHundredthOfTheTokensOfABusyCallerMayBeWrong) {
  const TokenName right = service_.TokenOf(kVisa);
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(service_.Detokenize(Service::Tokens(100, right)));
  }
  Miss(100);
  EXPECT_OK(service_.DetokenizeOne(right));
  Miss(1);  // the hundredth has grown by what was wrong
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, ATokenOfDigitsWithAWrongSumIsAWrongToken) {
  const auto made = service_.Tokenize(List(Card(kVisa, "", "")), kLegacy);
  ASSERT_OK(made);
  TokenName token = made->at(0).value();
  token.profile = kLegacy;
  TokenName wrong = token;
  wrong.token.back() = static_cast<char>(token.token.back() == '9' ? '0' : '9');
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(service_.DetokenizeOne(wrong), HasReason(Reason::kTokenNotFound));
  }
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, DigitsThatAreNoTokenOfTheNamedProfileAreAWrongToken) {
  TokenName token = service_.TokenOf(kVisa, kNumbers);
  token.profile = kNumbers;
  // The number of a card counts too, although it is not looked for.
  for (int i = 0; i < 25; ++i) {
    for (const std::string_view digits : {std::string_view("4111111111111112"), kVisa}) {
      const TokenName wrong{"acme", std::string(digits), kNumbers};
      EXPECT_THAT(service_.DetokenizeOne(wrong), HasReason(Reason::kTokenNotFound));
    }
  }
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, WhatFailsForAnotherCauseIsNoMiss) {
  const TokenName right = service_.TokenOf(kVisa);
  service_.keys_.Fail(Reason::kHsmUnavailable);
  for (int i = 0; i < 60; ++i) {
    EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kHsmUnavailable));
  }
  service_.keys_.Heal();
  EXPECT_OK(service_.DetokenizeOne(right));
}

TEST_F(BudgetsTest, TheRuleSaysHowMany) {
  const TokenName right = service_.TokenOf(kVisa);
  SetLimits({.misses = {.count = 3, .percent = 0}});
  ASSERT_OK(service_.Detokenize(Service::Tokens(1000, right)));
  Miss(3);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  SetLimits({.misses = {.count = 3, .percent = 1}});
  EXPECT_OK(service_.DetokenizeOne(right));
}

TEST_F(BudgetsTest, AClockSetForwardFreesNothing) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(50);
  service_.stepped_ms_ += 120 * kMinute;
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, NoRaceHearsOfMoreWrongTokensThanAreAllowed) {
  const TokenName right = service_.TokenOf(kVisa);
  std::atomic<int> heard = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> callers;
  callers.reserve(64);
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      for (int call = 0; call < 5; ++call) {
        const auto cards = service_.Detokenize(Service::Tokens(i % 2 == 0 ? 1 : 10, Wrong()));
        if (!cards.ok()) {
          EXPECT_THAT(cards, HasReason(Reason::kMissesExhausted));
          ++refused;
          continue;
        }
        for (const auto& card : *cards) {
          heard += ReasonOf(card.status()) == Reason::kTokenNotFound ? 1 : 0;
          refused += ReasonOf(card.status()) == Reason::kMissesExhausted ? 1 : 0;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(heard, 50);
  EXPECT_GT(refused, 0);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, ARestartFreesNothing) {
  const TokenName right = service_.TokenOf(kVisa);
  Miss(30);
  Pass(40);
  ASSERT_OK(service_.Detokenize(Service::Tokens(20, Wrong())));
  Restart();
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
  EXPECT_OK(service_.DetokenizeOne(right, "fraud", ""));
  Pass(22);
  EXPECT_OK(service_.DetokenizeOne(right));
  Miss(30);
  EXPECT_THAT(service_.DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, ARestartKnowsWrongTokensByEveryActionThatNamesThem) {
  const TokenName right = service_.TokenOf(kVisa);
  for (const TokenState state :
       {TokenState::kSuspended, TokenState::kActive, TokenState::kDeleted}) {
    ASSERT_OK(service_.ChangeState(Service::Tokens(17, Wrong()), state));
  }
  Restart();
  EXPECT_THAT(service_.Change(right, TokenState::kSuspended), HasReason(Reason::kMissesExhausted));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(service_.Describe(Wrong(), "fraud"), HasReason(Reason::kTokenNotFound));
  }
  Restart();
  EXPECT_THAT(service_.Describe(right, "fraud"), HasReason(Reason::kMissesExhausted));
}

TEST_F(BudgetsTest, ARepeatedRequestIsCountedOnceAlsoByARestart) {
  const TokenName right = service_.TokenOf(kVisa);
  const Service::Tokens names = {right, Wrong()};
  constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
  for (int i = 0; i < 60; ++i) {
    ASSERT_OK(service_.ChangeState(names, TokenState::kSuspended, kRequest));
  }
  EXPECT_OK(service_.Change(right, TokenState::kActive));
  Restart();
  EXPECT_OK(service_.Change(right, TokenState::kSuspended));
}

TEST_F(BudgetsTest, ARestartTakesNothingFromABusyCaller) {
  const TokenName right = service_.TokenOf(kVisa);
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(service_.Detokenize(Service::Tokens(100, right)));
  }
  Miss(90);
  Restart();
  Miss(10);
  EXPECT_OK(service_.DetokenizeOne(right));
}

TEST_F(BudgetsTest, WhatTheLogSaysIsCountedWholeOrTheStartFails) {
  Miss(50);
  service_.tokenizer_.reset();
  service_.journal_.reset();
  store_.Tamper([](keysvc::testing::MemoryStore::Rows& rows) {
    for (auto& [index, leaf] : rows.leaves) {
      if (leaf.body.find("TOKEN_NOT_FOUND") != std::string::npos) leaf.body.back() = ' ';
    }
  });
  Budgets budgets;
  EXPECT_THAT(RecountBudgets(store_, service_.profiles_, service_.keys_, *ThePolicy(),
                             absl::FromUnixMillis(service_.now_ms_), budgets),
              HasReason(Reason::kIntegrityFailure));
}

policy::Limits Reveals(std::vector<policy::Budget> reveals) {
  policy::Limits limits;
  limits.reveals = std::move(reveals);
  return limits;
}

policy::Limits DistinctCardsOf(std::uint32_t count) {
  policy::Limits limits;
  limits.distinct_cards = policy::Budget{.count = count, .window = absl::Hours(24)};
  return limits;
}

TEST_F(BudgetsTest, ARuleRevealsAsManyCardsAsEachOfItsWindowsLets) {
  const TokenName token = service_.TokenOf(kVisa);
  SetLimits(Reveals({{3, absl::Minutes(10)}, {5, absl::Hours(2)}}));
  for (int i = 0; i < 3; ++i) EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kRevealsExhausted));
  Pass(11);
  for (int i = 0; i < 2; ++i) EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kRevealsExhausted));
  Pass(100);
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kRevealsExhausted));
  Pass(10);
  EXPECT_OK(service_.DetokenizeOne(token));
}

TEST_F(BudgetsTest, EveryCallerOfARuleHasItsOwnRevealsAndOtherActionsTakeNone) {
  const TokenName token = service_.TokenOf(kVisa);
  SetLimits(Reveals({{1, absl::Hours(1)}}));
  EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_OK(service_.DetokenizeOne(token, "fraud", ""));
  EXPECT_THAT(service_.DetokenizeOne(token, "fraud", ""), HasReason(Reason::kRevealsExhausted));
  EXPECT_OK(service_.Describe(token, "fraud"));
}

TEST_F(BudgetsTest, WhatIsRefusedIsNotOpenedAndSaysNothingOfTheCard) {
  const TokenName token = service_.TokenOf(kVisa);
  const TokenName other = service_.TokenOf(kAmex);
  SetLimits(Reveals({{1, absl::Hours(1)}}));
  EXPECT_OK(service_.DetokenizeOne(token));
  // Opening it would find that it was changed.
  store_.Tamper([](keysvc::testing::MemoryStore::Rows& rows) {
    for (auto& [handle, row] : rows.tokens)
      row.sealed.back() = static_cast<char>(row.sealed.back() ^ 1);
  });
  EXPECT_THAT(service_.DetokenizeOne(other), HasReason(Reason::kRevealsExhausted));
  const std::string record = service_.LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"denied\""));
  EXPECT_THAT(record, HasSubstr("\"reason\":\"REVEALS_EXHAUSTED\""));
}

TEST_F(BudgetsTest, WhatIsNotRevealedTakesNothing) {
  const TokenName token = service_.TokenOf(kVisa);
  SetLimits(Reveals({{1, absl::Hours(1)}}));
  service_.keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kHsmUnavailable));
  service_.keys_.Heal();
  EXPECT_THAT(service_.DetokenizeOne(Wrong()), HasReason(Reason::kTokenNotFound));
  EXPECT_OK(service_.DetokenizeOne(token));
}

TEST_F(BudgetsTest, ABatchRevealsUpToTheLimit) {
  const TokenName token = service_.TokenOf(kVisa);
  SetLimits(Reveals({{3, absl::Hours(1)}}));
  const auto cards = service_.Detokenize(Service::Tokens(5, token));
  ASSERT_OK(cards);
  EXPECT_OK(cards->at(2));
  EXPECT_THAT(cards->at(3), HasReason(Reason::kRevealsExhausted));
  EXPECT_THAT(cards->at(4), HasReason(Reason::kRevealsExhausted));
}

TEST_F(BudgetsTest, OnlySoManyDifferentCardsAreRevealedAndThoseAgain) {
  const TokenName visa = service_.TokenOf(kVisa);
  const TokenName amex = service_.TokenOf(kAmex);
  const TokenName third = service_.TokenOf("5555555555554444");
  SetLimits(DistinctCardsOf(2));
  EXPECT_OK(service_.DetokenizeOne(visa));
  EXPECT_OK(service_.DetokenizeOne(amex));
  EXPECT_THAT(service_.DetokenizeOne(third), HasReason(Reason::kRevealsExhausted));
  EXPECT_OK(service_.DetokenizeOne(visa));
}

TEST_F(BudgetsTest, ATokenThatIsSuspendedExpiredOrUsedUpTakesNoReveal) {
  const TokenName suspended = service_.TokenOf(kVisa);
  const TokenName brief = service_.TokenOf(kVisa, kBrief);
  const TokenName single = service_.TokenOf(kVisa, kSingle);
  ASSERT_OK(service_.Change(suspended, TokenState::kSuspended));
  Pass(61);
  SetLimits(Reveals({{2, absl::Hours(1)}}));
  EXPECT_OK(service_.DetokenizeOne(single));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(service_.DetokenizeOne(suspended), HasReason(Reason::kTokenSuspended));
    EXPECT_THAT(service_.DetokenizeOne(brief), HasReason(Reason::kTokenExpired));
    EXPECT_THAT(service_.DetokenizeOne(single), HasReason(Reason::kTokenExhausted));
  }
  ASSERT_OK(service_.Change(suspended, TokenState::kActive));
  EXPECT_OK(service_.DetokenizeOne(suspended));
  EXPECT_THAT(service_.DetokenizeOne(suspended), HasReason(Reason::kRevealsExhausted));
}

TEST_F(BudgetsTest, WhatTheLimitRefusesUsesNothingUp) {
  const TokenName token = service_.TokenOf(kVisa, kThrice);
  SetLimits(Reveals({{1, absl::Hours(1)}}));
  EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kRevealsExhausted));
  SetLimits({});
  EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kTokenExhausted));
}

// Of a batch that two rules allow each item is counted for its own, now and by a restart.
TEST_F(BudgetsTest, EachItemOfABatchTakesFromTheRuleThatAllowsIt) {
  const TokenName often = service_.TokenOf(kVisa);
  const TokenName once = service_.TokenOf(kVisa, kOneTime);
  SetLimits(Reveals({{5, absl::Hours(24)}}));
  for (const bool restarts : {false, true}) {
    const auto cards = service_.Detokenize({often, Wrong(), once, often}, "fraud", "");
    ASSERT_OK(cards);
    EXPECT_OK(cards->at(0));
    EXPECT_OK(cards->at(2));
    EXPECT_OK(cards->at(3));
    if (restarts) Restart();
  }
  const std::string record = service_.LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("\"rule\":\"screens,screens-one-time\""));
  EXPECT_THAT(record,
              HasSubstr(once.ToString() + "\",\"reveal\":\"last4\",\"rule\":\"screens-one-time\""));
  EXPECT_THAT(record,
              HasSubstr(often.ToString() + "\",\"reveal\":\"masked\",\"rule\":\"screens\""));
  EXPECT_OK(service_.DetokenizeOne(often, "fraud", ""));
  EXPECT_THAT(service_.DetokenizeOne(often, "fraud", ""), HasReason(Reason::kRevealsExhausted));
  for (int i = 0; i < 3; ++i) EXPECT_OK(service_.DetokenizeOne(once, "fraud", ""));
  EXPECT_THAT(service_.DetokenizeOne(once, "fraud", ""), HasReason(Reason::kRevealsExhausted));
}

TEST_F(BudgetsTest, NoRaceRevealsMoreThanTheLimit) {
  const TokenName token = service_.TokenOf(kVisa);
  SetLimits(Reveals({{100, absl::Hours(1)}}));
  std::atomic<int> revealed = 0;
  std::vector<std::thread> callers;
  callers.reserve(64);
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      for (int call = 0; call < 4; ++call) {
        const auto cards = service_.Detokenize(Service::Tokens(i % 2 == 0 ? 1 : 10, token));
        ASSERT_OK(cards);
        for (const auto& card : *cards) revealed += card.ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(revealed, 100);
}

TEST_F(BudgetsTest, NoRaceRevealsMoreDifferentCardsThanTheLimit) {
  std::vector<TokenName> tokens;
  tokens.reserve(64);
  for (int i = 0; i < 64; ++i) tokens.push_back(service_.TokenOf(kVisa, kOneTime));
  SetLimits(DistinctCardsOf(10));
  std::vector<std::atomic<int>> revealed(tokens.size());
  std::vector<std::thread> callers;
  callers.reserve(64);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    callers.emplace_back([&, i] {
      for (const std::size_t which : {i, (i + 1) % tokens.size(), i}) {
        revealed[which] += service_.DetokenizeOne(tokens[which], "fraud", "").ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(std::count_if(revealed.begin(), revealed.end(), [](int times) { return times > 0; }),
            10);
}

TEST_F(BudgetsTest, ARestartGivesBackNoReveals) {
  const TokenName visa = service_.TokenOf(kVisa);
  const TokenName amex = service_.TokenOf(kAmex);
  policy::Limits limits = Reveals({{5, absl::Hours(24)}});
  limits.distinct_cards = policy::Budget{.count = 1, .window = absl::Hours(12)};
  SetLimits(limits);
  ASSERT_OK(service_.Detokenize(Service::Tokens(3, visa)));
  PassHours(11);
  Restart();
  EXPECT_THAT(service_.DetokenizeOne(amex), HasReason(Reason::kRevealsExhausted));
  EXPECT_OK(service_.DetokenizeOne(visa));
  EXPECT_OK(service_.DetokenizeOne(visa));
  EXPECT_THAT(service_.DetokenizeOne(visa), HasReason(Reason::kRevealsExhausted));
  Pass(13 * 60 + 2);
  Restart();
  EXPECT_OK(service_.DetokenizeOne(visa));
}

class GuessTest : public BudgetsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  absl::Status Guess(int number) {
    const auto tokens = service_.Tokenize(List(Card(LookAlike(number), "", "")), GetParam());
    return tokens.ok() ? tokens->at(0).status() : tokens.status();
  }
};

INSTANTIATE_TEST_SUITE_P(Profiles, GuessTest,
                         ::testing::Values(kCards, kNumbers, kLegacy, kLinked, kLinkedPerCall,
                                           kLinkedNetwork, kLinkedLegacy),
                         [](const auto& profile) {
                           std::string name(profile.param);
                           name.erase(0, name.rfind('/') + 1);
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(GuessTest, AMaskedCardIsNotFoundByTryingAllThatLookLikeIt) {
  int answered = 0;
  int refused = 0;
  for (int number = 0; number < 1000; ++number) {
    const absl::Status told = Guess(number);
    answered += told.ok() ? 1 : 0;
    refused += ReasonOf(told) == Reason::kGuessesExhausted ? 1 : 0;
  }
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(refused, 980);
  const std::string record = service_.LastRecord("TokenService.Tokenize");
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"denied\""));
  EXPECT_THAT(record, HasSubstr("\"reason\":\"GUESSES_EXHAUSTED\""));
}

TEST_P(GuessTest, NoRaceHearsOfMoreCardsThanAreAllowed) {
  std::atomic<int> told = 0;
  std::vector<std::thread> callers;
  callers.reserve(64);
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      for (int call = 0; call < 4; ++call) told += Guess(i * 4 + call).ok() ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(told, 20);
}

TEST_P(GuessTest, TheItemsOfABatchAreGuessesEach) {
  std::vector<absl::StatusOr<CardData>> cards;
  cards.reserve(30);
  for (int number = 0; number < 30; ++number) cards.push_back(Card(LookAlike(number), "", ""));
  cards.push_back(Card("4111111111111111", "", ""));
  cards.push_back(Card("4012888888881881", "", ""));
  const auto tokens = service_.Tokenize(std::move(cards), GetParam());
  ASSERT_OK(tokens);
  EXPECT_OK(tokens->at(19));
  EXPECT_THAT(tokens->at(20), HasReason(Reason::kGuessesExhausted));
  EXPECT_THAT(tokens->at(30), HasReason(Reason::kGuessesExhausted));
  EXPECT_OK(tokens->at(31));
}

TEST_P(GuessTest, OnlyCardsOfTheSameMaskedViewAreLimited) {
  for (int number = 0; number < 20; ++number) ASSERT_OK(Guess(number));
  EXPECT_THAT(Guess(20), HasReason(Reason::kGuessesExhausted));
  // Of the BIN with other last four, and of another BIN with these last four.
  for (const std::string& other : {LookAlike(20, "411111", "1112"), LookAlike(20, "411112")}) {
    const auto tokens = service_.Tokenize(List(Card(other, "", "")), GetParam());
    ASSERT_OK(tokens);
    EXPECT_OK(tokens->at(0)) << other;
  }
}

TEST_P(GuessTest, ARestartFreesNoGuesses) {
  for (int number = 0; number < 12; ++number) ASSERT_OK(Guess(number));
  Restart();
  for (int number = 12; number < 20; ++number) EXPECT_OK(Guess(number));
  EXPECT_OK(Guess(3));
  EXPECT_THAT(Guess(20), HasReason(Reason::kGuessesExhausted));
  PassHours(36);
  EXPECT_OK(Guess(20));
}

TEST_P(GuessTest, ARefusalTellsNothingOfTheCardAndWritesNone) {
  for (int number = 0; number < 20; ++number) ASSERT_OK(Guess(number));
  const auto rows = store_.Snapshot().tokens.size();
  EXPECT_THAT(Guess(20), HasReason(Reason::kGuessesExhausted));
  EXPECT_EQ(Guess(0), Guess(20));
  EXPECT_EQ(store_.Snapshot().tokens.size(), rows);
}

TEST_F(BudgetsTest, ARequestWhoseCardsWereRefusedMayBeRepeated) {
  constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
  policy::Limits limits;
  limits.guesses.count = 1;
  SetLimits(limits);
  const auto cards = [] { return List(Card(LookAlike(1)), Card(LookAlike(2)), Card(kAmex)); };
  const auto first = service_.Tokenize(cards(), kCards, kRequest);
  ASSERT_OK(first);
  EXPECT_OK(first->at(0));
  EXPECT_THAT(first->at(1), HasReason(Reason::kGuessesExhausted));
  EXPECT_OK(first->at(2));
  PassHours(36);
  const auto again = service_.Tokenize(cards(), kCards, kRequest);
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->token, first->at(0)->token);
}

// Neither in a profile that gives equal cards other tokens.
TEST_F(BudgetsTest, ACardIsNotFoundByRepeatingItsRequestWithAllThatLookLikeIt) {
  const std::pair<const char*, const char*> requests[] = {
      {kOneTime, "11111111-2222-4333-8444-555555555555"},
      {kCards, "22222222-2222-4333-8444-555555555555"}};
  for (const auto& [profile, request] : requests) {
    ASSERT_OK(service_.Tokenize(List(Card(LookAlike(500))), profile, request));
    int told = 0;
    for (int number = 0; number < 100; ++number) {
      const auto tokens = service_.Tokenize(List(Card(LookAlike(number))), profile, request);
      told += ReasonOf(tokens.status()) == Reason::kRequestIdReused ? 1 : 0;
    }
    EXPECT_EQ(told, 20) << profile;
    EXPECT_THAT(service_.Tokenize(List(Card(LookAlike(500))), profile, request),
                HasReason(Reason::kGuessesExhausted));
  }
}

TEST_F(BudgetsTest, ARequestMayBeRepeatedAnyNumberOfTimes) {
  constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
  for (int i = 0; i < 60; ++i) {
    EXPECT_OK(service_.Tokenize(List(Card(kVisa), Card(kVisa)), kOneTime, kRequest));
  }
}

TEST_F(BudgetsTest, ARequestOfOneCardManyTimesMayBeRepeated) {
  constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
  for (int call = 0; call < 2; ++call) {
    std::vector<absl::StatusOr<CardData>> cards;
    cards.reserve(25);
    for (int i = 0; i < 25; ++i) cards.push_back(Card(kVisa));
    const auto tokens = service_.Tokenize(std::move(cards), kOneTime, kRequest);
    ASSERT_OK(tokens);
    ASSERT_OK(tokens->at(24));
  }
}

TEST_F(BudgetsTest, ACardIsNotFoundByFingerprintsOfAllThatLookLikeIt) {
  int answered = 0;
  for (int first = 0; first < 500; first += 50) {
    std::vector<absl::StatusOr<CardData>> cards;
    cards.reserve(50);
    for (int i = 0; i < 50; ++i) cards.push_back(Card(LookAlike(first + i), "", ""));
    const auto made = service_.Fingerprint(std::move(cards));
    ASSERT_OK(made);
    for (const auto& fingerprint : made->fingerprints) {
      answered += fingerprint.ok() ? 1 : 0;
      EXPECT_TRUE(fingerprint.ok() || ReasonOf(fingerprint.status()) == Reason::kGuessesExhausted);
    }
  }
  EXPECT_EQ(answered, 20);
  // Also one that was answered before. Tokens are another matter.
  EXPECT_THAT(service_.Fingerprint(List(Card(LookAlike(3), "", "")))->fingerprints[0],
              HasReason(Reason::kGuessesExhausted));
  EXPECT_OK(service_.Tokenize(List(Card(LookAlike(400))))->at(0));
}

// Whatever the profile that it is asked for in: the references of a tenant are all the same.
TEST_F(BudgetsTest, ACardIsNotFoundByAccountReferencesOfAllThatLookLikeIt) {
  int told = 0;
  for (int number = 0; number < 100; ++number) {
    const char* profile = number % 2 == 0 ? kLinked : kLinkedPerCall;
    const auto tokens = service_.Tokenize(List(Card(LookAlike(number))), profile);
    ASSERT_OK(tokens);
    told += tokens->at(0).ok() ? 1 : 0;
    if (number == 12) Restart();
  }
  EXPECT_EQ(told, 20);
  // Nor by looking up what somebody else tokenized.
  ASSERT_OK(service_.LookUpOne(LookAlike(2), kLinked));
  for (int number = 0; number < 20; ++number) (void)service_.LookUpOne(LookAlike(number), kLinked);
  EXPECT_THAT(service_.LookUpOne(LookAlike(99), kLinked), HasReason(Reason::kGuessesExhausted));
}

TEST_F(BudgetsTest, ATokenPerCallTellsNothingAndIsNotLimited) {
  for (int number = 0; number < 100; ++number) {
    const auto tokens = service_.Tokenize(List(Card(LookAlike(number))), kOneTime);
    ASSERT_OK(tokens);
    ASSERT_OK(tokens->at(0));
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
