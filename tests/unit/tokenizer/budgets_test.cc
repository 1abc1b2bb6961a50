#include "tokenizer/budgets.h"

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
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kMinute = 60'000;

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
  EXPECT_THAT(budgets.CountRecords(store_, absl::FromUnixMillis(service_.now_ms_)),
              HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::tokenizer
