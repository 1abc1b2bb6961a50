#include "audit/journal.h"

#include <atomic>
#include <filesystem>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "audit/checkpoint_directory.h"
#include "audit/leaf.h"
#include "audit/merkle.h"
#include "gmock/gmock.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::Answers;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::LogTest;
using ::keysvc::testing::MemoryStore;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::SomeEntry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class JournalTest : public LogTest {};

TEST_F(JournalTest, ARecordAndItsChangeAreDurableWhenTheReceiptComes) {
  const auto journal = Start();
  const auto receipt = journal->Record(SomeEntry("r-1"), NewKey("a"));
  ASSERT_OK(receipt);
  const MemoryStore::Rows rows = store_.Snapshot();
  ASSERT_TRUE(rows.leaves.contains(receipt->index()));
  EXPECT_THAT(rows.leaves.at(receipt->index()).body, HasSubstr("r-1"));
  EXPECT_EQ(rows.keys.size(), 1U);
  EXPECT_EQ(rows.frontier->size, receipt->index() + 1);
  EXPECT_TRUE(journal->healthy());
}

TEST_F(JournalTest, ANewLogBeginsWithInitAndEndsWithStop) {
  const auto journal = Start();
  ASSERT_OK(journal->Record(SomeEntry()));
  journal->Stop();
  EXPECT_THAT(Actions(), ElementsAre("Log.Init", "Log.Head", "TokenService.Tokenize", "Log.Stop"));
  const auto last = OpenCheckpoint(journal->LatestCheckpoint(), journal->verifier_key());
  ASSERT_OK(last);
  EXPECT_EQ(last->size, 4U);
}

TEST_F(JournalTest, AStartAfterACleanStopIsTellableFromOneAfterACrash) {
  Start()->Stop();
  Start()->Stop();
  // As if the process had ended before Log.Stop.
  store_.Tamper([](MemoryStore::Rows& rows) {
    rows.leaves.erase(std::prev(rows.leaves.end()));
    Frontier frontier;
    for (const auto& [index, leaf] : rows.leaves) frontier.Append(HashOfLeaf(leaf));
    rows.frontier = frontier.ToRow();
    rows.checkpoints.erase(std::prev(rows.checkpoints.end()));
  });
  std::filesystem::remove(folder_.File("checkpoint-00000000000000000006"));
  Start()->Stop();
  EXPECT_THAT(Actions(), ElementsAre("Log.Init", "Log.Head", "Log.Stop", "Log.Start", "Log.Head",
                                     "Log.Recovered", "Log.Head", "Log.Stop"));
  EXPECT_THAT(store_.Snapshot().leaves.at(5).body, HasSubstr(R"("last_index":"4")"));
}

TEST_F(JournalTest, AConflictWritesNothingAndHarmsNobodyElseInItsGroup) {
  const auto journal = Start();
  ASSERT_OK(journal->Record(SomeEntry(), NewKey("taken")));
  const std::size_t before = Actions().size();
  Answers answers;
  store_.HoldCommits();
  journal->Submit(SomeEntry("first"), {}, answers.Next());
  store_.AwaitHeldCommit();
  journal->Submit(SomeEntry("good"), NewKey("b"), answers.Next());
  journal->Submit(SomeEntry("bad"), NewKey("taken"), answers.Next());
  journal->Submit(SomeEntry("twin"), NewKey("b"), answers.Next());
  journal->Submit(SomeEntry("plain"), {}, answers.Next());
  const int commits = store_.commits();
  store_.ReleaseCommits();
  answers.Await(5);
  EXPECT_EQ(store_.commits(), commits + 2);
  EXPECT_OK(answers.StatusAt(1));
  EXPECT_THAT(answers.StatusAt(2), HasReason(Reason::kConflict));
  EXPECT_THAT(answers.StatusAt(3), HasReason(Reason::kConflict));
  EXPECT_OK(answers.StatusAt(4));
  EXPECT_EQ(Actions().size(), before + 3);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalTest, AConflictAloneCommitsNothing) {
  const auto journal = Start();
  ASSERT_OK(journal->Record(SomeEntry(), NewKey("taken")));
  const int commits = store_.commits();
  EXPECT_THAT(journal->Record(SomeEntry(), NewKey("taken")), HasReason(Reason::kConflict));
  EXPECT_EQ(store_.commits(), commits);
  EXPECT_TRUE(journal->healthy());
}

TEST_F(JournalTest, WhatWaitsIsWrittenInGroupsOfTheLimit) {
  options_.group_limit = 10;
  const auto journal = Start();
  Answers answers;
  store_.HoldCommits();
  journal->Submit(SomeEntry(), {}, answers.Next());
  store_.AwaitHeldCommit();
  for (int i = 0; i < 35; ++i) journal->Submit(SomeEntry(), {}, answers.Next());
  const int commits = store_.commits();
  store_.ReleaseCommits();
  answers.Await(36);
  EXPECT_EQ(store_.commits(), commits + 1 + 4);
}

TEST_F(JournalTest, WhatComesWhileAGroupIsFilledJoinsItUpToTheLimit) {
  options_.group_limit = 10;
  std::unique_ptr<Journal> journal;
  Answers answers;
  std::atomic<bool> joining = false;
  options_.clock = [&] {
    // A group asks for the time before it is filled; nobody else does while the log is quiet.
    if (joining.exchange(false)) {
      for (int i = 0; i < 19; ++i) journal->Submit(SomeEntry(), {}, answers.Next());
    }
    return absl::Now();
  };
  journal = Start();
  const int commits = store_.commits();
  joining = true;
  journal->Submit(SomeEntry(), {}, answers.Next());
  answers.Await(20);
  EXPECT_EQ(store_.commits(), commits + 2);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalTest, ACallbackMaySubmitAgain) {
  const auto journal = Start();
  Answers answers;
  journal->Submit(SomeEntry("first"), {}, [&](absl::StatusOr<Receipt> receipt) {
    EXPECT_OK(receipt);
    journal->Submit(SomeEntry("second"), {}, answers.Next());
  });
  answers.Await(1);
  EXPECT_OK(answers.StatusAt(0));
}

TEST_F(JournalTest, StopWritesWhatWasSubmittedAndRefusesTheRest) {
  const auto journal = Start();
  Answers answers;
  store_.HoldCommits();
  for (int i = 0; i < 20; ++i) journal->Submit(SomeEntry(), {}, answers.Next());
  store_.AwaitHeldCommit();
  std::thread stopper([&] { journal->Stop(); });
  store_.ReleaseCommits();
  stopper.join();
  EXPECT_EQ(answers.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_OK(answers.StatusAt(i));
  EXPECT_THAT(journal->Record(SomeEntry()), HasReason(Reason::kShuttingDown));
  EXPECT_THAT(journal->CheckpointNow(), HasReason(Reason::kShuttingDown));
  journal->Stop();
  EXPECT_EQ(Actions().back(), "Log.Stop");
}

TEST_F(JournalTest, ACheckpointCoversAllThatWasSubmittedBefore) {
  const auto journal = Start();
  Answers answers;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 5; ++i) journal->Submit(SomeEntry(), {}, answers.Next());
    const auto note = journal->CheckpointNow();
    ASSERT_OK(note);
    const auto checkpoint = OpenCheckpoint(*note, journal->verifier_key()).value();
    // Init and the first head, then five records and a head in each round.
    EXPECT_EQ(checkpoint.size, 2U + 6U * (static_cast<unsigned>(round) + 1U));
    EXPECT_EQ(journal->LatestCheckpoint(), *note);
    EXPECT_EQ(store_.LatestCheckpoint().value()->note, *note);
  }
  const std::size_t leaves = Actions().size();
  ASSERT_OK(journal->CheckpointNow());
  EXPECT_EQ(Actions().size(), leaves) << "nothing was added, so no head is";
}

TEST_F(JournalTest, CheckpointsComeByThemselves) {
  options_.checkpoint_interval = absl::Milliseconds(5);
  options_.head_details = [] { return std::map<std::string, std::string>{{"policy", "abc"}}; };
  const auto journal = Start();
  for (int i = 1; i <= 3; ++i) {
    ASSERT_OK(journal->Record(SomeEntry()));
    signer_->AwaitCalls(i + 1);
  }
  EXPECT_NE(journal->last_checkpoint(), absl::InfinitePast());
  journal->Stop();
  const auto rows = store_.Snapshot();
  EXPECT_THAT(rows.leaves.at(1).body, HasSubstr(R"("policy":"abc")"));
  EXPECT_THAT(rows.leaves.rbegin()->second.body, HasSubstr(R"("policy":"abc")"));
}

TEST_F(JournalTest, NoCheckpointIsMadeWhileTheyAreHeld) {
  Start()->Stop();
  const auto kept = [this] {
    const auto outside = CheckpointDirectory::Open(folder_.path()).value();
    const std::string verifier_key = VerifierKey(options_.origin, signer_->public_key());
    return outside.FindNewest(LogKeys{verifier_key}).value()->checkpoint.size;
  };
  ASSERT_EQ(kept(), 3U);
  options_.checkpoint_interval = absl::ZeroDuration();
  options_.hold_checkpoints = true;
  const MemoryStore::Rows before = store_.Snapshot();
  {
    const auto journal = TryStart().value();
    ASSERT_OK(journal->Record(SomeEntry()));
    EXPECT_THAT(journal->CheckpointNow(), HasReason(Reason::kAuditUnavailable));
    EXPECT_NE(journal->LatestCheckpoint(), "");
    journal->Stop();
    journal->BeginCheckpoints();
  }
  EXPECT_EQ(kept(), 3U);
  EXPECT_EQ(store_.LatestCheckpoint().value()->size, 3U);
  EXPECT_THAT(Actions(), ElementsAre("Log.Init", "Log.Head", "Log.Stop", "Log.Start",
                                     "TokenService.Tokenize", "Log.Stop"));
  // The store of before is no older one, and the other goes on.
  store_.Tamper([&](MemoryStore::Rows& rows) { rows = before; });
  const auto journal = TryStart().value();
  journal->BeginCheckpoints();
  journal->BeginCheckpoints();
  ASSERT_OK(journal->CheckpointNow());
  EXPECT_GT(kept(), 3U);
  journal->Stop();
  EXPECT_EQ(Actions().back(), "Log.Stop");
  EXPECT_EQ(kept(), Actions().size());
}

TEST_F(JournalTest, ASignerThatIsAwayStopsCheckpointsButNotTheLog) {
  const auto journal = Start();
  const std::string old = journal->LatestCheckpoint();
  const absl::Time made = journal->last_checkpoint();
  signer_->Set(SoftwareSigner::Fault::kUnavailable);
  ASSERT_OK(journal->Record(SomeEntry()));
  EXPECT_THAT(journal->CheckpointNow(), HasReason(Reason::kHsmUnavailable));
  const std::size_t leaves = Actions().size();
  EXPECT_THAT(journal->CheckpointNow(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(Actions().size(), leaves) << "the head that waits for its signature is enough";
  EXPECT_EQ(journal->LatestCheckpoint(), old);
  EXPECT_EQ(journal->last_checkpoint(), made);
  ASSERT_OK(journal->Record(SomeEntry()));
  EXPECT_TRUE(journal->healthy());
  signer_->Set(SoftwareSigner::Fault::kNone);
  EXPECT_OK(ExportAndVerify(*journal));
}

TEST_F(JournalTest, ACheckpointIsOutsideBeforeItIsInTheStore) {
  const auto journal = Start();
  ASSERT_OK(journal->Record(SomeEntry()));
  const auto inside = store_.LatestCheckpoint().value()->size;
  std::filesystem::remove_all(folder_.path());
  EXPECT_THAT(journal->CheckpointNow(), HasReason(Reason::kStoreUnavailable));
  EXPECT_EQ(store_.LatestCheckpoint().value()->size, inside);
}

TEST_F(JournalTest, AnOriginThatIsNoLogNameIsRefused) {
  options_.origin = "two words";
  EXPECT_THAT(TryStart(), HasReason(Reason::kConfigInvalid));
}

TEST_F(JournalTest, ManyThreadsAreEachAnsweredOnceAndTheLogIsWhole) {
  constexpr int kThreads = 8;
  constexpr int kEach = 1250;
  options_.queue_limit = options_.actor_limit = kThreads * kEach;
  options_.answer_within = absl::Minutes(1);
  options_.checkpoint_interval = absl::Milliseconds(20);
  const auto journal = Start();
  std::mutex mutex;
  std::multiset<std::uint64_t> indexes;
  std::latch answered(kThreads * kEach);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        journal->Submit(SomeEntry(id), NewKey(id), [&](absl::StatusOr<Receipt> receipt) {
          EXPECT_OK(receipt);
          const std::lock_guard lock(mutex);
          if (receipt.ok()) indexes.insert(receipt->index());
          answered.count_down();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  answered.wait();
  const auto verified = ExportAndVerify(*journal);
  journal->Stop();
  EXPECT_EQ(indexes.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(std::set<std::uint64_t>(indexes.begin(), indexes.end()).size(), indexes.size());
  EXPECT_EQ(store_.Snapshot().keys.size(), static_cast<std::size_t>(kThreads * kEach));
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->against_outside_checkpoint);
  EXPECT_GE(verified->size, static_cast<std::uint64_t>(kThreads * kEach));
}

// What Start refuses.

TEST_F(JournalTest, AStartSaysHowFarItHasReadTheLog) {
  {
    const auto journal = Start();
    for (int i = 0; i < 3; ++i) ASSERT_OK(journal->Record(SomeEntry()));
  }
  std::vector<std::uint64_t> told;
  options_.check_progress = {.tell = [&told](std::uint64_t leaves) { told.push_back(leaves); },
                             .leaves_per_report = 2};
  const std::uint64_t leaves = store_.ReadFrontier()->size;
  Start()->Stop();
  ASSERT_EQ(told.size(), leaves / 2);
  EXPECT_EQ(told.front(), 2U);
  EXPECT_EQ(told.back(), leaves / 2 * 2);
}

TEST_F(JournalTest, AChangedLeafHashIsRefused) {
  Start()->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) { rows.leaves.at(1).leaf_hash[0] ^= 1; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(JournalTest, AMissingLeafIsRefused) {
  Start()->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) { rows.leaves.erase(1); });
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(JournalTest, ALeafBeyondTheEndIsRefused) {
  Start()->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) {
    const std::uint64_t index = rows.leaves.size();
    rows.leaves[index] = MakeLeaf(SomeEntry(), index, absl::Now());
  });
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(JournalTest, AChangedCheckpointInTheStoreIsRefused) {
  Start()->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) { rows.checkpoints.rbegin()->second.note += "x"; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(JournalTest, AStoreOlderThanTheNewestCheckpointOutsideIsRefused) {
  Start()->Stop();
  const MemoryStore::Rows old = store_.Snapshot();
  Start()->Stop();
  store_.Tamper([&](MemoryStore::Rows& rows) { rows = old; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
  store_.Tamper([](MemoryStore::Rows& rows) { rows = {}; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
}

TEST_F(JournalTest, AnotherLogOfTheSameNameAndLengthIsRefused) {
  Start()->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) {
    Frontier frontier;
    for (auto& [index, leaf] : rows.leaves) {
      leaf = MakeLeaf(SomeEntry(), index, absl::Now());
      frontier.Append(HashOfLeaf(leaf));
    }
    rows.frontier = frontier.ToRow();
    rows.checkpoints.clear();
  });
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
}

TEST_F(JournalTest, ACheckpointDirectoryThatWasEmptiedOrPutBackIsRefused) {
  Start()->Stop();
  const std::string newest = folder_.File("checkpoint-00000000000000000003");
  ASSERT_TRUE(std::filesystem::remove(newest));
  const auto put_back = TryStart();
  EXPECT_THAT(put_back, HasReason(Reason::kRollbackDetected));
  EXPECT_THAT(std::string(put_back.status().message()), HasSubstr("older than the store"));
  ASSERT_TRUE(std::filesystem::remove(folder_.File("checkpoint-00000000000000000002")));
  const auto emptied = TryStart();
  EXPECT_THAT(emptied, HasReason(Reason::kRollbackDetected));
  EXPECT_THAT(std::string(emptied.status().message()), HasSubstr("directory has none"));
}

TEST_F(JournalTest, ALogOfAnotherKeyIsRefused) {
  Start()->Stop();
  signer_ = SoftwareSigner::P256();
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::audit
