#include "bench/cards.h"

#include <set>
#include <string>

#include "crypto/bytes.h"
#include "gtest/gtest.h"
#include "tokenizer/pan.h"

namespace keysvc::bench {
namespace {

TEST(Cards, AreNumbersThatTheServiceTakes) {
  for (const std::uint64_t n : {0ULL, 1ULL, 9ULL, 12'345ULL, 999'999'999ULL, 1'000'000'000ULL}) {
    EXPECT_TRUE(tokenizer::Pan::Parse(crypto::AsBytes(CardNumber(n))).ok()) << n;
  }
}

TEST(Cards, AreAllDifferentUntilTheyStartOver) {
  std::set<std::string> numbers;
  for (std::uint64_t n = 0; n < 20'000; ++n) numbers.insert(CardNumber(n));
  EXPECT_EQ(numbers.size(), 20'000U);
  EXPECT_EQ(CardNumber(kCardNumbers + 7), CardNumber(7));
}

}  // namespace
}  // namespace keysvc::bench
