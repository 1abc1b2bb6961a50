#include "store/token_cache.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "store/recent_tokens.h"
#include "store/rows.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

constexpr std::size_t kLimit = 4;

class TokenCacheTest : public ::testing::Test {
 protected:
  void Keep(std::int64_t handle) { Keep(handle, recent_.changes()); }
  void Keep(std::int64_t handle, std::uint64_t changes) {
    cache_.Keep(changes, handle, TokenRowOf(handle, ""));
  }
  bool Holds(std::int64_t handle) {
    const auto row = cache_.Find(std::vector{handle}).at(0);
    EXPECT_TRUE(row == nullptr || SameToken(*row, TokenRowOf(handle, "")));
    return row != nullptr;
  }

  store::RecentTokens recent_;
  store::TokenCache<std::int64_t> cache_{recent_, kLimit};
};

TEST_F(TokenCacheTest, WhatWasKeptIsFoundInTheOrderAskedFor) {
  Keep(1);
  Keep(2);
  const auto rows = cache_.Find(std::vector<std::int64_t>{2, 3, 1});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]->handle, 2);
  EXPECT_EQ(rows[1], nullptr);
  EXPECT_EQ(rows[2]->handle, 1);
}

TEST_F(TokenCacheTest, ARowThatChangedIsNotHeldUntilItIsReadAgain) {
  Keep(1);
  Keep(2);
  recent_.AddChanged({1});
  EXPECT_FALSE(Holds(1));
  EXPECT_TRUE(Holds(2));
  Keep(1);
  EXPECT_TRUE(Holds(1));
}

TEST_F(TokenCacheTest, AnUnknownChangeForgetsAllAndANewGenerationNone) {
  Keep(1);
  recent_.AddChanged({3});
  recent_.Forget();
  EXPECT_TRUE(Holds(1));
  recent_.AddUnknown();
  Keep(2);
  EXPECT_FALSE(Holds(1));
  EXPECT_TRUE(Holds(2));
}

TEST_F(TokenCacheTest, MoreChangesThanAreToldApartForgetAll) {
  Keep(1);
  for (std::int64_t handle = 2; handle < 70'000; handle += 100) {
    std::vector<std::int64_t> changed(100);
    std::iota(changed.begin(), changed.end(), handle);
    recent_.AddChanged(changed);
  }
  EXPECT_FALSE(Holds(1));
  Keep(1);
  EXPECT_TRUE(Holds(1));
}

TEST_F(TokenCacheTest, ARowThatWasReadBeforeAChangeIsNotHeldAfterIt) {
  const std::uint64_t before = recent_.changes();
  recent_.AddChanged({1});
  Keep(1, before);
  EXPECT_FALSE(Holds(1));
  Keep(2, before);
  EXPECT_TRUE(Holds(2));
  // Whoever read it in time may come before whoever did not.
  Keep(1);
  Keep(1, before);
  EXPECT_TRUE(Holds(1));
}

TEST_F(TokenCacheTest, NoMoreThanTheLimitAreHeldAndTheUsedOnesLongest) {
  for (std::int64_t handle = 1; handle <= 4; ++handle) Keep(handle);
  EXPECT_TRUE(Holds(1));
  EXPECT_TRUE(Holds(3));
  Keep(5);
  Keep(6);
  std::vector<std::int64_t> held;
  for (std::int64_t handle = 1; handle <= 6; ++handle) {
    if (Holds(handle)) held.push_back(handle);
  }
  EXPECT_EQ(held, (std::vector<std::int64_t>{1, 3, 5, 6}));
}

TEST_F(TokenCacheTest, OneThatIsKeptTwiceTakesOnePlace) {
  for (int i = 0; i < 10; ++i) Keep(1);
  for (std::int64_t handle = 2; handle <= 4; ++handle) Keep(handle);
  for (int i = 0; i < 10; ++i) Keep(4);
  for (std::int64_t handle = 1; handle <= 4; ++handle) EXPECT_TRUE(Holds(handle)) << handle;
}

TEST_F(TokenCacheTest, WhenAllAreUsedOneGoesAllTheSame) {
  for (std::int64_t handle = 1; handle <= 4; ++handle) Keep(handle);
  for (std::int64_t handle = 1; handle <= 4; ++handle) EXPECT_TRUE(Holds(handle));
  Keep(5);
  EXPECT_TRUE(Holds(5));
  EXPECT_FALSE(Holds(1));
}

}  // namespace
}  // namespace keysvc::testing
