// Tokens that expire, and tokens that open only so often.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kHour = std::int64_t{60} * 60 * 1000;
constexpr std::int64_t kStart = 1'700'000'000'000;

class TokenLimitsTest : public EachStoreTest {
 protected:
  // How many of so many callers at the same time are given the card.
  int OpenedByRacing(int callers, const TokenName& token) {
    std::atomic<int> opened = 0;
    std::atomic<int> exhausted = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        const auto card = service_->DetokenizeOne(token);
        if (card.ok()) ++opened;
        if (ReasonOf(card.status()) == Reason::kTokenExhausted) ++exhausted;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(opened + exhausted, callers);
    return opened;
  }
};

WITH_EACH_STORE(TokenLimitsTest);

TEST_P(TokenLimitsTest, ATokenOpensUntilItsTimeToLiveIsOver) {
  const TokenName token = service_->TokenOf(kVisa, kBrief);
  EXPECT_EQ(service_->Describe(token)->ends, absl::FromUnixMillis(kStart + kHour));
  EXPECT_FALSE(service_->Describe(token)->uses_left.has_value());
  service_->now_ms_ += kHour - 1;
  EXPECT_OK(service_->DetokenizeOne(token));
  service_->now_ms_ += 1;
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenExpired));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"), HasSubstr("TOKEN_EXPIRED"));
  EXPECT_OK(service_->Describe(token));
  EXPECT_NE(service_->TokenOf(kVisa, kBrief).token, token.token);
}

TEST_P(TokenLimitsTest, ATokenOpensAsOftenAsItMay) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  for (std::uint32_t left = 3; left > 0; --left) {
    EXPECT_EQ(service_->Describe(token)->uses_left, left);
    service_->now_ms_ += 1;
    EXPECT_OK(service_->DetokenizeOne(token));
    EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"),
                HasSubstr("\"uses_counted\":\"1\""));
  }
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenExhausted));
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("TOKEN_EXHAUSTED"));
  EXPECT_THAT(record, Not(HasSubstr("uses_counted")));
  const auto view = service_->Describe(token);
  EXPECT_EQ(view->uses_left, 0u);
  EXPECT_EQ(view->ends, absl::FromUnixMillis(kStart + 3));
}

TEST_P(TokenLimitsTest, WhicheverLimitComesFirstEndsAToken) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  EXPECT_OK(service_->DetokenizeOne(token));
  service_->now_ms_ += 24 * kHour;
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenExpired));
  EXPECT_EQ(service_->Describe(token)->uses_left, 2u);
}

TEST_P(TokenLimitsTest, OnlyAnswersThatShowSomethingOfTheCardAreUses) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  EXPECT_OK(service_->Describe(token));
  EXPECT_THAT(service_->DetokenizeOne(token, "fraud", ""), HasReason(Reason::kPolicyDenied));
  ASSERT_OK(service_->Change(token, TokenState::kSuspended));
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenSuspended));
  ASSERT_OK(service_->Change(token, TokenState::kActive));
  EXPECT_EQ(service_->Describe(token)->uses_left, 3u);
  EXPECT_OK(service_->DetokenizeOne(token, "all", ""));  // masked
  EXPECT_EQ(service_->Describe(token)->uses_left, 2u);
}

TEST_P(TokenLimitsTest, ABatchThatNamesATokenSeveralTimesUsesItSoOften) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->DetokenizeOne(token));
  const auto cards = service_->Detokenize({token, service_->TokenOf(kAmex), token, token});
  ASSERT_OK(cards);
  EXPECT_OK((*cards)[0]);
  EXPECT_OK((*cards)[1]);
  EXPECT_OK((*cards)[2]);
  EXPECT_THAT((*cards)[3], HasReason(Reason::kTokenExhausted));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"), HasSubstr("\"uses_counted\":\"2\""));
}

TEST_P(TokenLimitsTest, OfManyCallersAtOnceOneOpensASingleUseToken) {
  for (int round = 0; round < 10; ++round) {
    const TokenName token = service_->TokenOf(kVisa, kSingle);
    EXPECT_EQ(OpenedByRacing(64, token), 1);
  }
}

TEST_P(TokenLimitsTest, OfManyCallersAtOnceAsManyOpenATokenAsMay) {
  EXPECT_EQ(OpenedByRacing(64, service_->TokenOf(kVisa, kThrice)), 3);
}

TEST_P(TokenLimitsTest, LimitsAreKeptWithTheTokenAndEndWithIt) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->Change(token, TokenState::kDeleted));
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_FALSE(view->ends.has_value());
  EXPECT_FALSE(view->uses_left.has_value());
}

TEST(TokenLimitsFaultsTest, ACardIsNotShownWhereItsUseIsNotCounted) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa, kSingle);
  store.Fail(MemoryStore::Step::kBegin, 1000);
  EXPECT_THAT(service.DetokenizeOne(token), HasReason(Reason::kAuditUnavailable));
  store.Heal();
  absl::Status again;
  do {
    again = service.DetokenizeOne(token).status();
  } while (ReasonOf(again) == Reason::kAuditUnavailable);
  EXPECT_OK(again);
}

TEST(TokenLimitsFaultsTest, AUseOfWhichNobodyKnowsWhetherItWasCountedShowsNothing) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa, kSingle);
  // A head of the log may take the fault instead: then the log is away, and nothing was used.
  const TokenName other = service.TokenOf(kVisa);
  absl::Status first;
  do {
    store.Heal();
    while (ReasonOf(service.DetokenizeOne(other).status()) == Reason::kAuditUnavailable) {
    }
    // With the look at what became of it, so that the outcome stays unknown for a while.
    store.FailCommit(MemoryStore::CommitFault::kDoneButUnknown);
    store.Fail(MemoryStore::Step::kReopen, 3);
    first = service.DetokenizeOne(token).status();
  } while (ReasonOf(first) == Reason::kAuditUnavailable);
  EXPECT_THAT(first, HasReason(Reason::kOutcomeUnknown));
  store.Heal();
  absl::Status again;
  do {
    again = service.DetokenizeOne(token).status();
  } while (ReasonOf(again) == Reason::kAuditUnavailable);
  EXPECT_THAT(again, HasReason(Reason::kTokenExhausted));
}

TEST(TokenLimitsFaultsTest, AChangedLimitIsNoticed) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa, kThrice);
  const store::TokenRow good = store.Snapshot().tokens.begin()->second;
  const std::vector<std::function<void(store::TokenRow&)>> changes = {
      [](auto& row) { ++*row.ends_ms; },
      [](auto& row) { row.ends_ms.reset(); },
      [](auto& row) { ++*row.uses_left; },
      [](auto& row) { row.uses_left.reset(); },
      [](auto& row) { row.uses_left.reset(), row.ends_ms.reset(); },
  };
  for (const auto& change : changes) {
    store.Tamper([&](MemoryStore::Rows& rows) {
      rows.tokens.begin()->second = good;
      change(rows.tokens.begin()->second);
    });
    EXPECT_THAT(service.DetokenizeOne(token), HasReason(Reason::kIntegrityFailure));
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
