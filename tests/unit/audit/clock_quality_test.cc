#include "audit/clock_quality.h"

#include <sys/timex.h>

#include "gmock/gmock.h"

namespace keysvc::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ClockQuality, OfASynchronizedClockSaysByHowMuchItMayBeWrong) {
  timex kernel{};
  kernel.maxerror = 12'345;
  EXPECT_THAT(ClockQualityOf(TIME_OK, kernel),
              ElementsAre(Pair("clock", "synchronized"), Pair("clock_error_ms", "13")));
}

TEST(ClockQuality, OfAnUnsynchronizedClockIsThat) {
  timex kernel{};
  EXPECT_THAT(ClockQualityOf(TIME_ERROR, kernel), ElementsAre(Pair("clock", "unsynchronized")));
  kernel.status = STA_UNSYNC;
  EXPECT_THAT(ClockQualityOf(TIME_OK, kernel), ElementsAre(Pair("clock", "unsynchronized")));
}

TEST(ClockQuality, IsUnknownWhereTheKernelDoesNotTell) {
  EXPECT_THAT(ClockQualityOf(-1, timex{}), ElementsAre(Pair("clock", "unknown")));
}

TEST(ClockQuality, OfThisMachineIsWhatItsKernelSays) {
  timex kernel{};
  const int state = adjtimex(&kernel);
  EXPECT_EQ(ClockQuality().at("clock"), ClockQualityOf(state, kernel).at("clock"));
}

}  // namespace
}  // namespace keysvc::audit
