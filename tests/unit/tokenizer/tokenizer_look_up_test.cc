#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

class LookUpTest : public ::testing::Test {
 protected:
  void Pass(std::int64_t minutes) { service_.now_ms_ += minutes * 60'000; }

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

  // Cards of different last four that have no token.
  absl::Status LookUpUnknown(int number) {
    const std::string four = std::to_string(1000 + number);
    return service_.LookUpOne(LookAlike(number, "411111", four)).status();
  }

  MemoryStore store_;
  Service service_{store_};
};

class LookUpInProfileTest : public LookUpTest, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Profiles, LookUpInProfileTest, ::testing::Values(kCards, kNumbers),
                         [](const auto& profile) {
                           return profile.param == kCards ? "Opaque" : "Numeric";
                         });

TEST_P(LookUpInProfileTest, ACardsTokenIsFoundAndNoneIsMadeForOneWithout) {
  const TokenName token = service_.TokenOf(kVisa, GetParam());
  const auto known = service_.LookUpOne(kVisa, GetParam());
  ASSERT_OK(known);
  EXPECT_EQ(known->name.ToString(), token.ToString());
  EXPECT_EQ(known->state, TokenState::kActive);
  EXPECT_THAT(service_.LookUpOne(kAmex, GetParam()), HasReason(Reason::kCardNotTokenized));
  EXPECT_THAT(service_.LookUpOne(kAmex, GetParam()), HasReason(Reason::kCardNotTokenized));
  EXPECT_EQ(store_.Snapshot().tokens.size(), 1U);
}

TEST_P(LookUpInProfileTest, ATokenOfAnotherProfileIsNotFound) {
  service_.TokenOf(kVisa, GetParam());
  const char* other = GetParam() == kCards ? kNumbers : kCards;
  EXPECT_THAT(service_.LookUpOne(kVisa, other), HasReason(Reason::kCardNotTokenized));
  EXPECT_THAT(service_.LookUpOne(kVisa, "tenants/acme/tokenProfiles/legacy"),
              HasReason(Reason::kCardsNotIndexed));
}

TEST_P(LookUpInProfileTest, TheStateIsToldAndADeletedTokenIsNoneAnyMore) {
  TokenName token = service_.TokenOf(kVisa, GetParam());
  token.profile = GetParam();
  ASSERT_OK(service_.Change(token, TokenState::kSuspended));
  EXPECT_EQ(service_.LookUpOne(kVisa, GetParam())->state, TokenState::kSuspended);
  ASSERT_OK(service_.Change(token, TokenState::kActive));
  EXPECT_EQ(service_.LookUpOne(kVisa, GetParam())->state, TokenState::kActive);
  ASSERT_OK(service_.Change(token, TokenState::kDeleted));
  EXPECT_THAT(service_.LookUpOne(kVisa, GetParam()), HasReason(Reason::kCardNotTokenized));
  const TokenName next = service_.TokenOf(kVisa, GetParam());
  EXPECT_EQ(service_.LookUpOne(kVisa, GetParam())->name.token, next.token);
}

TEST_P(LookUpInProfileTest, KeysThatRotateChangeNoAnswer) {
  const TokenName token = service_.TokenOf(kVisa, GetParam());
  service_.keys_.RotateDataKey();
  service_.keys_.RotateTokenKey();
  EXPECT_EQ(service_.LookUpOne(kVisa, GetParam())->name.token, token.token);
}

TEST_P(LookUpInProfileTest, ARowThatWasChangedIsNotAnswered) {
  service_.TokenOf(kVisa, GetParam());
  service_.TokenOf(kAmex, GetParam());
  store_.Tamper([](MemoryStore::Rows& rows) {
    std::swap(rows.tokens.begin()->second.pan_index, rows.tokens.rbegin()->second.pan_index);
  });
  EXPECT_THAT(service_.LookUpOne(kVisa, GetParam()), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service_.LookUpOne(kAmex, GetParam()), HasReason(Reason::kIntegrityFailure));
}

TEST_P(LookUpInProfileTest, AMaskedCardIsNotFoundByLookingUpAllThatLookLikeIt) {
  int answered = 0;
  int refused = 0;
  for (int number = 0; number < 1000; ++number) {
    const absl::Status told = service_.LookUpOne(LookAlike(number), GetParam()).status();
    answered += ReasonOf(told) == Reason::kCardNotTokenized ? 1 : 0;
    refused += ReasonOf(told) == Reason::kGuessesExhausted ? 1 : 0;
  }
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(refused, 980);
  const std::string record = service_.LastRecord("TokenService.LookUpToken");
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"denied\""));
  EXPECT_THAT(record, HasSubstr("\"reason\":\"GUESSES_EXHAUSTED\""));
}

TEST_P(LookUpInProfileTest, OnceNoGuessIsLeftACardWithATokenLooksLikeOneWithout) {
  for (int number = 0; number < 20; ++number) {
    ASSERT_THAT(service_.LookUpOne(LookAlike(number), GetParam()),
                HasReason(Reason::kCardNotTokenized));
  }
  service_.TokenOf(LookAlike(20), GetParam());
  const absl::Status with = service_.LookUpOne(LookAlike(20), GetParam()).status();
  EXPECT_THAT(with, HasReason(Reason::kGuessesExhausted));
  EXPECT_EQ(with, service_.LookUpOne(LookAlike(21), GetParam()).status());
}

TEST_P(LookUpInProfileTest, ARestartKnowsTheTokensThatWereFound) {
  policy::Limits limits;
  limits.guesses.count = 2;
  SetLimits(limits);
  for (int number = 0; number < 2; ++number) service_.TokenOf(LookAlike(number), GetParam());
  for (int number = 0; number < 2; ++number) {
    ASSERT_OK(service_.LookUpOne(LookAlike(number), GetParam()));
  }
  Restart();
  EXPECT_OK(service_.LookUpOne(LookAlike(1), GetParam()));
  EXPECT_THAT(service_.LookUpOne(LookAlike(2), GetParam()), HasReason(Reason::kGuessesExhausted));
}

TEST_F(LookUpTest, ProfilesThatFindNoTokenByItsCardSaySo) {
  for (const char* profile : {kOneTime, kManyNumbers, kNetwork, kLegacy}) {
    service_.TokenOf(kVisa, kOneTime);
    EXPECT_THAT(service_.LookUpOne(kVisa, profile), HasReason(Reason::kCardsNotIndexed)) << profile;
  }
  EXPECT_THAT(service_.LastRecord("TokenService.LookUpToken"), HasSubstr("CARDS_NOT_INDEXED"));
}

TEST_F(LookUpTest, CardsOfABatchFailAloneAndOnlyNumbersAreTaken) {
  const TokenName token = service_.TokenOf(kVisa);
  const auto known =
      service_.LookUp(List(Card(kVisa, "", ""), Card("1"), Card(kVisa, "2030-12", ""),
                           Card(kVisa, "", "Ada"), Card(kAmex, "", ""), Card(kVisa, "", "")));
  ASSERT_OK(known);
  ASSERT_EQ(known->size(), 6U);
  ASSERT_OK(known->at(0));
  EXPECT_EQ(known->at(0)->name.token, token.token);
  EXPECT_THAT(known->at(1), HasReason(Reason::kPanInvalid));
  EXPECT_THAT(known->at(2), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(known->at(3), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(known->at(4), HasReason(Reason::kCardNotTokenized));
  ASSERT_OK(known->at(5));
  EXPECT_EQ(known->at(5)->name.token, token.token);
}

TEST_F(LookUpTest, ANumberOfTheFamilyEmvIsNoCard) {
  const TokenName number = service_.TokenOf(kVisa, kNetwork);
  EXPECT_THAT(service_.LookUpOne(number.token), HasReason(Reason::kPanInvalid));
}

TEST_F(LookUpTest, TheRecordSaysWhichTokensWereFoundAndNoCard) {
  const TokenName token = service_.TokenOf(kVisa);
  ASSERT_OK(service_.LookUp(List(Card(kVisa, "", ""), Card(kAmex, "", ""))));
  EXPECT_EQ(service_.Records("TokenService.LookUpToken"), 1U);
  const std::string record = service_.LastRecord("TokenService.LookUpToken");
  EXPECT_THAT(record, HasSubstr("\"actor\":\"fraud\""));
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"success\""));
  EXPECT_THAT(record, HasSubstr("\"rule\":\"looks-up\""));
  EXPECT_THAT(record, HasSubstr("\"profile\":\"tenants/acme/tokenProfiles/cards\""));
  EXPECT_THAT(record, HasSubstr("\"resource\":\"" + token.ToString() + "\""));
  EXPECT_THAT(record, HasSubstr("\"data_key_version\":\"1\""));
  EXPECT_THAT(record, HasSubstr("CARD_NOT_TOKENIZED"));
  EXPECT_THAT(record, Not(HasSubstr(std::string(kVisa))));
  EXPECT_THAT(record, Not(HasSubstr(std::string(kAmex))));
}

TEST_F(LookUpTest, APermitForAnotherProfileFindsNothing) {
  service_.TokenOf(kVisa);
  EXPECT_THAT(service_.LookUp(List(Card(kVisa, "", "")), kCards, kNumbers),
              HasReason(Reason::kInternal));
}

TEST_F(LookUpTest, AFailureIsRecordedAndIsNoMiss) {
  service_.TokenOf(kVisa);
  service_.keys_.Fail(Reason::kHsmUnavailable);
  for (int i = 0; i < 60; ++i) {
    EXPECT_THAT(service_.LookUpOne(kVisa), HasReason(Reason::kHsmUnavailable));
  }
  EXPECT_THAT(service_.LastRecord("TokenService.LookUpToken"), HasSubstr("HSM_UNAVAILABLE"));
  service_.keys_.Heal();
  EXPECT_OK(service_.LookUpOne(kVisa));
}

TEST_F(LookUpTest, AfterFiftyCardsWithoutATokenNoneIsLookedUp) {
  service_.TokenOf(kVisa);
  for (int number = 0; number < 50; ++number) {
    ASSERT_THAT(LookUpUnknown(number), HasReason(Reason::kCardNotTokenized)) << number;
  }
  const absl::Status with = service_.LookUpOne(kVisa).status();
  EXPECT_THAT(with, HasReason(Reason::kMissesExhausted));
  EXPECT_EQ(with, LookUpUnknown(50));
  Pass(62);
  EXPECT_OK(service_.LookUpOne(kVisa));
}

TEST_F(LookUpTest, WhatIsLeftOfABatchIsRefusedWithATokenOrWithout) {
  service_.TokenOf(kVisa);
  SetLimits({.misses = {.count = 2, .percent = 0}});
  const auto known = service_.LookUp(List(Card(LookAlike(1), "", ""), Card(kVisa, "", ""),
                                          Card(LookAlike(2), "", ""), Card(LookAlike(3), "", ""),
                                          Card(kVisa, "", "")));
  ASSERT_OK(known);
  EXPECT_THAT(known->at(0), HasReason(Reason::kCardNotTokenized));
  EXPECT_OK(known->at(1));
  EXPECT_THAT(known->at(2), HasReason(Reason::kCardNotTokenized));
  EXPECT_THAT(known->at(3), HasReason(Reason::kMissesExhausted));
  EXPECT_EQ(known->at(4).status(), known->at(3).status());
}

TEST_F(LookUpTest, CardsWithoutATokenTakeNoWrongTokensFromACallerAndTheOtherWayRound) {
  const TokenName token = service_.TokenOf(kVisa);
  const TokenName wrong = {"acme", "tok_" + std::string(34, 'a')};
  for (int number = 0; number < 50; ++number) {
    ASSERT_THAT(LookUpUnknown(number), HasReason(Reason::kCardNotTokenized));
  }
  EXPECT_OK(service_.DetokenizeOne(token, "fraud", ""));
  Pass(62);
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(service_.DetokenizeOne(wrong, "fraud", ""), HasReason(Reason::kTokenNotFound));
  }
  EXPECT_OK(service_.LookUpOne(kVisa));
}

TEST_F(LookUpTest, ARestartKnowsHowManyCardsHadNoToken) {
  const TokenName token = service_.TokenOf(kVisa);
  for (int number = 0; number < 30; ++number) {
    ASSERT_THAT(LookUpUnknown(number), HasReason(Reason::kCardNotTokenized));
  }
  Restart();
  for (int number = 30; number < 50; ++number) {
    ASSERT_THAT(LookUpUnknown(number), HasReason(Reason::kCardNotTokenized));
  }
  EXPECT_THAT(LookUpUnknown(50), HasReason(Reason::kMissesExhausted));
  Restart();
  EXPECT_THAT(service_.LookUpOne(kVisa), HasReason(Reason::kMissesExhausted));
  EXPECT_OK(service_.DetokenizeOne(token, "fraud", ""));
}

TEST_F(LookUpTest, NoRaceHearsOfMoreCardsThanAreAllowed) {
  std::atomic<int> told = 0;
  std::vector<std::thread> callers;
  callers.reserve(64);
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      for (int call = 0; call < 4; ++call) {
        const absl::Status status = LookUpUnknown(i * 4 + call);
        told += ReasonOf(status) == Reason::kCardNotTokenized ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(told, 50);
}

}  // namespace
}  // namespace keysvc::tokenizer
