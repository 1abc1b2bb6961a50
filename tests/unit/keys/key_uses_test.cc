#include "keysvc/keys/key_uses.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using ::testing::ElementsAre;

const KeyVersionName kVersion{{"acme", "cards-data"}, 1};
constexpr UseLimits kSmall{.block = 100, .stop = 1000};

class KeyUsesTest : public ::testing::Test {
 protected:
  std::unique_ptr<KeyUses> Uses(std::uint64_t taken, std::uint64_t reserved) {
    return std::make_unique<KeyUses>(kVersion, kSmall, taken, reserved, wanted_);
  }
  std::set<KeyVersionName> Wanted() {
    std::stop_source stopped;
    stopped.request_stop();
    return wanted_->Await(stopped.get_token());
  }
  const std::shared_ptr<WantedBlocks> wanted_ = std::make_shared<WantedBlocks>();
};

TEST_F(KeyUsesTest, WhatIsReservedIsGivenOutOnceAndNothingBeyond) {
  const auto uses = Uses(0, 100);
  EXPECT_OK(uses->Take(60));
  EXPECT_THAT(uses->Take(41), HasReason(Reason::kKeyUsesNotReserved));
  EXPECT_OK(uses->Take(40));
  EXPECT_TRUE(uses->empty());
  EXPECT_THAT(uses->Take(1), HasReason(Reason::kKeyUsesNotReserved));
  uses->Grant(200);
  EXPECT_OK(uses->Take(100));
  EXPECT_EQ(uses->taken(), 200u);
}

TEST_F(KeyUsesTest, TheNextBlockIsAskedForOnceWhenHalfIsLeft) {
  const auto uses = Uses(0, 100);
  ASSERT_OK(uses->Take(49));
  EXPECT_TRUE(Wanted().empty());
  ASSERT_OK(uses->Take(1));
  EXPECT_THAT(Wanted(), ElementsAre(kVersion));
  ASSERT_OK(uses->Take(1));
  EXPECT_TRUE(Wanted().empty());
  uses->Grant(200);
  ASSERT_OK(uses->Take(99));
  EXPECT_THAT(Wanted(), ElementsAre(kVersion));
}

TEST_F(KeyUsesTest, OfASmallCeilingTheNextUseIsAskedForWhenTheLastOneIsTaken) {
  KeyParameters parameters;
  for (const std::uint64_t most : {2U, 10U, 199U}) {
    parameters.max_signatures = most;
    KeyUses uses(kVersion, *LimitsOf(parameters, kSmall), 0, 1, wanted_);
    ASSERT_OK(uses.Take(1));
    EXPECT_THAT(Wanted(), ElementsAre(kVersion)) << most;
  }
}

TEST_F(KeyUsesTest, TheStopIsFinalAndSaidOnce) {
  const auto uses = Uses(998, 1000);
  EXPECT_OK(uses->Take(1));
  EXPECT_FALSE(uses->exhausted());
  EXPECT_TRUE(Wanted().empty());
  EXPECT_OK(uses->Take(1));
  EXPECT_TRUE(uses->exhausted());
  EXPECT_THAT(Wanted(), ElementsAre(kVersion));
  EXPECT_THAT(uses->Take(1), HasReason(Reason::kKeyUsesExhausted));
  EXPECT_TRUE(Wanted().empty());
  const auto few = Uses(998, 1000);
  EXPECT_THAT(few->Take(3), HasReason(Reason::kKeyUsesExhausted));
  EXPECT_TRUE(few->exhausted());
  EXPECT_THAT(Wanted(), ElementsAre(kVersion));
  EXPECT_OK(few->Take(2));
  EXPECT_TRUE(Wanted().empty());
  EXPECT_TRUE(Uses(1000, 1000)->exhausted());
  EXPECT_EQ(kSmall.Next(950), 1000u);
  EXPECT_EQ(kSmall.Next(1000), 1000u);
}

TEST_F(KeyUsesTest, ALowerBoundThanKnownChangesNothing) {
  const auto uses = Uses(0, 100);
  uses->Grant(40);
  EXPECT_OK(uses->Take(100));
  EXPECT_EQ(uses->taken(), 100u);
}

TEST_F(KeyUsesTest, SixtyFourThreadsGetNoUseTwice) {
  constexpr UseLimits kLimits{.block = 1000, .stop = 64'000};
  KeyUses uses(kVersion, kLimits, 0, 0, wanted_);
  std::atomic<std::uint64_t> given = 0;
  std::atomic<bool> granted_all = false;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 64; ++i) {
      threads.emplace_back([&, seals = static_cast<std::uint64_t>(i % 5 + 1)] {
        while (true) {
          const bool last = granted_all;
          if (uses.Take(seals).ok()) {
            given += seals;
          } else if (last) {
            return;
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
    for (std::uint64_t bound = 1000; bound <= kLimits.stop; bound += 1000) uses.Grant(bound);
    granted_all = true;
  }
  EXPECT_EQ(given, uses.taken());
  EXPECT_LE(given, kLimits.stop);
  EXPECT_GE(given, kLimits.stop - 4);
}

TEST_F(KeyUsesTest, WhoWaitsGetsTheNextBlock) {
  const auto uses = Uses(100, 100);
  absl::Status waited;
  {
    std::jthread waiting([&] { waited = uses->TakeWithin(1, absl::Minutes(1)); });
    uses->Grant(200);
  }
  EXPECT_OK(waited);
  EXPECT_EQ(uses->taken(), 101u);
}

TEST_F(KeyUsesTest, OnceOneHasWaitedInVainTheOthersHearItAtOnceUntilTheNextBlock) {
  const auto uses = Uses(100, 100);
  const auto late = HasReason(Reason::kKeyUsesNotReserved);
  EXPECT_THAT(uses->TakeWithin(1, absl::Milliseconds(1)), late);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(uses->TakeWithin(1, absl::Seconds(5)), late);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  uses->Grant(200);
  EXPECT_OK(uses->TakeWithin(100, absl::Minutes(1)));
  absl::Status waited;
  {
    std::jthread waiting([&] { waited = uses->TakeWithin(1, absl::Minutes(1)); });
    while (Wanted().empty()) std::this_thread::yield();
    uses->Grant(300);
  }
  EXPECT_OK(waited);
}

TEST_F(KeyUsesTest, ACeilingIsReachedExactlyAndARestartLosesAHundredthOfIt) {
  KeyParameters parameters;
  EXPECT_EQ(LimitsOf(parameters, kSmall), std::nullopt);
  for (const std::uint64_t most : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{99},
                                   std::uint64_t{10'000}, std::uint64_t{1} << 40}) {
    parameters.max_signatures = most;
    const auto limits = LimitsOf(parameters, kSmall);
    ASSERT_TRUE(limits.has_value());
    EXPECT_EQ(limits->stop, most);
    EXPECT_GE(limits->block, 1u);
    EXPECT_LE(limits->block, std::max<std::uint64_t>(1, most / 100));
    EXPECT_GT(limits->due(), 0u);
    EXPECT_LE(limits->due(), most);
    EXPECT_EQ(limits->Next(most - 1), most);
  }
  parameters = {.purpose = Purpose::kData,
                .algorithm = Algorithm::kAes256,
                .protection = Protection::kEnvelope};
  EXPECT_EQ(LimitsOf(parameters, kSmall)->stop, kSmall.stop);
}

TEST_F(KeyUsesTest, BlocksOfACeilingLastForAWhileAndAThousandRestartsLeaveMostOfALargeOne) {
  KeyParameters parameters;
  parameters.max_signatures = 10'000'000;
  EXPECT_EQ(LimitsOf(parameters, kSmall)->block, 100'000U);
  parameters.max_signatures = std::uint64_t{1} << 40;
  const UseLimits limits = *LimitsOf(parameters, kSmall);
  EXPECT_GE(limits.block, 1'000'000U);
  std::uint64_t reserved = 0;
  for (int i = 0; i < 1000; ++i) reserved = limits.Next(reserved);
  EXPECT_LE(reserved, limits.stop / 500);
}

TEST_F(KeyUsesTest, AThousandRestartsCostAnEighthOfTheLimit) {
  const UseLimits limits;
  std::uint64_t reserved = 0;
  for (int i = 0; i < 1000; ++i) reserved = limits.Next(reserved);
  EXPECT_LE(reserved, limits.stop / 8);
  EXPECT_EQ(limits.stop, std::uint64_t{1} << 31);
}

}  // namespace
}  // namespace keysvc::keys
