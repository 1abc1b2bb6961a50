#include "bench/spread.h"

#include <vector>

#include "gtest/gtest.h"

namespace keysvc::bench {
namespace {

TEST(Spread, HasTheMiddleValueAndTheEnds) {
  const Spread spread = SpreadOf({3, 1, 10});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.least, 1);
  EXPECT_EQ(spread.most, 10);
}

TEST(Spread, LiesBetweenTheTwoMiddleValuesOfAnEvenNumber) {
  EXPECT_EQ(SpreadOf({4, 1, 2, 100}).median, 3);
}

TEST(Spread, OfNothingIsZero) { EXPECT_EQ(SpreadOf({}).median, 0); }

TEST(Latencies, AreOnesThatWereMeasured) {
  std::vector<std::uint32_t> measured;
  for (std::uint32_t i = 1000; i >= 1; --i) measured.push_back(i);
  const Latencies latencies = LatenciesOf(measured);
  EXPECT_EQ(latencies.p50, 500);
  EXPECT_EQ(latencies.p99, 990);
  EXPECT_EQ(latencies.p999, 999);
}

TEST(Latencies, OfOneCallAreThatCalls) {
  const Latencies latencies = LatenciesOf({7});
  EXPECT_EQ(latencies.p50, 7);
  EXPECT_EQ(latencies.p999, 7);
}

}  // namespace
}  // namespace keysvc::bench
