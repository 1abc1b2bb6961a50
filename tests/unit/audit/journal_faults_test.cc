#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::Answers;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::LogTest;
using ::keysvc::testing::MemoryStore;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SomeEntry;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using CommitFault = MemoryStore::CommitFault;
using Step = MemoryStore::Step;

class JournalFaultsTest : public LogTest {
 protected:
  // Submits until the log is back. Each refusal is counted by the journal, so it ends.
  void AwaitRecovery(Journal& journal) {
    while (!journal.healthy()) std::this_thread::yield();
  }
  std::size_t Count(const std::string& action) {
    const std::vector<std::string> actions = Actions();
    return static_cast<std::size_t>(std::count(actions.begin(), actions.end(), action));
  }
  // The body of the only Log.Outage record.
  std::string OutageBody() {
    std::string body;
    for (const auto& [index, leaf] : store_.Snapshot().leaves) {
      if (leaf.header.find("Log.Outage") != std::string::npos) body = leaf.body;
    }
    return body;
  }
  bool Holds(const std::string& request_id) {
    for (const auto& [index, leaf] : store_.Snapshot().leaves) {
      if (leaf.body.find("\"" + request_id + "\"") != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(JournalFaultsTest, ACommitThatLandedUnheardIsAcknowledged) {
  const auto journal = Start();
  store_.FailCommit(CommitFault::kDoneButUnknown);
  EXPECT_OK(journal->Record(SomeEntry("a"), NewKey("a")));
  EXPECT_TRUE(journal->healthy());
  EXPECT_EQ(store_.reopens(), 1);
  EXPECT_EQ(Count("Log.Outage"), 0U);
  EXPECT_OK(journal->Record(SomeEntry("b")));
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalFaultsTest, ACommitThatWasLostIsRefusedAndTheOutageIsRecorded) {
  const auto journal = Start();
  store_.FailCommit(CommitFault::kLostAndUnknown);
  EXPECT_THAT(journal->Record(SomeEntry("a"), NewKey("a")), HasReason(Reason::kAuditUnavailable));
  AwaitRecovery(*journal);
  EXPECT_OK(journal->Record(SomeEntry("b"), NewKey("a")));
  EXPECT_FALSE(Holds("a"));
  EXPECT_EQ(Count("Log.Outage"), 1U);
  EXPECT_THAT(OutageBody(), HasSubstr(R"("unknown":"0")"));
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalFaultsTest, AStartThatCannotBeRecordedIsNone) {
  for (const CommitFault fault :
       {CommitFault::kRefused, CommitFault::kDoneButUnknown, CommitFault::kLostAndUnknown}) {
    store_.FailCommit(fault);
    store_.Fail(Step::kReopen);
    const auto journal = TryStart();
    EXPECT_THAT(journal, HasReason(Reason::kAuditUnavailable));
    store_.Heal();
  }
  EXPECT_OK(ExportAndVerify(*Start()));
}

TEST_F(JournalFaultsTest, EveryStepBeforeTheCommitMayFailWithoutATrace) {
  const auto journal = Start();
  std::size_t outages = 0;
  for (const Step step : {Step::kBegin, Step::kApply, Step::kAppendLeaf, Step::kPutFrontier}) {
    store_.Fail(step);
    EXPECT_THAT(journal->Record(SomeEntry("lost"), NewKey("a")),
                HasReason(Reason::kAuditUnavailable));
    AwaitRecovery(*journal);
    EXPECT_FALSE(Holds("lost"));
    EXPECT_TRUE(store_.Snapshot().keys.empty());
    EXPECT_EQ(Count("Log.Outage"), ++outages);
  }
  store_.FailCommit(CommitFault::kRefused);
  EXPECT_THAT(journal->Record(SomeEntry("lost")), HasReason(Reason::kAuditUnavailable));
  AwaitRecovery(*journal);
  EXPECT_FALSE(Holds("lost"));
  EXPECT_OK(ExportAndVerify(*journal));
}

class UnknownOutcomeTest : public JournalFaultsTest,
                           public ::testing::WithParamInterface<CommitFault> {};

TEST_P(UnknownOutcomeTest, CallersHearThatItIsUnknownWhileTheStoreCannotBeAsked) {
  const auto journal = Start();
  constexpr int kForever = 1000000;
  store_.Fail(Step::kReopen, kForever);
  store_.FailCommit(GetParam());
  EXPECT_THAT(journal->Record(SomeEntry("a")), HasReason(Reason::kOutcomeUnknown));
  EXPECT_FALSE(journal->healthy());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(journal->Record(SomeEntry("turned-away")), HasReason(Reason::kAuditUnavailable));
  }
  store_.Heal();
  AwaitRecovery(*journal);
  EXPECT_OK(journal->Record(SomeEntry("b")));
  EXPECT_EQ(Holds("a"), GetParam() == CommitFault::kDoneButUnknown);
  EXPECT_FALSE(Holds("turned-away"));
  EXPECT_EQ(Count("Log.Outage"), 1U);
  EXPECT_THAT(OutageBody(), HasSubstr(R"("refused":"3")"));
  EXPECT_THAT(OutageBody(), HasSubstr(R"("unknown":"1")"));
  EXPECT_OK(ExportAndVerify(*journal));
}

INSTANTIATE_TEST_SUITE_P(LandedOrLost, UnknownOutcomeTest,
                         ::testing::Values(CommitFault::kDoneButUnknown,
                                           CommitFault::kLostAndUnknown));

TEST_F(JournalFaultsTest, AnOutageRecordWhoseOwnCommitIsUnknownIsWrittenOnce) {
  const auto journal = Start();
  store_.Fail(Step::kAppendLeaf);
  store_.FailCommit(CommitFault::kDoneButUnknown);
  EXPECT_THAT(journal->Record(SomeEntry()), HasReason(Reason::kAuditUnavailable));
  AwaitRecovery(*journal);
  EXPECT_EQ(Count("Log.Outage"), 1U);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalFaultsTest, ABlockedCommitIsAnsweredInTimeAndOnce) {
  options_.answer_within = absl::Milliseconds(50);
  const auto journal = Start();
  store_.HoldCommits();
  Answers answers;
  const absl::Time start = absl::Now();
  journal->Submit(SomeEntry("in-commit"), {}, answers.Next());
  store_.AwaitHeldCommit();
  journal->Submit(SomeEntry("waiting"), {}, answers.Next());
  answers.Await(2);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
  EXPECT_THAT(answers.StatusAt(0), HasReason(Reason::kOutcomeUnknown));
  EXPECT_THAT(answers.StatusAt(1), HasReason(Reason::kAuditUnavailable));
  EXPECT_FALSE(journal->healthy());
  EXPECT_THAT(journal->Record(SomeEntry("turned-away")), HasReason(Reason::kAuditUnavailable));

  store_.ReleaseCommits();
  AwaitRecovery(*journal);
  EXPECT_OK(journal->Record(SomeEntry("after")));
  EXPECT_TRUE(Holds("in-commit"));
  EXPECT_FALSE(Holds("waiting")) << "who was told no must not be written later";
  EXPECT_FALSE(Holds("turned-away"));
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_THAT(OutageBody(), HasSubstr(R"("refused":"2")"));
  EXPECT_THAT(OutageBody(), HasSubstr(R"("unknown":"1")"));
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalFaultsTest, BeyondTheQueueLimitASubmissionIsRefusedAtOnce) {
  options_.queue_limit = 5;
  options_.answer_within = absl::Minutes(1);
  const auto journal = Start();
  store_.HoldCommits();
  Answers answers;
  journal->Submit(SomeEntry(), {}, answers.Next());
  store_.AwaitHeldCommit();
  for (int i = 0; i < 5; ++i) journal->Submit(SomeEntry(), {}, answers.Next());
  EXPECT_THAT(journal->Record(SomeEntry("too-many")), HasReason(Reason::kOverloaded));
  EXPECT_EQ(answers.size(), 0U);
  store_.ReleaseCommits();
  answers.Await(6);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_OK(answers.StatusAt(i));
  EXPECT_FALSE(Holds("too-many"));
  EXPECT_TRUE(journal->healthy());
}

TEST_F(JournalFaultsTest, NobodyFillsTheQueueAlone) {
  options_.queue_limit = 5;
  options_.actor_limit = 2;
  options_.answer_within = absl::Minutes(1);
  const auto journal = Start();
  const auto by = [](std::string actor) {
    Entry entry = SomeEntry();
    entry.actor = std::move(actor);
    return entry;
  };
  Answers answers;
  // Twice, so that what was written gives its place back.
  for (const std::size_t before : {std::size_t{0}, std::size_t{4}}) {
    store_.HoldCommits();
    journal->Submit(by("first"), {}, answers.Next());
    store_.AwaitHeldCommit();
    for (int i = 0; i < 2; ++i) journal->Submit(by("busy"), {}, answers.Next());
    EXPECT_THAT(journal->Record(by("busy")), HasReason(Reason::kOverloaded));
    journal->Submit(by("other"), {}, answers.Next());
    store_.ReleaseCommits();
    answers.Await(before + 4);
  }
  for (std::size_t i = 0; i < 8; ++i) EXPECT_OK(answers.StatusAt(i));
}

TEST_F(JournalFaultsTest, ATreeThatIsNeitherTheOldNorTheNewKeepsTheLogAway) {
  const auto journal = Start();
  const auto frontier = store_.Snapshot().frontier;
  store_.Tamper([](MemoryStore::Rows& rows) { rows.frontier->hashes[0][0] ^= 1; });
  store_.FailCommit(CommitFault::kLostAndUnknown);
  EXPECT_THAT(journal->Record(SomeEntry()), HasReason(Reason::kOutcomeUnknown));
  EXPECT_FALSE(journal->healthy());
  const int reopens = store_.reopens();
  while (store_.reopens() < reopens + 2) std::this_thread::yield();
  EXPECT_FALSE(journal->healthy());
  store_.Tamper([&](MemoryStore::Rows& rows) { rows.frontier = frontier; });
  AwaitRecovery(*journal);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalFaultsTest, StopEndsThoughTheStoreIsAway) {
  const auto journal = Start();
  store_.Fail(Step::kBegin, 1000000);
  EXPECT_THAT(journal->Record(SomeEntry()), HasReason(Reason::kAuditUnavailable));
  journal->Stop();
  EXPECT_THAT(Actions(), Not(Contains("Log.Stop")));
  store_.Heal();
  Start()->Stop();
  EXPECT_THAT(Actions(), Contains("Log.Recovered"));
}

TEST_F(JournalFaultsTest, AStartThatCannotWriteFails) {
  store_.Fail(Step::kBegin, 1000000);
  EXPECT_THAT(TryStart(), HasReason(Reason::kAuditUnavailable));
  store_.Heal();
  store_.Fail(Step::kRead);
  EXPECT_THAT(TryStart(), HasReason(Reason::kStoreUnavailable));
  EXPECT_OK(TryStart());
}

}  // namespace
}  // namespace keysvc::audit
