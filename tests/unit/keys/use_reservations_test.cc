#include "keysvc/keys/use_reservations.h"

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/own_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::KeyWorld;
using keysvc::testing::LoggedRecord;
using keysvc::testing::LoggedRecords;
using keysvc::testing::MemoryStore;

const tokenizer::Profile kCards{"acme", "cards", 1, false};
const KeyVersionName kFirst{DataKeyOf(kCards), 1};

absl::Status Away() { return Error(Reason::kHsmUnavailable, "the token is away"); }

class UseReservationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.use_limits = {.block = 100, .stop = 1000};
    ASSERT_OK(world_.Start());
    ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
    StartReservations();
  }
  void TearDown() override { reservations_.reset(); }

  void StartReservations() {
    auto reservations = UseReservations::Start(
        world_.registry(),
        [this](std::string_view word, std::string_view version) {
          const std::lock_guard lock(mutex_);
          alarms_.push_back(std::string(word) + " " + std::string(version));
        },
        absl::Milliseconds(1));
    ASSERT_OK(reservations);
    reservations_ = *std::move(reservations);
  }
  // As after a SIGKILL in the middle of a block.
  void Restart() {
    reservations_.reset();
    ASSERT_OK(world_.Restart());
    StartReservations();
  }
  std::shared_ptr<KeyUses> uses(const KeyVersionName& version = kFirst) {
    return world_.registry().uses().Find(version);
  }
  // What is stored as reserved.
  std::uint64_t Durable(const KeyVersionName& version = kFirst) {
    const auto rows = world_.store.Snapshot().keys;
    return rows.at({version.key.tenant, version.key.key, version.version}).reserved_uses;
  }
  // Takes one use after the other until `count` are taken, however often the next block is late.
  void TakeAll(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      absl::Status taken = uses()->Take(1);
      while (ReasonOf(taken) == Reason::kKeyUsesNotReserved) {
        std::this_thread::yield();
        taken = uses()->Take(1);
      }
      ASSERT_OK(taken);
      ASSERT_LE(uses()->taken(), Durable());
    }
  }
  std::vector<LoggedRecord> Reservations() {
    std::vector<LoggedRecord> found;
    for (const LoggedRecord& record : LoggedRecords(world_.store)) {
      if (record.action == "KeyService.ReserveUses") found.push_back(record);
    }
    return found;
  }

  std::vector<std::string> Alarms() {
    const std::lock_guard lock(mutex_);
    return alarms_;
  }

  // Until there are so many, or it is clear that they do not come.
  void AwaitAlarms(std::size_t count) {
    const absl::Time late = absl::Now() + absl::Seconds(20);
    while (Alarms().size() < count && absl::Now() < late) std::this_thread::yield();
  }

  KeyWorld world_;
  std::mutex mutex_;
  std::vector<std::string> alarms_;
  std::unique_ptr<UseReservations> reservations_;
};

TEST_F(UseReservationsTest, TheFirstBlockComesWithTheVersionItself) {
  EXPECT_EQ(Durable(), 100u);
  EXPECT_EQ(uses()->taken(), 0u);
  EXPECT_TRUE(Reservations().empty());
  // Only what seals again and again under one key is counted.
  EXPECT_EQ(uses({RequestKeyOf("acme"), 1}), nullptr);
  EXPECT_EQ(uses({TokenKeyOf("acme"), 1}), nullptr);
  EXPECT_EQ(uses({RowMacKeyOf("acme"), 1}), nullptr);
}

TEST_F(UseReservationsTest, BlocksAreRecordedBySystemAheadOfTheirUse) {
  TakeAll(560);
  ASSERT_FALSE(Reservations().empty());
  for (const LoggedRecord& record : Reservations()) {
    EXPECT_EQ(record.actor, "system");
    EXPECT_EQ(record.resource, kFirst.ToString());
    EXPECT_EQ(record.outcome, "success");
  }
  ASSERT_OK(world_.Rotate(kFirst.key));  // in step with what reservations wrote
  EXPECT_EQ(uses({kFirst.key, 2})->taken(), 0u);
}

TEST_F(UseReservationsTest, ASealIsAUse) {
  OpenedKeys keys(world_.registry());
  const auto data = keys.DataKey(kCards);
  ASSERT_OK(data);
  for (int i = 0; i < 7; ++i) ASSERT_OK(data->key->Seal(crypto::AsBytes("card"), ""));
  EXPECT_EQ(uses()->taken(), 7u);
  const auto versions = world_.registry().Versions(kFirst.key);
  ASSERT_OK(versions);
  EXPECT_EQ(versions->front().uses, 7u);
  EXPECT_EQ(versions->front().use_limit, 1000u);
}

TEST_F(UseReservationsTest, ARestartLosesTheRestOfABlockAndReusesNothing) {
  std::uint64_t taken_before = 0;
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK(uses()->Take(3));
    taken_before = uses()->taken();
    const std::uint64_t durable = Durable();
    Restart();
    EXPECT_GE(uses()->taken(), durable);
    EXPECT_GT(uses()->taken(), taken_before);
    EXPECT_OK(uses()->Take(1));
    EXPECT_LE(uses()->taken(), Durable());
  }
}

TEST_F(UseReservationsTest, AtTheStopNothingIsSealedUntilTheKeyIsRotated) {
  TakeAll(1000);
  EXPECT_THAT(uses()->Take(1), HasReason(Reason::kKeyUsesExhausted));
  Restart();
  EXPECT_THAT(uses()->Take(1), HasReason(Reason::kKeyUsesExhausted));
  OpenedKeys keys(world_.registry());
  EXPECT_THAT(keys.DataKey(kCards)->key->Seal(crypto::AsBytes("card"), ""),
              HasReason(Reason::kKeyUsesExhausted));
  EXPECT_OK(keys.DataKey(kCards, 1));
  ASSERT_OK(world_.Rotate(kFirst.key));
  EXPECT_OK(keys.DataKey(kCards)->key->Seal(crypto::AsBytes("card"), ""));
}

TEST_F(UseReservationsTest, AtFourFifthsAndAtTheStopThereIsAnAlarm) {
  TakeAll(500);
  EXPECT_TRUE(Alarms().empty());
  TakeAll(499);
  const std::string name = kFirst.ToString();
  // The last block is no reason yet to say that nothing can be sealed.
  std::vector<std::string> expected(3, "KEY_USES_DUE " + name);
  AwaitAlarms(3);
  EXPECT_EQ(Alarms(), expected);
  TakeAll(1);
  EXPECT_THAT(uses()->Take(1), HasReason(Reason::kKeyUsesExhausted));
  expected.push_back("KEY_USES_EXHAUSTED " + name);
  AwaitAlarms(4);
  EXPECT_EQ(Alarms(), expected);
  std::size_t due = 0;
  for (const auto& [index, leaf] : world_.store.Snapshot().leaves) {
    if (leaf.body.find("rotation_due") != std::string::npos) ++due;
  }
  EXPECT_EQ(due, 1u);
  Restart();
  expected.push_back("KEY_USES_EXHAUSTED " + name);
  EXPECT_EQ(Alarms(), expected);
}

TEST_F(UseReservationsTest, WithoutTheHsmABlockRunsOutAndComesBackWithIt) {
  world_.hsm.FailAlways(HsmVerb::kSign, Away());
  ASSERT_OK(uses()->Take(100));
  EXPECT_THAT(uses()->Take(1), HasReason(Reason::kKeyUsesNotReserved));
  EXPECT_EQ(Durable(), 100u);
  world_.hsm.Heal();
  TakeAll(1);
  EXPECT_EQ(Durable(), 200u);
}

TEST_F(UseReservationsTest, ABlockWhoseRecordIsInDoubtIsSettledAndNeverGivenTwice) {
  for (const auto fault :
       {MemoryStore::CommitFault::kDoneButUnknown, MemoryStore::CommitFault::kLostAndUnknown,
        MemoryStore::CommitFault::kRefused}) {
    Restart();
    const std::uint64_t before = Durable();
    world_.store.FailCommit(fault);
    ASSERT_OK(uses()->Take(before - uses()->taken()));
    TakeAll(30);
    EXPECT_LE(uses()->taken(), Durable());
  }
  Restart();
  EXPECT_OK(uses()->Take(1));
}

}  // namespace
}  // namespace keysvc::keys
