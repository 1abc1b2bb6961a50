#include "bench/figures.h"

#include "bench/report.h"
#include "gmock/gmock.h"

namespace keysvc::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Sample At(double rate) {
  Sample sample;
  sample.rate = rate;
  return sample;
}

Figures TwoRounds() {
  Figures figures;
  figures.figures.push_back({"echo.256", "echo", true, {At(100), At(50)}});
  figures.figures.push_back({"detokenize.256", "Detokenize", false, {At(50), At(45)}});
  figures.ratios = RatiosOf(figures);
  return figures;
}

TEST(Ratios, CompareWhatWasMeasuredInTheSameRound) {
  const Figures figures = TwoRounds();
  ASSERT_EQ(figures.ratios.size(), 1U);
  EXPECT_EQ(figures.ratios[0].reached.least, 0.5);
  EXPECT_EQ(figures.ratios[0].reached.most, 0.9);
  EXPECT_NEAR(figures.ratios[0].reached.median, 0.7, 1e-9);
}

TEST(Ratios, SayWhetherTheFloorIsReached) {
  Figures figures = TwoRounds();
  EXPECT_THAT(TableOf(figures), HasSubstr("yes"));
  figures.figures[1].rounds = {At(10), At(10)};
  figures.ratios = RatiosOf(figures);
  EXPECT_THAT(TableOf(figures), HasSubstr("NO"));
}

TEST(Figures, NameEveryFailedCall) {
  Figures figures = TwoRounds();
  figures.figures[1].rounds[0].failures["14 away"] = 2;
  figures.figures[1].rounds[1].failures["14 away"] = 1;
  EXPECT_THAT(figures.Failures(), ElementsAre("detokenize.256: 14 away (3)"));
  EXPECT_THAT(TableOf(figures), HasSubstr("FAILED detokenize.256"));
}

TEST(Plot, RefusesAFileThatIsNoPicture) {
  EXPECT_EQ(Plot(TwoRounds(), "ratios.txt").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Plot(TwoRounds(), "it's.svg").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keysvc::bench
