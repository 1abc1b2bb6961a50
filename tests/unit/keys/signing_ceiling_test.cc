// Keys that may sign so often only.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/use_reservations.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;

class SigningCeilingTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    StartReservations();
  }
  void TearDown() override {
    reservations_.reset();
    SigningTest::TearDown();
  }

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
  // As after a SIGKILL.
  void Restart() {
    reservations_.reset();
    Close();
    ASSERT_OK(world_.Restart());
    Open();
    StartReservations();
  }
  std::size_t Count(const std::string& word) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count(alarms_.begin(), alarms_.end(), word + " tenants/acme/keys/bank/versions/1"));
  }

  KeyParameters Ceiling(std::uint64_t most) {
    KeyParameters parameters;
    parameters.max_signatures = most;
    return parameters;
  }
  absl::StatusOr<Signature> SignOnce(const std::string& request_id = {}) {
    return Sign(
        {kKey,
         std::make_shared<MessageSignature>("pay", SignatureEncoding::kDer, RsaPadding::kPss),
         request_id,
         {}});
  }

  const KeyName kKey{"acme", "bank"};
  std::mutex mutex_;
  std::vector<std::string> alarms_;
  std::unique_ptr<UseReservations> reservations_;
};

TEST_F(SigningCeilingTest, AKeySignsAsOftenAsItMayAndThenNotUntilItIsRotated) {
  ASSERT_OK(world_.Create(kKey, Ceiling(12)));
  for (int i = 0; i < 12; ++i) ASSERT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kKeyUsesExhausted));
  EXPECT_EQ(keysvc::testing::LastCall(world_.store).reason, "KEY_USES_EXHAUSTED");
  const auto versions = world_.registry().Versions(kKey);
  EXPECT_EQ(versions->front().uses, 12u);
  EXPECT_EQ(versions->front().use_limit, 12u);
  EXPECT_GT(Count("KEY_USES_DUE"), 0u);
  const absl::Time late = absl::Now() + absl::Seconds(20);
  while (Count("KEY_USES_EXHAUSTED") == 0 && absl::Now() < late) std::this_thread::yield();
  EXPECT_EQ(Count("KEY_USES_EXHAUSTED"), 1u);
  Restart();
  EXPECT_THAT(SignOnce(), HasReason(Reason::kKeyUsesExhausted));
  EXPECT_EQ(Count("KEY_USES_EXHAUSTED"), 2u);
  ASSERT_OK(world_.Rotate(kKey));
  EXPECT_EQ(SignOnce()->key_version.version, 2u);
}

TEST_F(SigningCeilingTest, RestartsNeverGiveOneBack) {
  ASSERT_OK(world_.Create(kKey, Ceiling(40)));
  int signatures = 0;
  while (signatures <= 40) {
    const auto signature = SignOnce();
    if (!signature.ok()) {
      EXPECT_THAT(signature, HasReason(Reason::kKeyUsesExhausted));
      break;
    }
    if (++signatures % 3 == 0) Restart();
  }
  EXPECT_LE(signatures, 40);
  // A restart loses a block at most, which is one use here.
  EXPECT_GE(signatures, 26);
}

TEST_F(SigningCeilingTest, SixtyFourCallersAtOnceNeverPassIt) {
  ASSERT_OK(world_.Create(kKey, Ceiling(500)));
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 64; ++i) {
      callers.emplace_back([&] {
        for (int n = 0; n < 10; ++n) {
          auto signature = SignOnce();
          while (ReasonOf(signature.status()) == Reason::kKeyUsesNotReserved) {
            signature = SignOnce();
          }
          if (signature.ok()) {
            ++made;
          } else if (ReasonOf(signature.status()) == Reason::kKeyUsesExhausted) {
            ++refused;
          }
        }
      });
    }
  }
  EXPECT_EQ(made, 500);
  EXPECT_EQ(refused, 140);
}

TEST_F(SigningCeilingTest, ABatchTakesOneForEachMessageAndARepetitionNone) {
  ASSERT_OK(world_.Create(kKey, Ceiling(10)));
  constexpr char kRequest[] = "1b7f6a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
  const auto first = SignOnce(kRequest);
  ASSERT_OK(first);
  EXPECT_EQ(SignOnce(kRequest)->bytes, first->bytes);
  BatchSignRequest batch;
  batch.key = kKey;
  for (int i = 0; i < 11; ++i) {
    batch.formats.push_back(std::make_shared<MessageSignature>(
        i == 0 ? "" : "pay", SignatureEncoding::kDer, RsaPadding::kPss));
  }
  const auto signatures = SignBatch(batch);
  ASSERT_OK(signatures);
  EXPECT_THAT(signatures->front(), HasReason(Reason::kFieldRequired));
  for (std::size_t i = 1; i <= 9; ++i) EXPECT_OK(signatures->at(i));
  EXPECT_THAT(signatures->back(), HasReason(Reason::kKeyUsesExhausted));
}

TEST_F(SigningCeilingTest, WhatIsNotReservedIsNotSigned) {
  ASSERT_OK(world_.Create(kKey, Ceiling(10)));
  ASSERT_OK(SignOnce());
  reservations_.reset();
  while (SignOnce().ok()) {
  }
  EXPECT_THAT(SignOnce(), HasReason(Reason::kKeyUsesNotReserved));
  StartReservations();
  auto signature = SignOnce();
  while (ReasonOf(signature.status()) == Reason::kKeyUsesNotReserved) {
    std::this_thread::yield();
    signature = SignOnce();
  }
  EXPECT_OK(signature);
}

TEST_F(SigningCeilingTest, TheNextVersionHasItsOwnCeilingAndOtherKeysNone) {
  ASSERT_OK(world_.Create(kKey, Ceiling(3)));
  ASSERT_OK(world_.CreateVersion(kKey));
  const auto prepared = world_.registry().Versions(kKey)->back();
  EXPECT_EQ(prepared.uses, 0u);
  EXPECT_EQ(prepared.use_limit, 3u);
  for (int i = 0; i < 3; ++i) ASSERT_OK(SignOnce());
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(SignOnce()->key_version.version, 2u);
  EXPECT_THAT(SignOnce(), HasReason(Reason::kKeyUsesExhausted));
  const KeyName other{"acme", "orders"};
  ASSERT_OK(world_.Create(other, {}));
  EXPECT_EQ(world_.registry().uses().Find({other, 1}), nullptr);
  EXPECT_EQ(world_.registry().Versions(other)->front().use_limit, 0u);
}

}  // namespace
}  // namespace keysvc::keys
