#include "tokenizer/count_min_sketch.h"

#include <random>
#include <unordered_map>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

TEST(CountMinSketchTest, CountsNothingBeforeAnythingWasAdded) {
  EXPECT_EQ(CountMinSketch().Count(1), 0);
}

TEST(CountMinSketchTest, CountsAFewKeysAsOftenAsTheyWereAdded) {
  CountMinSketch sketch;
  for (int i = 0; i < 3; ++i) sketch.Add(411'111'1111);
  sketch.Add(411'111'1112);
  EXPECT_EQ(sketch.Count(411'111'1111), 3);
  EXPECT_EQ(sketch.Count(411'111'1112), 1);
  EXPECT_EQ(sketch.Count(411'111'1113), 0);
}

TEST(CountMinSketchTest, NeverCountsTooFewAndTooManyByNoMoreThanAdditionsPerPlace) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  CountMinSketch sketch;
  std::unordered_map<std::uint64_t, std::uint64_t> counts;
  constexpr std::uint64_t kAdditions = 20 * CountMinSketch::kWidth;
  for (std::uint64_t i = 0; i < kAdditions; ++i) {
    const std::uint64_t key = random() % 500'000;
    sketch.Add(key);
    ++counts[key];
  }
  std::size_t too_many = 0;
  for (const auto& [key, count] : counts) {
    ASSERT_GE(sketch.Count(key), count);
    if (sketch.Count(key) > count + kAdditions / CountMinSketch::kWidth) ++too_many;
  }
  EXPECT_LE(too_many, counts.size() / 10'000);
}

TEST(CountMinSketchTest, StopsAtTheMostItCanCount) {
  CountMinSketch sketch;
  for (int i = 0; i < 70'000; ++i) sketch.Add(1);
  EXPECT_EQ(sketch.Count(1), 65'535);
}

}  // namespace
}  // namespace keysvc::tokenizer
