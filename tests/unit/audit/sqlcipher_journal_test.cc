// The journal over the real store.
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "audit/merkle.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gmock/gmock.h"
#include "store/sqlcipher_store.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::ExportText;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::SomeEntry;
using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::VerifyText;

class SqlcipherJournalTest : public ::testing::Test {
 protected:
  SqlcipherJournalTest() {
    std::filesystem::create_directory(folder_.File("db"));
    std::filesystem::create_directory(folder_.File("outside"));
    store_options_.path = folder_.File("db/keysvc.db");
    store_options_.deployment = "test";
    store_options_.environment = "development";
    options_.origin = "keysvc.example/test";
    options_.checkpoint_directory = folder_.File("outside");
    options_.checkpoint_interval = absl::Hours(1);
    store_ = store::CreateSqlcipherStore(store_options_, key_).value();
    journal_ = Journal::Start(*store_, *signer_, options_).value();
  }

  void Stop() {
    journal_->Stop();
    journal_.reset();
    store_.reset();
  }
  absl::Status Open() {
    store_ = store::OpenSqlcipherStore(store_options_, key_).value();
    auto journal = Journal::Start(*store_, *signer_, options_);
    if (!journal.ok()) return journal.status();
    journal_ = *std::move(journal);
    return absl::OkStatus();
  }
  void CopyDatabase(const std::string& from, const std::string& to) {
    std::filesystem::remove_all(folder_.File(to));
    std::filesystem::copy(folder_.File(from), folder_.File(to));
  }
  absl::StatusOr<Verified> ExportAndVerify() {
    const std::string note = journal_->CheckpointNow().value();
    const auto text = ExportText(*store_, 0, note, journal_->verifier_key());
    if (!text.ok()) return text.status();
    return VerifyText(*text, journal_->verifier_key(), note);
  }

  TemporaryDirectory folder_;
  crypto::SecretKey<32> key_ =
      crypto::SecretKey<32>::From(
          crypto::SecretBytes::CopyOf(crypto::AsBytes(std::string(32, 'k'))))
          .value();
  store::SqlcipherOptions store_options_;
  std::unique_ptr<SoftwareSigner> signer_ = SoftwareSigner::P256();
  JournalOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(SqlcipherJournalTest, RecordsSurviveARestartAndTheLogGrowsOn) {
  ASSERT_OK(journal_->Record(SomeEntry("before"), NewKey("a")));
  const std::string kept = journal_->CheckpointNow().value();
  Stop();
  ASSERT_OK(Open());
  EXPECT_THAT(journal_->Record(SomeEntry("again"), NewKey("a")), HasReason(Reason::kConflict));
  ASSERT_OK(journal_->Record(SomeEntry("after"), NewKey("b")));
  const std::string note = journal_->CheckpointNow().value();
  const auto text = ExportText(*store_, 0, note, journal_->verifier_key());
  ASSERT_OK(text);
  const auto verified = VerifyText(*text, journal_->verifier_key(), kept);
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->against_outside_checkpoint);
}

TEST_F(SqlcipherJournalTest, ManyThreadsAreEachAnsweredOnceAndTheLogIsWhole) {
  constexpr int kThreads = 8;
  constexpr int kEach = 1250;
  Stop();
  options_.queue_limit = options_.actor_limit = kThreads * kEach;
  options_.answer_within = absl::Minutes(2);
  options_.checkpoint_interval = absl::Milliseconds(50);
  ASSERT_OK(Open());
  std::atomic<int> receipts = 0;
  std::latch answered(kThreads * kEach);
  const absl::Time start = absl::Now();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        journal_->Submit(SomeEntry(id), i % 2 == 0 ? NewKey(id) : store::Mutation{},
                         [&](absl::StatusOr<Receipt> receipt) {
                           EXPECT_OK(receipt);
                           if (receipt.ok()) ++receipts;
                           answered.count_down();
                         });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  answered.wait();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const auto verified = ExportAndVerify();
  journal_->Stop();
  EXPECT_EQ(receipts, kThreads * kEach);
  ASSERT_OK(verified);
  EXPECT_GE(verified->successes, static_cast<std::uint64_t>(kThreads * kEach));
  std::printf("%.0f records a second\n", kThreads * kEach / seconds);
}

TEST_F(SqlcipherJournalTest, ADatabasePutBackIsNoticed) {
  ASSERT_OK(journal_->Record(SomeEntry("old")));
  Stop();
  CopyDatabase("db", "aside");
  ASSERT_OK(Open());
  ASSERT_OK(journal_->Record(SomeEntry("new")));
  Stop();
  CopyDatabase("db", "latest");
  CopyDatabase("aside", "db");
  EXPECT_THAT(Open(), HasReason(Reason::kRollbackDetected));
  store_.reset();
  CopyDatabase("latest", "db");
  EXPECT_OK(Open());
}

TEST_F(SqlcipherJournalTest, ANewDatabaseInPlaceOfTheOldIsNoticed) {
  Stop();
  std::filesystem::remove_all(folder_.File("db"));
  std::filesystem::create_directory(folder_.File("db"));
  store_ = store::CreateSqlcipherStore(store_options_, key_).value();
  EXPECT_THAT(Journal::Start(*store_, *signer_, options_), HasReason(Reason::kRollbackDetected));
}

TEST_F(SqlcipherJournalTest, ACheckpointDirectoryThatIsGoneOrEmptyIsNoticed) {
  Stop();
  std::filesystem::remove_all(folder_.File("outside"));
  EXPECT_THAT(Open(), HasReason(Reason::kStoreUnavailable));
  store_.reset();
  std::filesystem::create_directory(folder_.File("outside"));
  EXPECT_THAT(Open(), HasReason(Reason::kRollbackDetected));
}

TEST_F(SqlcipherJournalTest, ALeafHashThatWasChangedIsNoticed) {
  Stop();
  store_ = store::OpenSqlcipherStore(store_options_, key_).value();
  {
    // Whoever has the key can write a leaf that does not belong to the tree.
    auto transaction = store_->Begin().value();
    const store::FrontierRow frontier = store_->ReadFrontier().value();
    store::LeafRow leaf;
    leaf.index = frontier.size;
    leaf.leaf_hash = std::string(32, 'x');
    ASSERT_OK(transaction->AppendLeaf(leaf));
    Frontier other = Frontier::FromRow(frontier).value();
    other.Append(LeafHash("another"));
    ASSERT_OK(transaction->PutFrontier(other.ToRow()));
    ASSERT_OK(transaction->Commit());
  }
  store_.reset();
  EXPECT_THAT(Open(), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::audit
