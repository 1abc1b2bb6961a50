#include "audit/clock_watch.h"

#include "gtest/gtest.h"

namespace keysvc::audit {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

ClockWatch::Reading After(absl::Duration steady, absl::Duration wall) {
  return {kStart + wall, absl::Hours(5) + steady};
}

class ClockWatchTest : public ::testing::Test {
 protected:
  ClockWatch watch_{After(absl::ZeroDuration(), absl::ZeroDuration())};
};

TEST_F(ClockWatchTest, NoticesAStepForwardAndAStepBack) {
  for (const absl::Duration step : {absl::Hours(400 * 24), absl::Seconds(2), absl::Hours(-24)}) {
    const auto found = watch_.StepBefore(After(absl::Seconds(5), absl::Seconds(5) + step));
    ASSERT_TRUE(found.has_value()) << step;
    EXPECT_EQ(found->from, kStart + absl::Seconds(5));
    EXPECT_EQ(found->to, kStart + absl::Seconds(5) + step);
  }
}

TEST_F(ClockWatchTest, TakesTimeThatPassesForNoStep) {
  for (const absl::Duration passed : {absl::ZeroDuration(), absl::Hours(1), absl::Hours(9000)}) {
    EXPECT_FALSE(watch_.StepBefore(After(passed, passed)).has_value()) << passed;
  }
}

TEST_F(ClockWatchTest, TakesSlewingForNoStep) {
  const absl::Duration night = absl::Hours(10);
  EXPECT_FALSE(watch_.StepBefore(After(night, night + 0.0005 * night)).has_value());
  EXPECT_FALSE(watch_.StepBefore(After(night, night - 0.0005 * night)).has_value());
}

TEST_F(ClockWatchTest, ComparesWithWhatWasAccepted) {
  const auto stepped = After(absl::Seconds(5), absl::Hours(1));
  ASSERT_TRUE(watch_.StepBefore(stepped).has_value());
  EXPECT_TRUE(watch_.StepBefore(stepped).has_value()) << "noticed until it is accepted";
  watch_.Accept(stepped);
  EXPECT_FALSE(watch_.StepBefore(stepped).has_value());
  EXPECT_FALSE(watch_.StepBefore(After(absl::Seconds(9), absl::Hours(1) + absl::Seconds(4))));
}

TEST_F(ClockWatchTest, TellsTheTimeWithoutStepsForward) {
  const auto at = [](absl::Duration passed, absl::Duration step) {
    return After(passed, passed + step);
  };
  const absl::Duration minute = absl::Minutes(1);
  const absl::Duration year = absl::Hours(9000);
  EXPECT_EQ(watch_.Unstepped(at(minute, year)), kStart + minute);
  watch_.Accept(at(minute, year));
  EXPECT_EQ(watch_.Unstepped(at(2 * minute, year)), kStart + 2 * minute);
  EXPECT_EQ(watch_.Unstepped(at(3 * minute, absl::ZeroDuration())), kStart + 3 * minute);
  watch_.Accept(at(3 * minute, absl::ZeroDuration()));
  EXPECT_EQ(watch_.Unstepped(at(4 * minute, absl::ZeroDuration())), kStart + 4 * minute);
  EXPECT_EQ(watch_.Unstepped(at(4 * minute, -year)), kStart + 4 * minute - year);
}

TEST_F(ClockWatchTest, TellsHowMuchTimePassedWhateverTheClockShows) {
  const absl::Duration minute = absl::Minutes(1);
  const absl::Duration year = absl::Hours(9000);
  for (const absl::Duration step : {year, -year}) {
    EXPECT_EQ(watch_.Steady(After(minute, minute + step)), kStart + minute);
  }
  watch_.Accept(After(minute, minute - year));
  EXPECT_EQ(watch_.Steady(After(2 * minute, 2 * minute - year)), kStart + 2 * minute);
  EXPECT_EQ(watch_.Steady(After(3 * minute, 3 * minute + year)), kStart + 3 * minute);
}

TEST(SinceBoot, DoesNotGoBack) {
  const absl::Duration before = SinceBoot();
  EXPECT_GT(before, absl::ZeroDuration());
  EXPECT_GE(SinceBoot(), before);
}

}  // namespace
}  // namespace keysvc::audit
