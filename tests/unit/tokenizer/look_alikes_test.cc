#include "tokenizer/look_alikes.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
constexpr std::uint64_t kBin = 411111;
constexpr std::uint64_t kMasked = kBin * 10'000 + 1111;

class LookAlikesTest : public ::testing::Test {
 protected:
  // Whether the card is admitted; then it is added.
  bool Try(int card, std::uint64_t masked, absl::Time now = kStart) {
    const std::string name = std::to_string(card);
    if (!cards_.Admit(name, masked, limit_, now)) return false;
    cards_.Add(name, masked, now);
    return true;
  }

  // So many cards of the BIN whose last four run through all there are but the masked card's.
  void AddOthers(int count, absl::Time now = kStart) {
    for (int i = 0; i < count; ++i) {
      const auto last_four = static_cast<std::uint64_t>(i % 9'999);
      cards_.Add("other " + std::to_string(i),
                 kBin * 10'000 + (last_four < 1111 ? last_four : last_four + 1), now);
    }
  }

  policy::GuessLimit limit_;
  LookAlikes cards_;
};

TEST_F(LookAlikesTest, TwentyCardsOfAMaskedViewAreAdmittedAndNoneOnceOneWasRefused) {
  for (int card = 0; card < 20; ++card) EXPECT_TRUE(Try(card, kMasked)) << card;
  EXPECT_TRUE(Try(7, kMasked));
  EXPECT_FALSE(Try(20, kMasked));
  EXPECT_FALSE(Try(7, kMasked));
  EXPECT_TRUE(Try(22, kMasked + 1));
  EXPECT_TRUE(Try(23, kMasked + 10'000));
}

TEST_F(LookAlikesTest, ACardThatTheCallerHadIsNotFoundAmongAllThatLookLikeIt) {
  ASSERT_TRUE(Try(500, kMasked));
  int told = 0;
  for (int card = 0; card < 1000; ++card) {
    const bool admitted = Try(card, kMasked);
    told += admitted ? 1 : 0;
    EXPECT_FALSE(admitted && card == 500);
  }
  EXPECT_EQ(told, 19);
}

TEST_F(LookAlikesTest, TheyCountForADayAndForADayAndAHalfAtMost) {
  for (int card = 0; card < 20; ++card) ASSERT_TRUE(Try(card, kMasked));
  EXPECT_FALSE(Try(20, kMasked, kStart + absl::Hours(24)));
  EXPECT_TRUE(Try(20, kMasked, kStart + absl::Hours(36)));
}

TEST_F(LookAlikesTest, AtNoHourDoTwentyCardsCountForLessThanADay) {
  for (int hour = 0; hour < 24; ++hour) {
    const absl::Time start = kStart + absl::Hours(100 * hour + hour);
    for (int card = 0; card < 20; ++card) ASSERT_TRUE(Try(100 * hour + card, kMasked, start));
    EXPECT_FALSE(Try(100 * hour + 20, kMasked, start + absl::Hours(24))) << hour;
  }
}

TEST_F(LookAlikesTest, ACardThatWasTriedIsFreeWheneverItIsTriedAgain) {
  ASSERT_TRUE(Try(0, kMasked));
  const absl::Time later = kStart + absl::Hours(1000);
  for (int card = 1; card <= 20; ++card) ASSERT_TRUE(Try(card, kMasked, later));
  EXPECT_TRUE(Try(0, kMasked, later));
  EXPECT_FALSE(Try(21, kMasked, later));
}

TEST_F(LookAlikesTest, AClockThatGoesBackFreesNothing) {
  for (int card = 0; card < 20; ++card) ASSERT_TRUE(Try(card, kMasked));
  EXPECT_FALSE(Try(20, kMasked, kStart - absl::Hours(100)));
}

TEST_F(LookAlikesTest, ManyCardsOfTheBinExplainMore) {
  AddOthers(80'000);  // eight of each last four, and five times as many are let through
  int admitted = 0;
  for (int card = 0; card < 100; ++card) admitted += Try(card, kMasked) ? 1 : 0;
  EXPECT_GE(admitted, 40);
  EXPECT_LE(admitted, 42);  // the 80,000 may have been counted once too often for each place
}

TEST_F(LookAlikesTest, AnHonestCallerNeverMeetsTheLimit) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::uint64_t> last_four(0, 9'999);
  for (int card = 0; card < 100'000; ++card) {
    ASSERT_TRUE(Try(card, kBin * 10'000 + last_four(random))) << card;
  }
}

TEST_F(LookAlikesTest, NoFloodOfOtherCardsGivesAMaskedViewBack) {
  for (int card = 0; card < 20; ++card) ASSERT_TRUE(Try(card, kMasked));
  // Of other BINs, so that they explain nothing here.
  for (std::uint64_t i = 0; i < 3 * LookAlikes::kMostCards; ++i) {
    cards_.Add("other " + std::to_string(i), 5'000'000'000 + i, kStart);
  }
  // What the sketch may count too many, and not one more.
  int admitted = 0;
  for (int card = 20; card < 1000; ++card) admitted += Try(card, kMasked) ? 1 : 0;
  EXPECT_LE(admitted, 21);
}

TEST_F(LookAlikesTest, OneCardAmongVeryManyIsNeverRefused) {
  for (std::uint64_t i = 0; i < 10 * LookAlikes::kMostCards; ++i) {
    cards_.Add("other " + std::to_string(i), 5'000'000'000 + i, kStart);
    if (i % 1000 == 0) {
      ASSERT_TRUE(Try(0, kMasked)) << i;
    }
  }
}

// A job that runs over the same file every hour.
TEST_F(LookAlikesTest, CardsThatComeAgainAndAgainAreNeverRefused) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (const std::size_t count : {std::size_t{100'000}, LookAlikes::kMostCards + 100'000}) {
    std::vector<std::uint64_t> masked(count);
    for (std::uint64_t& one : masked) one = (400'000 + random() % 100) * 10'000 + random() % 10'000;
    for (int hour = 0; hour < 5; ++hour) {
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(Try(static_cast<int>(i), masked[i], kStart + absl::Hours(hour))) << i;
      }
    }
    cards_ = {};
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
