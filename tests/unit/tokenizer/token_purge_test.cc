#include "tokenizer/token_purge.h"

#include <cstdint>
#include <future>
#include <memory>
#include <string>
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

constexpr std::int64_t kMinute = std::int64_t{60} * 1000;
constexpr char kPurge[] = "TokenService.PurgeTokens";

class TokenPurgeTest : public EachStoreTest {
 protected:
  TokenPurgeTest() {
    purge_ = std::make_unique<TokenPurge>(
        service_->profiles_, service_->keys_, *store_, *service_->journal_,
        [this](const absl::Status& why) { troubles_.push_back(why); }, service_->Clock());
  }

  std::size_t Round() {
    const auto erased = purge_->Round();
    EXPECT_OK(erased);
    return erased.value_or(0);
  }
  TokenState StateNow(const TokenName& token) { return service_->Describe(token)->state; }

  std::vector<absl::Status> troubles_;
  std::unique_ptr<TokenPurge> purge_;
};

WITH_EACH_STORE(TokenPurgeTest);

TEST_P(TokenPurgeTest, ACardIsErasedOnceTheGraceOfItsTokensProfileIsOver) {
  const TokenName brief = service_->TokenOf(kVisa, kBrief);  // an hour, and ten minutes of grace
  const TokenName endless = service_->TokenOf(kVisa, kOneTime);
  service_->now_ms_ += 70 * kMinute - 1;
  EXPECT_EQ(Round(), 0u);
  EXPECT_THAT(service_->DetokenizeOne(brief), HasReason(Reason::kTokenExpired));
  EXPECT_EQ(StateNow(brief), TokenState::kActive);
  service_->now_ms_ += 1;
  EXPECT_EQ(Round(), 1u);
  EXPECT_EQ(Round(), 0u);
  EXPECT_THAT(service_->DetokenizeOne(brief), HasReason(Reason::kTokenDeleted));
  EXPECT_EQ(StateNow(brief), TokenState::kDeleted);
  EXPECT_EQ(StateNow(endless), TokenState::kActive);
  const auto rows = *store_->ReadTokens(0, 10);
  EXPECT_EQ(rows.at(0).sealed.size(), 5u);
  EXPECT_GT(rows.at(1).sealed.size(), 5u);
  EXPECT_EQ(service_->Records(kPurge), 1u);
  const std::string record = service_->LastRecord(kPurge);
  EXPECT_THAT(record, HasSubstr(brief.ToString()));
  EXPECT_THAT(record, HasSubstr(R"("state_after":"deleted","state_before":"active")"));
  EXPECT_THAT(record, HasSubstr("\"system\""));
  EXPECT_THAT(record, HasSubstr(kBrief));
}

TEST_P(TokenPurgeTest, ACardWhoseTokenIsUsedUpIsErased) {
  const TokenName token = service_->TokenOf(kVisa, kSingle);
  EXPECT_EQ(Round(), 0u);
  ASSERT_OK(service_->DetokenizeOne(token));
  EXPECT_EQ(Round(), 1u);
  EXPECT_EQ(StateNow(token), TokenState::kDeleted);
}

TEST_P(TokenPurgeTest, TokensOfDigitsEndAndAreErasedToo) {
  const auto token_of = [this] {
    TokenName token = service_->TokenOf(kVisa, kBriefNumbers);
    token.profile = kBriefNumbers;
    return token;
  };
  const TokenName used = token_of();
  const TokenName kept = token_of();
  ASSERT_OK(service_->DetokenizeOne(used));
  EXPECT_THAT(service_->DetokenizeOne(used), HasReason(Reason::kTokenExhausted));
  EXPECT_EQ(Round(), 1u);
  EXPECT_EQ(StateNow(used), TokenState::kDeleted);
  EXPECT_THAT(service_->LastRecord(kPurge), HasSubstr(used.ToString()));
  service_->now_ms_ += 60 * kMinute;
  EXPECT_THAT(service_->DetokenizeOne(kept), HasReason(Reason::kTokenExpired));
  EXPECT_EQ(Round(), 1u);
  EXPECT_EQ(StateNow(kept), TokenState::kDeleted);
  EXPECT_THAT(service_->LastRecord(kPurge), HasSubstr(kept.ToString()));
}

TEST_P(TokenPurgeTest, CardsOfARetiredProfileAreErasedOnceTheirTokensHaveEnded) {
  (void)service_->TokenOf(kVisa, kBrief);
  const Profiles profiles = *Profiles::Create({{"acme", "cards", 1, true}}, {{"acme", "brief", 5}});
  TokenPurge purge(
      profiles, service_->keys_, *store_, *service_->journal_, [](const absl::Status&) {},
      service_->Clock());
  service_->now_ms_ += 60 * kMinute - 1;
  EXPECT_EQ(purge.Round().value(), 0u);
  service_->now_ms_ += 1;
  EXPECT_EQ(purge.Round().value(), 1u);
  EXPECT_THAT(service_->LastRecord(kPurge), HasSubstr(kBrief));
}

TEST_P(TokenPurgeTest, ASuspendedTokenIsLeftAloneUntilItIsResumed) {
  const TokenName token = service_->TokenOf(kVisa, kBrief);
  ASSERT_OK(service_->Change(token, TokenState::kSuspended));
  service_->now_ms_ += 71 * kMinute;
  EXPECT_EQ(Round(), 0u);
  ASSERT_OK(service_->Change(token, TokenState::kActive));
  EXPECT_EQ(Round(), 1u);
}

TEST_P(TokenPurgeTest, AClockSetForwardErasesNothing) {
  const TokenName token = service_->TokenOf(kVisa, kBrief);
  service_->stepped_ms_ += 71 * kMinute;
  EXPECT_EQ(Round(), 0u);
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenExpired));
  service_->stepped_ms_ = 0;
  EXPECT_OK(service_->DetokenizeOne(token));
}

TEST_P(TokenPurgeTest, ManyAreErasedInStepsEachWithItsRecord) {
  for (int batch = 0; batch < 5; ++batch) {
    std::vector<absl::StatusOr<CardData>> cards;
    for (int i = 0; i < 50; ++i) cards.push_back(Card(kVisa));
    ASSERT_OK(service_->Tokenize(std::move(cards), kBrief));
  }
  service_->now_ms_ += 71 * kMinute;
  EXPECT_EQ(Round(), 250u);
  EXPECT_EQ(service_->Records(kPurge), 3u);
  const std::vector<store::TokenRow> rows = *store_->ReadTokens(0, 1000);
  EXPECT_EQ(rows.size(), 250u);
  for (const store::TokenRow& row : rows) EXPECT_EQ(row.state, 3);
}

TEST_P(TokenPurgeTest, KeysThatAreAwayLeaveEverythingAsItIs) {
  const TokenName token = service_->TokenOf(kVisa, kBrief);
  service_->now_ms_ += 71 * kMinute;
  service_->keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(purge_->Round(), HasReason(Reason::kHsmUnavailable));
  service_->keys_.Heal();
  EXPECT_EQ(StateNow(token), TokenState::kActive);
  EXPECT_EQ(Round(), 1u);
}

TEST_P(TokenPurgeTest, TheLogIsWipedOnceRowsWereChangedAndNotWithoutThat) {
  constexpr char kWipe[] = "TokenService.WipeLog";
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_EQ(Round(), 0u);
  EXPECT_EQ(service_->Records(kWipe), 0u);
  ASSERT_OK(service_->Change(token, TokenState::kDeleted));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Round(), 0u);
    EXPECT_EQ(service_->Records(kWipe), 1u);
  }
}

TEST_P(TokenPurgeTest, OnceStartedItHasRoundsByItself) {
  std::promise<void> told;
  bool first = true;
  TokenPurge purge(
      service_->profiles_, service_->keys_, *store_, *service_->journal_,
      [&](const absl::Status&) {
        if (std::exchange(first, false)) told.set_value();
      },
      service_->Clock());
  (void)service_->TokenOf(kVisa, kBrief);
  service_->now_ms_ += 71 * kMinute;
  service_->keys_.Fail(Reason::kHsmUnavailable);
  purge.Start(absl::Milliseconds(1));
  told.get_future().wait();
}

TEST(TokenPurgeFaultsTest, HoweverManyRowsAreDamagedAllOthersAreErasedInOneRound) {
  MemoryStore store;
  Service service(store);
  std::size_t troubles = 0;
  TokenPurge purge(
      service.profiles_, service.keys_, store, *service.journal_,
      [&](const absl::Status&) { ++troubles; }, service.Clock());
  for (int batch = 0; batch < 5; ++batch) {
    std::vector<absl::StatusOr<CardData>> cards;
    for (int i = 0; i < 100; ++i) cards.push_back(Card(kVisa));
    ASSERT_OK(service.Tokenize(std::move(cards), kBrief));
  }
  constexpr std::size_t kDamaged = 150;
  store.Tamper([](MemoryStore::Rows& rows) {
    auto row = rows.tokens.begin();
    for (std::size_t i = 0; i < kDamaged; ++i, ++row) --*row->second.ends_ms;
  });
  service.now_ms_ += 71 * kMinute;
  EXPECT_EQ(*purge.Round(), 500 - kDamaged);
  EXPECT_EQ(troubles, kDamaged);
  EXPECT_EQ(*purge.Round(), 0U);
}

TEST(TokenPurgeFaultsTest, ARowThatIsNotWhatWasWrittenIsLeftAndTold) {
  MemoryStore store;
  Service service(store);
  std::vector<absl::Status> troubles;
  TokenPurge purge(
      service.profiles_, service.keys_, store, *service.journal_,
      [&](const absl::Status& why) { troubles.push_back(why); }, service.Clock());
  (void)service.TokenOf(kVisa, kBrief);
  const TokenName good = service.TokenOf(kVisa, kBrief);
  store.Tamper([](MemoryStore::Rows& rows) { --*rows.tokens.begin()->second.ends_ms; });
  service.now_ms_ += 71 * kMinute;
  EXPECT_EQ(*purge.Round(), 1u);
  ASSERT_EQ(troubles.size(), 1u);
  EXPECT_THAT(troubles[0], HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(service.Describe(good)->state, TokenState::kDeleted);
  EXPECT_GT(store.Snapshot().tokens.begin()->second.sealed.size(), 5u);
}

}  // namespace
}  // namespace keysvc::tokenizer
