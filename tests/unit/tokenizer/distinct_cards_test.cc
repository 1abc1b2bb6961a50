#include "tokenizer/distinct_cards.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'040);  // a whole minute
const policy::Budget kTwoAnHour{.count = 2, .window = absl::Hours(1)};

TEST(DistinctCardsTest, AsManyAsTheBudgetSaysAndThoseAgain) {
  DistinctCards cards;
  for (const char* token : {"a", "b"}) {
    EXPECT_TRUE(cards.Admit(token, kTwoAnHour, kStart));
    cards.Add(token, kTwoAnHour, kStart);
  }
  EXPECT_FALSE(cards.Admit("c", kTwoAnHour, kStart));
  EXPECT_TRUE(cards.Admit("a", kTwoAnHour, kStart));
}

TEST(DistinctCardsTest, ACardCountsUntilTheWindowAfterItsLastTimeIsOver) {
  DistinctCards cards;
  cards.Add("a", kTwoAnHour, kStart);
  cards.Add("b", kTwoAnHour, kStart);
  cards.Add("a", kTwoAnHour, kStart + absl::Minutes(30));
  EXPECT_FALSE(cards.Admit("c", kTwoAnHour, kStart + absl::Minutes(60)));
  EXPECT_TRUE(cards.Admit("c", kTwoAnHour, kStart + absl::Minutes(61)));
  cards.Add("c", kTwoAnHour, kStart + absl::Minutes(61));
  EXPECT_FALSE(cards.Admit("b", kTwoAnHour, kStart + absl::Minutes(62)));
  EXPECT_TRUE(cards.Admit("b", kTwoAnHour, kStart + absl::Minutes(91)));
}

TEST(DistinctCardsTest, MoreThanAnyBudgetAreNotHeld) {
  DistinctCards cards;
  for (std::uint32_t i = 0; i <= policy::kMostDistinctCards; ++i) {
    cards.Add(std::to_string(i), kTwoAnHour, kStart);
  }
  const policy::Budget most{.count = policy::kMostDistinctCards, .window = absl::Hours(1)};
  EXPECT_TRUE(cards.Admit(std::to_string(policy::kMostDistinctCards - 1), most, kStart));
  EXPECT_FALSE(cards.Admit(std::to_string(policy::kMostDistinctCards), most, kStart));
}

TEST(DistinctCardsTest, CardsOfBeforeTheWindowPushOutNoneThatCounts) {
  DistinctCards cards;
  for (std::uint32_t i = 0; i < policy::kMostDistinctCards; ++i) {
    cards.Add(std::to_string(i), kTwoAnHour, kStart);
  }
  const absl::Time later = kStart + absl::Hours(2);
  cards.Add("a", kTwoAnHour, later);
  cards.Add("b", kTwoAnHour, later);
  EXPECT_TRUE(cards.Admit("a", kTwoAnHour, later));
  EXPECT_FALSE(cards.Admit("c", kTwoAnHour, later));
  EXPECT_FALSE(cards.Admit("1", kTwoAnHour, later));
}

TEST(DistinctCardsTest, AClockThatGoesBackFreesNothing) {
  DistinctCards cards;
  cards.Add("a", kTwoAnHour, kStart);
  cards.Add("b", kTwoAnHour, kStart - absl::Hours(9));
  EXPECT_FALSE(cards.Admit("c", kTwoAnHour, kStart - absl::Hours(9)));
  EXPECT_FALSE(cards.Admit("c", kTwoAnHour, kStart + absl::Minutes(59)));
}

}  // namespace
}  // namespace keysvc::tokenizer
