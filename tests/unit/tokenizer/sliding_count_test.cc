#include "tokenizer/sliding_count.h"

#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

TEST(SlidingCountTest, WhatIsCountedStaysForTheWindowAndAtMostASixtiethLonger) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  SlidingCount count(absl::Hours(1));
  std::vector<absl::Time> events;
  absl::Time now = kStart;
  for (int i = 0; i < 5000; ++i) {
    now += absl::Seconds(std::uniform_int_distribution<>(0, i % 100 == 0 ? 5000 : 30)(random));
    count.Add(now);
    events.push_back(now);
    const auto within = [&](absl::Duration window) {
      std::uint64_t events_within = 0;
      for (const absl::Time event : events) events_within += now - event < window ? 1U : 0U;
      return events_within;
    };
    ASSERT_GE(count.At(now), within(absl::Minutes(60)));
    ASSERT_LE(count.At(now), within(absl::Minutes(61)));
  }
}

TEST(SlidingCountTest, SeveralEventsCountAtOnce) {
  SlidingCount count(absl::Hours(24));
  count.Add(kStart, 7);
  count.Add(kStart + absl::Hours(12), 4);
  EXPECT_EQ(count.At(kStart + absl::Hours(23)), 11U);
  EXPECT_EQ(count.At(kStart + absl::Hours(25)), 4U);
  EXPECT_EQ(count.At(kStart + absl::Hours(37)), 0U);
}

TEST(SlidingCountTest, AClockThatGoesBackStandsStill) {
  SlidingCount count(absl::Hours(1));
  count.Add(kStart, 2);
  count.Add(kStart - absl::Hours(5));
  EXPECT_EQ(count.At(kStart - absl::Hours(5)), 3U);
  EXPECT_EQ(count.At(kStart + absl::Minutes(59)), 3U);
  EXPECT_EQ(count.At(kStart + absl::Minutes(62)), 0U);
}

}  // namespace
}  // namespace keysvc::tokenizer
