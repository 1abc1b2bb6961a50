#include "audit/clock_quality.h"

#include <sys/timex.h>

#include "gmock/gmock.h"

namespace keysvc::audit {
namespace {

using ::testing::AnyOf;
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

TEST(ClockQuality, OfThisMachineIsOneOfThese) {
  EXPECT_THAT(ClockQuality().at("clock"), AnyOf("synchronized", "unsynchronized", "unknown"));
}

}  // namespace
}  // namespace keysvc::audit
