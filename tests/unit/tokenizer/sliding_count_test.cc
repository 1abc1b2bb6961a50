#include "tokenizer/sliding_count.h"

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

TEST(SlidingCountTest, AWindowHoldsAllOfItAndAtMostAMinuteMore) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  SlidingCount count;
  std::vector<absl::Time> events;
  absl::Time now = kStart;
  for (int i = 0; i < 3000; ++i) {
    now += absl::Seconds(std::uniform_int_distribution<>(0, i % 200 == 0 ? 90'000 : 120)(random));
    count.Add(now);
    events.push_back(now);
    const auto within = [&](absl::Duration window) {
      std::uint64_t events_within = 0;
      for (const absl::Time event : events) events_within += now - event < window ? 1U : 0U;
      return events_within;
    };
    for (const absl::Duration window :
         {absl::Minutes(1), absl::Minutes(60), absl::Hours(7), absl::Hours(24)}) {
      ASSERT_GE(count.Within(window, now), within(window)) << window;
      ASSERT_LE(count.Within(window, now), within(window + absl::Minutes(1))) << window;
    }
  }
}

TEST(SlidingCountTest, SeveralEventsCountAtOnce) {
  SlidingCount count;
  count.Add(kStart, 7);
  count.Add(kStart + absl::Hours(12), 4);
  EXPECT_EQ(count.Within(absl::Hours(24), kStart + absl::Hours(23)), 11U);
  EXPECT_EQ(count.Within(absl::Hours(24), kStart + absl::Hours(25)), 4U);
  EXPECT_EQ(count.Within(absl::Hours(24), kStart + absl::Hours(37)), 0U);
}

TEST(SlidingCountTest, TheTightestBudgetSaysHowMuchIsLeft) {
  const std::vector<policy::Budget> budgets = {{5, absl::Minutes(1)}, {8, absl::Hours(1)}};
  SlidingCount count;
  EXPECT_EQ(count.Left(budgets, kStart), 5U);
  count.Add(kStart, 4);
  EXPECT_EQ(count.Left(budgets, kStart), 1U);
  EXPECT_EQ(count.Left(budgets, kStart + absl::Minutes(30)), 4U);
  count.Add(kStart + absl::Minutes(30), 9);
  EXPECT_EQ(count.Left(budgets, kStart + absl::Minutes(30)), 0U);
  EXPECT_EQ(count.Left(budgets, kStart + absl::Hours(2)), 5U);
  EXPECT_EQ(count.Left({}, kStart), std::numeric_limits<std::uint64_t>::max());
}

TEST(SlidingCountTest, AClockThatGoesBackStandsStill) {
  SlidingCount count;
  count.Add(kStart, 2);
  count.Add(kStart - absl::Hours(5));
  EXPECT_EQ(count.Within(absl::Hours(1), kStart - absl::Hours(5)), 3U);
  EXPECT_EQ(count.Within(absl::Hours(1), kStart + absl::Minutes(59)), 3U);
  EXPECT_EQ(count.Within(absl::Hours(1), kStart + absl::Minutes(62)), 0U);
}

}  // namespace
}  // namespace keysvc::tokenizer
