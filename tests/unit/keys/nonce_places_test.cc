// How much is remembered of what is accepted once, and that it is never more.
#include "keysvc/keys/nonce_places.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "http/message.h"
#include "keysvc/keys/accepted_nonce.h"
#include "keysvc/keys/presented_webhook.h"
#include "keysvc/keys/webhook_signature.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using keysvc::testing::MemoryStore;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
constexpr char kPayload[] = R"({"type":"payment.settled"})";
constexpr char kBank[] = "SigningService.VerifyHttpMessage tenants/acme/partnerKeys/bank";
constexpr char kShop[] = "SigningService.VerifyHttpMessage tenants/acme/partnerKeys/shop";
constexpr std::int64_t kMinute = 60'000;

store::IdempotencyRow Row(std::string hash, std::int64_t minute = 10,
                          const std::string& principal = kBank) {
  return {.principal = principal,
          .request_id = std::move(hash),
          .fingerprint = {},
          .answer = {},
          .expires_ms = minute * kMinute};
}

absl::Time Minute(std::int64_t minute) { return absl::FromUnixMillis(minute * kMinute); }

// For as long as its row lasts.
absl::Status Take(NoncePlaces& places, const store::IdempotencyRow& row,
                  absl::Time now = Minute(0)) {
  absl::StatusOr<NoncePlace> place = places.Take(row, now);
  if (place.ok()) place->Keep();
  return place.status();
}

TEST(NoncePlaces, AKeyHasSoManyAndTakesNoneOfAnother) {
  NoncePlaces places(2);
  EXPECT_OK(Take(places, Row("a")));
  EXPECT_OK(Take(places, Row("b")));
  EXPECT_THAT(Take(places, Row("c")), HasReason(Reason::kNoncesExhausted));
  EXPECT_OK(Take(places, Row("c", 10, kShop)));
  EXPECT_THAT(Take(places, Row("c", 10, "checkout")), HasReason(Reason::kInternal));
}

TEST(NoncePlaces, APlaceThatIsNotKeptIsGivenBack) {
  NoncePlaces places(1);
  {
    absl::StatusOr<NoncePlace> first = places.Take(Row("a"), Minute(0));
    ASSERT_OK(first);
    EXPECT_THAT(Take(places, Row("b")), HasReason(Reason::kNoncesExhausted));
    const NoncePlace moved = *std::move(first);
    EXPECT_THAT(Take(places, Row("b")), HasReason(Reason::kNoncesExhausted));
  }
  EXPECT_OK(Take(places, Row("b")));
}

TEST(NoncePlaces, CallsThatWouldWriteTheSameRowShareOne) {
  NoncePlaces places(2);
  {
    absl::StatusOr<NoncePlace> first = places.Take(Row("a"), Minute(0));
    const absl::StatusOr<NoncePlace> second = places.Take(Row("a"), Minute(0));
    ASSERT_OK(first);
    ASSERT_OK(second);
    first->Keep();
    EXPECT_OK(places.Take(Row("b"), Minute(0)));
  }
  EXPECT_OK(Take(places, Row("b")));
  EXPECT_THAT(Take(places, Row("c")), HasReason(Reason::kNoncesExhausted));
}

TEST(NoncePlaces, APlaceIsFreeInTheMinuteInWhichItsRowEnds) {
  NoncePlaces places(2);
  EXPECT_OK(Take(places, Row("later", 12)));
  EXPECT_OK(Take(places, Row("sooner", 10)));
  const auto at = [&](absl::Time now) { return places.Take(Row("c", 50), now).status(); };
  EXPECT_THAT(at(Minute(10) - absl::Milliseconds(1)), HasReason(Reason::kNoncesExhausted));
  EXPECT_OK(at(Minute(10)));
  EXPECT_OK(Take(places, Row("c", 50), Minute(10)));
  EXPECT_THAT(at(Minute(12) - absl::Milliseconds(1)), HasReason(Reason::kNoncesExhausted));
  EXPECT_OK(at(Minute(12)));
}

TEST(NoncePlaces, WhatIsStoredIsCountedAndRowsOfOtherRequestsAreNot) {
  NoncePlaces places(2);
  places.CountStored("checkout", 10 * kMinute);
  places.CountStored(kBank, 10 * kMinute - 1);
  places.CountStored(kShop, 10 * kMinute);
  EXPECT_OK(Take(places, Row("a")));
  EXPECT_THAT(Take(places, Row("b")), HasReason(Reason::kNoncesExhausted));
  EXPECT_THAT(Take(places, Row("b"), Minute(10) - absl::Milliseconds(1)),
              HasReason(Reason::kNoncesExhausted));
  EXPECT_OK(Take(places, Row("b", 20), Minute(10)));
}

TEST(NoncePlaces, ThreadsThatRaceNeverTakeMoreThanThereAre) {
  NoncePlaces places(100);
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i) {
          if (Take(places, Row(absl::StrCat(thread, "-", i), 10 + i % 3)).ok()) ++taken;
          places.Take(Row("the same"), Minute(0)).status().IgnoreError();
        }
      });
    }
  }
  EXPECT_LE(taken, 100);
  while (Take(places, Row(absl::StrCat("more-", taken.load()))).ok()) ++taken;
  EXPECT_EQ(taken, 100);
}

class NonceBoundTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    for (const KeyName& key : {kHooks, kOther}) {
      ASSERT_OK(
          world_.Create(key, {Purpose::kWebhook, Algorithm::kEd25519, Protection::kHsm, kYear}));
    }
    Restart(2);
  }
  // As after a kill, with so many places for a key from now on.
  void Restart(std::size_t per_key) {
    Close();
    ASSERT_OK(world_.Restart());
    accepted_per_key_ = per_key;
    Open();
  }

  // A webhook under this id, signed now, to be accepted once.
  VerifyRequest Webhook(const std::string& id, const KeyName& key = kHooks) {
    const auto signature =
        Sign(SignRequest{key, std::make_shared<WebhookSignature>(id, kPayload), {}, {}});
    EXPECT_OK(signature);
    std::vector<http::Field> fields;
    for (const auto line : absl::StrSplit(signature->bytes, '\n', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      fields.push_back({parts.first, parts.second});
    }
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedWebhook>(std::move(fields), kPayload);
    request.max_age = absl::Minutes(5);
    request.once = true;
    return request;
  }
  // Once the log can be written again.
  absl::StatusOr<Verification> VerifyInTheEnd(const VerifyRequest& request) {
    absl::StatusOr<Verification> verified = Verify(request);
    while (ReasonOf(verified.status()) == Reason::kAuditUnavailable) verified = Verify(request);
    return verified;
  }
  std::size_t Remembered() const { return world_.store.Snapshot().idempotency.size(); }

  static inline const KeyName kHooks{"acme", "hooks"};
  static inline const KeyName kOther{"acme", "other"};
};

TEST_F(NonceBoundTest, WhatFindsNoPlaceIsRefusedAndNothingIsStored) {
  VerifyRequest first = Webhook("msg_1");
  first.request_id = kRequestId;
  EXPECT_TRUE(Verify(first)->valid());
  EXPECT_TRUE(Verify(Webhook("msg_2"))->valid());
  const std::size_t remembered = Remembered();

  EXPECT_THAT(Verify(Webhook("msg_3")), HasReason(Reason::kNoncesExhausted));
  EXPECT_EQ(Remembered(), remembered);
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.VerifyWebhook");
  EXPECT_EQ(LastCall(world_.store).reason, "NONCES_EXHAUSTED");

  // Of what was accepted everything is said as before, and what is not accepted once needs none.
  EXPECT_EQ(Verify(Webhook("msg_2"))->fault, Fault::kReplayed);
  EXPECT_TRUE(Verify(first)->valid());
  VerifyRequest stateless = Webhook("msg_3");
  stateless.once = false;
  EXPECT_TRUE(Verify(stateless)->valid());
  EXPECT_TRUE(Verify(Webhook("msg_3", kOther))->valid());
}

TEST_F(NonceBoundTest, AStartCountsWhatIsStoredAndAMonthFreesIt) {
  EXPECT_TRUE(Verify(Webhook("msg_1"))->valid());
  world_.Advance(absl::Hours(1));
  EXPECT_TRUE(Verify(Webhook("msg_2"))->valid());
  Restart(2);
  EXPECT_THAT(Verify(Webhook("msg_3")), HasReason(Reason::kNoncesExhausted));
  EXPECT_EQ(Verify(Webhook("msg_1"))->fault, Fault::kReplayed);

  world_.Advance(kNonceKept);
  Restart(2);
  EXPECT_TRUE(Verify(Webhook("msg_3"))->valid()) << "the first one is forgotten";
  EXPECT_THAT(Verify(Webhook("msg_1")), HasReason(Reason::kNoncesExhausted));
  world_.Advance(absl::Hours(1));
  EXPECT_TRUE(Verify(Webhook("msg_1"))->valid()) << "so is the second, with no start between";
  EXPECT_THAT(Verify(Webhook("msg_4")), HasReason(Reason::kNoncesExhausted));
}

TEST_F(NonceBoundTest, AStoreThatHasMoreThanThereMayBeNowTakesNoMore) {
  EXPECT_TRUE(Verify(Webhook("msg_1"))->valid());
  EXPECT_TRUE(Verify(Webhook("msg_2"))->valid());
  Restart(1);
  EXPECT_THAT(Verify(Webhook("msg_3")), HasReason(Reason::kNoncesExhausted));
  Restart(3);
  EXPECT_TRUE(Verify(Webhook("msg_3"))->valid());
}

TEST_F(NonceBoundTest, WhatIsWrongOrReplayedTakesNoPlace) {
  EXPECT_TRUE(Verify(Webhook("msg_1"))->valid());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Verify(Webhook("msg_1"))->fault, Fault::kReplayed);
    VerifyRequest old = Webhook("msg_2");
    old.max_age = absl::Seconds(1);
    world_.Advance(absl::Seconds(2));
    EXPECT_EQ(Verify(old)->fault, Fault::kTooOld);
  }
  EXPECT_TRUE(Verify(Webhook("msg_2"))->valid());
}

TEST_F(NonceBoundTest, CallersWhoRaceTakeNoMorePlacesThanThereAreAndLeaveNoneUnused) {
  constexpr std::size_t kCallers = 8;
  std::vector<VerifyRequest> requests;
  for (std::size_t i = 0; i < kCallers; ++i)
    requests.push_back(Webhook(absl::StrCat("msg_", i / 2)));
  std::vector<std::optional<absl::StatusOr<Verification>>> answers(kCallers);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < kCallers; ++i) {
      callers.emplace_back([&, i] { answers[i].emplace(Verify(requests[i])); });
    }
  }
  int accepted = 0;
  for (const auto& answer : answers) {
    if (!answer->ok()) {
      EXPECT_THAT(*answer, HasReason(Reason::kNoncesExhausted));
    } else if ((*answer)->valid()) {
      ++accepted;
    } else {
      EXPECT_EQ((*answer)->fault, Fault::kReplayed);
    }
  }
  EXPECT_LE(accepted, 2);
  // A replay may hold the last place for a moment, until it is known for one.
  for (std::size_t i = 0; i < kCallers; i += 2) {
    const auto again = Verify(requests[i]);
    if (again.ok() && again->valid()) ++accepted;
  }
  EXPECT_EQ(accepted, 2);
}

TEST_F(NonceBoundTest, WhatWasNotWrittenGivesItsPlaceBackAndWhatMayBeWrittenKeepsIt) {
  world_.answer_within = absl::Milliseconds(500);
  Restart(1);
  ASSERT_OK(world_.journal().CheckpointNow());
  const VerifyRequest refused = Webhook("msg_1");
  const VerifyRequest unknown = Webhook("msg_2");
  const VerifyRequest next = Webhook("msg_3");
  world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100'000);
  EXPECT_THAT(Verify(refused), HasReason(Reason::kAuditUnavailable));
  world_.store.Heal();

  VerifyRequest stateless = refused;
  stateless.once = false;
  ASSERT_TRUE(VerifyInTheEnd(stateless)->valid());
  world_.store.HoldCommits();
  EXPECT_THAT(Verify(unknown), HasReason(Reason::kOutcomeUnknown));
  world_.store.ReleaseCommits();
  EXPECT_THAT(VerifyInTheEnd(next), HasReason(Reason::kNoncesExhausted));
  EXPECT_EQ(Verify(unknown)->fault, Fault::kReplayed);
}

}  // namespace
}  // namespace keysvc::keys
