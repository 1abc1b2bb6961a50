// A log that goes on under another key, because the HSM with its audit key was lost.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "audit/checkpoint_directory.h"
#include "audit/recorded_entry.h"
#include "gmock/gmock.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::ExportText;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::LogTest;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::SomeEntry;
using ::testing::HasSubstr;

class RestoredLogTest : public LogTest {
 protected:
  void SetUp() override {
    const auto journal = Start();
    old_key_ = journal->verifier_key();
    ASSERT_OK(journal->Record(SomeEntry()));
    kept_ = journal->CheckpointNow().value();
    journal->Stop();
  }
  absl::StatusOr<std::unique_ptr<Journal>> TryRestore(Restoration restoration) {
    return Journal::Restore(store_, *new_signer_, options_, std::move(restoration));
  }
  std::unique_ptr<Journal> Restore() {
    Restoration restoration{.keys = {old_key_},
                            .details = {{"lost", "1"}},
                            .items = {},
                            .mutation = NewKey("restored")};
    auto journal = TryRestore(std::move(restoration));
    EXPECT_OK(journal);
    EXPECT_OK((*journal)->CheckpointNow());
    return *std::move(journal);
  }
  // Verifies the whole log by the new key, against what the auditor kept.
  absl::StatusOr<Verified> Verify(Journal& journal, std::optional<std::string_view> outside,
                                  std::optional<std::string_view> outside_key) {
    const std::string note = journal.CheckpointNow().value();
    std::istringstream lines(ExportText(store_, 0, note, journal.verifier_key()).value());
    return VerifyExport(lines, journal.verifier_key(), outside, outside_key);
  }
  std::uint64_t size() { return store_.ReadFrontier()->size; }

  const std::unique_ptr<SoftwareSigner> new_signer_ = SoftwareSigner::P256();
  std::string old_key_;
  std::string kept_;
};

TEST_F(RestoredLogTest, GoesOnUnderTheNewKeyWithARecordThatNamesBoth) {
  const std::uint64_t at = size();
  const auto journal = Restore();
  const Entry entry = ReadEntry(store_.ReadLeaves(at, 1)->front()).value();
  EXPECT_EQ(entry.action, "Log.Restored");
  EXPECT_EQ(entry.details.at("old_verifier_key"), old_key_);
  EXPECT_EQ(entry.details.at("verifier_key"), journal->verifier_key());
  EXPECT_EQ(entry.details.at("lost"), "1");
  EXPECT_EQ(store_.ListKeyVersions()->size(), 1U);
  EXPECT_OK(OpenCheckpoint(journal->LatestCheckpoint(), journal->verifier_key()));
}

TEST_F(RestoredLogTest, OnlyTheNewKeyStartsItAgain) {
  Restore()->Stop();
  EXPECT_THAT(TryStart(), HasReason(Reason::kIntegrityFailure));
  EXPECT_OK(Journal::Start(store_, *new_signer_, options_));
}

TEST_F(RestoredLogTest, WithoutARestorationAnotherKeyIsRefused) {
  EXPECT_THAT(Journal::Start(store_, *new_signer_, options_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestoredLogTest, ALogOfAnotherKeyIsNotRestored) {
  const auto stranger = SoftwareSigner::P256();
  Restoration restoration;
  restoration.keys = {VerifierKey(options_.origin, stranger->public_key())};
  const std::uint64_t before = size();
  EXPECT_THAT(TryRestore(std::move(restoration)), HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(size(), before);
}

TEST_F(RestoredLogTest, AStopBeforeTheFirstCheckpointIsGoneOnFromWithoutASecondRecord) {
  const std::uint64_t at = size();
  new_signer_->Set(SoftwareSigner::Fault::kUnavailable);
  Restoration restoration{.keys = {old_key_}, .details = {}, .items = {}, .mutation = {}};
  ASSERT_OK(TryRestore(std::move(restoration)));
  new_signer_->Set(SoftwareSigner::Fault::kNone);

  Restoration again;
  again.keys = {VerifierKey(options_.origin, new_signer_->public_key()), {{old_key_, at}}};
  again.recorded = true;
  const auto journal = TryRestore(std::move(again));
  ASSERT_OK(journal);
  ASSERT_OK((*journal)->CheckpointNow());
  const std::vector<std::string> actions = Actions();
  EXPECT_EQ(std::count(actions.begin(), actions.end(), "Log.Restored"), 1);
  (*journal)->Stop();
  EXPECT_OK(Journal::Start(store_, *new_signer_, options_));
}

TEST_F(RestoredLogTest, TwoStopsBeforeTheFirstCheckpointUnderTwoKeysAreGoneOnFromUnderAThird) {
  LogKeys keys{old_key_};
  const auto broken_off = [&](SoftwareSigner& signer) {
    const std::uint64_t at = size();
    signer.Set(SoftwareSigner::Fault::kUnavailable);
    Restoration restoration{.keys = keys, .details = {}, .items = {}, .mutation = {}};
    EXPECT_OK(Journal::Restore(store_, signer, options_, std::move(restoration)));
    keys.earlier.insert(keys.earlier.begin(), {keys.current, at});
    keys.current = VerifierKey(options_.origin, signer.public_key());
  };
  const auto second_signer = SoftwareSigner::P256();
  broken_off(*new_signer_);
  broken_off(*second_signer);

  const auto third = SoftwareSigner::P256();
  Restoration restoration{.keys = keys, .details = {}, .items = {}, .mutation = {}};
  const auto journal = Journal::Restore(store_, *third, options_, std::move(restoration));
  ASSERT_OK(journal);
  const auto verified = Verify(**journal, kept_, old_key_);
  ASSERT_OK(verified);
  EXPECT_EQ(verified->restorations, 3U);
}

TEST_F(RestoredLogTest, AnEarlierKeySignsNothingBeyondTheRestorationThatReplacedIt) {
  const Checkpoint tree = OpenCheckpoint(kept_, old_key_).value();
  LogKeys keys{VerifierKey(options_.origin, SoftwareSigner::P256()->public_key()),
               {{VerifierKey(options_.origin, new_signer_->public_key()), tree.size + 1},
                {old_key_, tree.size}}};
  EXPECT_EQ(OpenCheckpoint(kept_, keys).value(), tree);
  keys.earlier.back().restored_at = tree.size - 1;
  EXPECT_THAT(OpenCheckpoint(kept_, keys), HasReason(Reason::kIntegrityFailure));
  keys.earlier.pop_back();
  EXPECT_THAT(OpenCheckpoint(kept_, keys), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestoredLogTest, AnOlderCopyIsNotRestored) {
  const auto older = store_.Snapshot();
  {
    const auto journal = Start();
    ASSERT_OK(journal->Record(SomeEntry()));
    journal->Stop();
  }
  store_.Tamper([&](auto& rows) { rows = older; });
  Restoration restoration;
  restoration.keys = {old_key_};
  EXPECT_THAT(TryRestore(std::move(restoration)), HasReason(Reason::kRollbackDetected));
}

TEST_F(RestoredLogTest, AnOlderCopyGoesOnUnderItsOwnKeyAndOnlyOnceThatIsRecorded) {
  const auto older = store_.Snapshot();
  {
    const auto journal = Start();
    ASSERT_OK(journal->Record(SomeEntry()));
    journal->Stop();
  }
  store_.Tamper([&](auto& rows) { rows = older; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
  const std::uint64_t at = size();
  ASSERT_OK(CheckpointDirectory::Open(folder_.path())->Supersede(at));
  // As if the restoration had been broken off here.
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
  EXPECT_EQ(size(), at);

  Restoration restoration{.keys = {old_key_}, .details = {}, .items = {}, .mutation = {}};
  ASSERT_OK(Journal::Restore(store_, *signer_, options_, std::move(restoration)));
  const auto journal = Start();
  EXPECT_EQ(Actions().at(at), "Log.Restored");
  const auto verified = Verify(*journal, kept_, std::nullopt);
  ASSERT_OK(verified);
  EXPECT_EQ(verified->restorations, 1U);
  journal->Stop();
  store_.Tamper([&](auto& rows) { rows = older; });
  EXPECT_THAT(TryStart(), HasReason(Reason::kRollbackDetected));
}

TEST_F(RestoredLogTest, AKeptCheckpointProvesTheLogOverTheRestoration) {
  const auto journal = Restore();
  ASSERT_OK(journal->Record(SomeEntry()));
  const auto verified = Verify(*journal, kept_, old_key_);
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->against_outside_checkpoint);
  EXPECT_EQ(verified->restorations, 1U);
}

TEST_F(RestoredLogTest, ACheckpointKeyThatTheRestorationDoesNotFollowUponIsRefused) {
  const auto journal = Restore();
  // The auditor's own key is asked for, and the new one did not sign what was kept.
  EXPECT_THAT(Verify(*journal, kept_, std::nullopt), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Verify(*journal, kept_, journal->verifier_key()),
              HasReason(Reason::kIntegrityFailure));

  // A stranger's note of the right tree, by a key of the right name: the tree is the same, and
  // still no record leads from that key to the log's.
  const auto stranger = SoftwareSigner::P256();
  const Checkpoint tree = OpenCheckpoint(kept_, old_key_).value();
  const std::string forged = SignCheckpoint(tree, *stranger).value();
  const auto verified =
      Verify(*journal, forged, VerifierKey(options_.origin, stranger->public_key()));
  EXPECT_THAT(verified, HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(std::string(verified.status().message()), HasSubstr("follows upon another key"));
}

TEST_F(RestoredLogTest, ANewKeyWithoutARecordedRestorationProvesNothing) {
  // The export of a log that somebody signs with a key of their own.
  const auto forger = SoftwareSigner::P256();
  const Checkpoint tree = OpenCheckpoint(kept_, old_key_).value();
  const std::string forged = SignCheckpoint(tree, *forger).value();
  const std::string forged_key = VerifierKey(options_.origin, forger->public_key());
  std::istringstream lines(ExportText(store_, 0, forged, forged_key).value());
  const auto verified = VerifyExport(lines, forged_key, kept_, old_key_);
  EXPECT_THAT(verified, HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(std::string(verified.status().message()), HasSubstr("no recorded restoration"));
}

TEST_F(RestoredLogTest, AnExportAcrossTwoRestorationsVerifies) {
  Restore()->Stop();
  const auto third = SoftwareSigner::P256();
  Restoration restoration;
  restoration.keys = {VerifierKey(options_.origin, new_signer_->public_key())};
  const auto journal = Journal::Restore(store_, *third, options_, std::move(restoration));
  ASSERT_OK(journal);
  const auto verified = Verify(**journal, kept_, old_key_);
  ASSERT_OK(verified);
  EXPECT_EQ(verified->restorations, 2U);
}

TEST_F(RestoredLogTest, ARecordUnderAnotherActionIsMissed) {
  const auto visit = [this] {
    return VisitEntries(store_, "Log", "Log",
                        [](std::uint64_t, const Entry&) { return absl::OkStatus(); });
  };
  EXPECT_OK(visit());
  store_.Tamper([](auto& rows) {
    std::string& header = rows.leaves.at(0).header;
    header.replace(header.find("Log.Init"), 8, "Lag.Init");
  });
  EXPECT_THAT(visit(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestoredLogTest, ARecordThatIsNotItsLeafIsNotRead) {
  store::LeafRow leaf = store_.ReadLeaves(0, 1)->front();
  EXPECT_EQ(ReadEntry(leaf)->action, "Log.Init");
  leaf.body = leaf.body.substr(0, leaf.body.size() - 1);
  EXPECT_THAT(ReadEntry(leaf), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::audit
