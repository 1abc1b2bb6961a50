// What the journal does when the wall clock is set to another time.
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::LogTest;
using ::keysvc::testing::MemoryStore;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SomeEntry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ClockStepTest : public LogTest {
 protected:
  ClockStepTest() {
    options_.clock = [this] { return kNoon + absl::Seconds(passed_.load() + step_.load()); };
    options_.steady = [this] { return absl::Hours(9) + absl::Seconds(passed_.load()); };
  }

  // The bodies of all Log.ClockStep records.
  std::vector<std::string> Steps() {
    std::vector<std::string> bodies;
    for (const auto& [index, leaf] : store_.Snapshot().leaves) {
      if (leaf.header.find("Log.ClockStep") != std::string::npos) bodies.push_back(leaf.body);
    }
    return bodies;
  }

  const absl::Time kNoon = absl::FromUnixSeconds(1'767'268'800);  // 2026-01-01T12:00:00Z
  std::atomic<std::int64_t> passed_ = 0;                          // seconds
  std::atomic<std::int64_t> step_ = 0;
};

TEST_F(ClockStepTest, IsRecordedBeforeTheFirstRecordAfterIt) {
  const auto journal = Start();
  EXPECT_OK(journal->Record(SomeEntry()));
  passed_ = 10;
  step_ = 3600;
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_THAT(Actions(),
              ElementsAre("Log.Init", "Log.Head", "TokenService.Tokenize", "Log.ClockStep",
                          "TokenService.Tokenize", "TokenService.Tokenize"));
  EXPECT_THAT(Steps(), ElementsAre(HasSubstr(R"("from":"2026-01-01T12:00:10.000Z",)"
                                             R"("to":"2026-01-01T13:00:10.000Z")")));
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(ClockStepTest, BackwardIsRecordedAndDoesNotDisturbTheOrder) {
  const auto journal = Start();
  step_ = -86'400;
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_THAT(Steps(), ElementsAre(HasSubstr(R"("to":"2025-12-31T12:00:00.000Z")")));
  step_ = 0;
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_EQ(Steps().size(), 2U);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(ClockStepTest, ThatCouldNotBeWrittenIsRecordedLaterAndOnce) {
  const auto journal = Start();
  step_ = 3600;
  store_.FailCommit(MemoryStore::CommitFault::kLostAndUnknown);
  EXPECT_THAT(journal->Record(SomeEntry(), NewKey("a")), HasReason(Reason::kAuditUnavailable));
  while (!journal->healthy()) std::this_thread::yield();
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_EQ(Steps().size(), 1U);
  store_.FailCommit(MemoryStore::CommitFault::kDoneButUnknown);
  step_ = 0;
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_OK(journal->Record(SomeEntry()));
  EXPECT_EQ(Steps().size(), 2U);
}

TEST_F(ClockStepTest, IsRecordedByTheNextCheckpointWhenNothingElseIs) {
  const auto journal = Start();
  step_ = 3600;
  EXPECT_OK(journal->CheckpointNow());
  EXPECT_THAT(Actions(), ElementsAre("Log.Init", "Log.Head", "Log.ClockStep", "Log.Head"));
}

TEST_F(ClockStepTest, BehindTheNewestRecordIsNoticedAtTheStart) {
  Start()->Stop();
  step_ = -600;
  const auto journal = Start();
  EXPECT_THAT(Actions(), ElementsAre("Log.Init", "Log.Head", "Log.Stop", "Log.ClockStep",
                                     "Log.Start", "Log.Head"));
  EXPECT_THAT(Steps(), ElementsAre(HasSubstr(R"("from":"2026-01-01T12:00:00.000Z",)"
                                             R"("to":"2026-01-01T11:50:00.000Z")")));
}

TEST_F(ClockStepTest, ForwardEndsNoKeptAnswer) {
  const auto journal = Start();
  const auto kept = [&](const std::string& request_id) {
    store::Mutation mutation;
    mutation.idempotency =
        store::IdempotencyRow{.principal = "checkout",
                              .request_id = request_id,
                              .fingerprint = "f",
                              .answer = "a",
                              .expires_ms = absl::ToUnixMillis(options_.clock() + absl::Hours(24))};
    return mutation;
  };
  EXPECT_OK(journal->Record(SomeEntry(), kept("before")));
  step_ = 400 * 86'400;
  EXPECT_OK(journal->Record(SomeEntry(), kept("other")));
  EXPECT_THAT(journal->Record(SomeEntry(), kept("before")), HasReason(Reason::kConflict));
  step_ = 0;
  EXPECT_THAT(journal->Record(SomeEntry(), kept("before")), HasReason(Reason::kConflict));
  passed_ = 86'401;
  EXPECT_OK(journal->Record(SomeEntry(), kept("before")));
}

TEST_F(ClockStepTest, IsNoneWhileTheServiceWasStopped) {
  Start()->Stop();
  step_ = 86'400;
  const auto journal = Start();
  EXPECT_THAT(Steps(), IsEmpty());
}

}  // namespace
}  // namespace keysvc::audit
