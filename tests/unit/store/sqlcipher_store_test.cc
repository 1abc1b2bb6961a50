#include "store/sqlcipher_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/connection.h"
#include "store/idempotency_ends.h"
#include "store/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/store/file_size_limit.h"
#include "tests/unit/store/rows_for_tests.h"
#include "tests/unit/store/store_process.h"

namespace keysvc::testing {
namespace {

using store::Connection;
using store::kHandlesPassedOver;
using store::Store;
using store::TokenRow;
using Applied = store::WriteTransaction::Applied;

class SqlcipherStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Create() {
    return store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)).value();
  }
  absl::StatusOr<std::unique_ptr<Store>> Open() {
    return store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(1));
  }
  // A connection past the store, to files that it has closed.
  std::unique_ptr<Connection> Connect() {
    return Connection::Open(path_, KeyOf(1), Connection::Mode::kWriter, 1).value();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("db");
};

TEST_F(SqlcipherStoreTest, WhatWasCommittedIsThereAfterACloseAndAnOpen) {
  ASSERT_OK(ApplyAndCommit(*Create(), {.tokens = {TokenRowOf(1, "i")}}));
  const auto store = Open().value();
  EXPECT_TRUE(SameToken(store->FindTokens(std::vector<std::int64_t>{1}).value().at(0).value(),
                        TokenRowOf(1, "i")));
}

// Rows may be gone that nobody knows of: the end of the write-ahead log, after a kill.
TEST_F(SqlcipherStoreTest, HandlesGoOnWellBehindTheLastOneAfterAReopenAlsoWhenItsRowIsGone) {
  {
    const auto store = Create();
    EXPECT_EQ(store->AllocateHandles(41), 1);
    ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(41, "i")}}));
  }
  EXPECT_EQ(Open().value()->AllocateHandles(1), 42 + kHandlesPassedOver);
  ASSERT_OK(Connect()->Execute("DELETE FROM tokens"));
  EXPECT_EQ(Open().value()->AllocateHandles(1), 42 + kHandlesPassedOver);
}

TEST_F(SqlcipherStoreTest, AListLooksAtSomeThousandEntriesInOneGoAndGoesOnBehindThem) {
  constexpr std::int64_t kLast = 24'001;
  const auto store = Create();
  store::Mutation rows;
  for (std::int64_t handle = 1; handle <= kLast; ++handle) {
    rows.tokens.push_back(TokenRowOf(handle, ""));
    TokenRow& row = rows.tokens.back();
    row.metadata = handle == kLast ? "odd=yes,even=yes" : handle % 2 == 1 ? "odd=yes" : "even=yes";
    if (handle < kLast) row.profile = 1;
  }
  rows.tokens.back().profile = 1;
  rows.tokens.push_back(TokenRowOf(kLast + 1, ""));
  ASSERT_OK(ApplyAndCommit(*store, rows));
  const auto parts = [&](std::uint16_t profile, std::vector<store::MetadataValue> filter,
                         std::int64_t wanted) {
    std::vector<std::int64_t> found;
    std::optional<std::int64_t> after = 0;
    int count = 0;
    for (; after.has_value(); ++count) {
      const auto list =
          store->ListTokens(rows.tokens[0].tenant, profile, filter, std::nullopt, *after, 5);
      EXPECT_OK(list);
      for (const TokenRow& row : list->rows) found.push_back(row.handle);
      after = list->last;
    }
    EXPECT_EQ(found, std::vector<std::int64_t>{wanted});
    return count;
  };
  EXPECT_EQ(parts(1, {{"odd", "yes"}, {"even", "yes"}}, kLast), 3);
  EXPECT_EQ(parts(rows.tokens.back().profile, {}, kLast + 1), 3);
}

TEST_F(SqlcipherStoreTest, CreateRefusesAFileThatIsThere) {
  Create().reset();
  EXPECT_THAT(store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)),
              HasReason(Reason::kStoreForeign));
  EXPECT_OK(Open());
}

TEST_F(SqlcipherStoreTest, CreateRefusesALogThatLostItsDatabase) {
  WriteFile(path_ + "-wal", "log");
  EXPECT_THAT(store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)),
              HasReason(Reason::kStoreForeign));
}

TEST_F(SqlcipherStoreTest, CreateIsNotDisturbedByWhatAKillLeftBehind) {
  WriteFile(path_ + ".new", "half a database");
  WriteFile(path_ + ".new-wal", "half a log");
  Create().reset();
  EXPECT_OK(Open());
}

TEST_F(SqlcipherStoreTest, AMissingFileIsNotMade) {
  EXPECT_THAT(Open(), HasReason(Reason::kNotInitialized));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(SqlcipherStoreTest, AWrongKeyIsRefused) {
  Create().reset();
  EXPECT_THAT(store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(2)),
              HasReason(Reason::kStoreForeign));
}

TEST_F(SqlcipherStoreTest, FilesThatAreNoDatabaseAreRefused) {
  std::mt19937 random(7);
  std::string noise(16384, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::vector<std::string> contents = {
      "", "short", std::string("SQLite format 3\0", 16) + std::string(8176, '\0'), noise,
      std::string(8192, '\0')};
  for (const std::string& content : contents) {
    WriteFile(path_, content);
    EXPECT_THAT(Open(), HasReason(Reason::kStoreForeign)) << content.size();
    EXPECT_EQ(ReadFile(path_), content);
  }
}

TEST_F(SqlcipherStoreTest, AnEncryptedDatabaseOfAnotherProgramIsRefused) {
  WriteFile(path_, "");
  ASSERT_OK(Connect()->Execute("CREATE TABLE other (x)"));
  EXPECT_THAT(Open(), HasReason(Reason::kStoreForeign));
}

TEST_F(SqlcipherStoreTest, AnotherDeploymentOrEnvironmentIsRefused) {
  Create().reset();
  store::SqlcipherOptions options = OptionsAt(path_);
  options.deployment = "other";
  EXPECT_THAT(store::OpenSqlcipherStore(options, KeyOf(1)), HasReason(Reason::kStoreForeign));
  options = OptionsAt(path_);
  options.environment = "production";
  EXPECT_THAT(store::OpenSqlcipherStore(options, KeyOf(1)),
              HasReason(Reason::kEnvironmentMismatch));
}

TEST_F(SqlcipherStoreTest, ANewerSchemaIsRefusedAndLeftAsItIs) {
  Create().reset();
  ASSERT_OK(Connect()->Execute("PRAGMA user_version = 1000"));
  EXPECT_THAT(Open(), HasReason(Reason::kStoreNewer));
  EXPECT_EQ(Connect()->QueryInteger("PRAGMA user_version").value(), 1000);
}

TEST_F(SqlcipherStoreTest, ATruncatedFileIsDataLoss) {
  {
    const auto store = Create();
    for (std::int64_t handle = 1; handle < 200; ++handle) {
      ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(handle, PanIndexOf(handle))}}));
    }
  }
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 8192 * 4096);
  EXPECT_THAT(Open(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SqlcipherStoreTest, TheStoreOpensOnlyOnce) {
  auto store = Create();
  EXPECT_THAT(Open(), HasReason(Reason::kStoreInUse));
  constexpr int kInUse = 3;
  StoreProcess other(path_);
  ASSERT_FALSE(other.NextAcknowledged().has_value());
  EXPECT_EQ(other.ExitCode(), kInUse);
  store.reset();
  EXPECT_OK(Open());
}

TEST_F(SqlcipherStoreTest, OnlyTheOwnerMayReadTheFiles) {
  const mode_t umask_before = umask(0);
  const auto store = Create();
  ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(1, "i")}}));
  umask(umask_before);
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(file.status().permissions(), std::filesystem::perms(0600)) << file.path();
    ++files;
  }
  EXPECT_EQ(files, 4);  // database, log, index of the log, lock
}

TEST_F(SqlcipherStoreTest, NoFileShowsWhatIsInIt) {
  const std::string canary = "canary-4f1b";
  const auto expect_hidden = [&] {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      EXPECT_EQ(ReadFile(file.path()).find(canary), std::string::npos) << file.path();
    }
  };
  store::TokenRow token = TokenRowOf(1, canary);
  token.tenant = canary;
  token.sealed = canary;
  store::IdempotencyRow answer = IdempotencyRowOf(canary, 1);
  answer.principal = canary;
  auto store = Create();
  auto transaction = store->Begin().value();
  ASSERT_OK(transaction->Apply({.tokens = {token}, .idempotency = answer}, 0));
  ASSERT_OK(transaction->PutCheckpoint({.size = 1, .note = canary}));
  ASSERT_OK(transaction->Commit());
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 4096u);
  expect_hidden();
  transaction.reset();
  store.reset();
  ASSERT_FALSE(std::filesystem::exists(path_ + "-wal"));
  expect_hidden();
}

TEST_F(SqlcipherStoreTest, AFlippedBitIsDataLossAndNeverData) {
  constexpr std::int64_t kRows = 400;
  constexpr std::size_t kPage = 4096;
  std::vector<std::int64_t> handles;
  std::vector<std::string> pan_indexes;
  {
    const auto store = Create();
    const auto transaction = store->Begin().value();
    for (std::int64_t handle = 1; handle <= kRows; ++handle) {
      handles.push_back(handle);
      pan_indexes.push_back(PanIndexOf(handle));
      ASSERT_OK(transaction->Apply({.tokens = {TokenRowOf(handle, pan_indexes.back())}}, 0));
      ASSERT_OK(transaction->AppendLeaf(LeafRowOf(static_cast<std::uint64_t>(handle))));
    }
    ASSERT_OK(transaction->Apply(
        {.keys = {KeyRowOf(1, 1)}, .partner_keys = {PartnerKeyRowOf("bank", 1)}}, 0));
    ASSERT_OK(transaction->PutFrontier(FrontierRowOf(1)));
    ASSERT_OK(transaction->PutCheckpoint({.size = 1, .note = "note"}));
    ASSERT_OK(transaction->Commit());
  }
  const std::string good = ReadFile(path_);
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  SCOPED_TRACE(seed);

  std::size_t noticed = 0;
  for (std::size_t page = 0; page < good.size() / kPage; ++page) {
    std::string bad = good;
    bad[page * kPage + random() % kPage] ^= static_cast<char>(1 << (random() % 8));
    WriteFile(path_, bad);
    const auto store = Open();
    if (!store.ok()) {
      EXPECT_THAT(store, HasReason(page == 0 ? Reason::kStoreForeign : Reason::kIntegrityFailure));
      ++noticed;
      continue;
    }
    bool failed = false;
    const auto expect_failure_or = [&](const auto& answer, const auto& good_answer) {
      if (answer.ok()) {
        EXPECT_TRUE(good_answer(*answer)) << page;
      } else {
        EXPECT_THAT(answer, HasReason(Reason::kIntegrityFailure)) << page;
        failed = true;
      }
    };
    const auto all_tokens = [&](const auto& rows) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].has_value()) return false;
        if (!SameToken(*rows[i], TokenRowOf(handles[i], pan_indexes[i]))) return false;
      }
      return rows.size() == handles.size();
    };
    const store::TokenRow row = TokenRowOf(1, "");
    expect_failure_or((*store)->FindTokens(handles), all_tokens);
    expect_failure_or(
        (*store)->FindTokensByPanIndex(row.tenant, row.profile, row.index_version, pan_indexes),
        all_tokens);
    expect_failure_or(
        (*store)->FindEndedTokens(row.tenant, row.profile, row.state, *row.ends_ms, 2 * kRows),
        [](const auto& rows) { return rows.size() == kRows; });
    expect_failure_or((*store)->ReadLeaves(1, kRows), [](const auto& leaves) {
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (!SameLeaf(leaves[i], LeafRowOf(i + 1))) return false;
      }
      return leaves.size() == kRows;
    });
    expect_failure_or((*store)->ListKeyVersions(), [](const auto& keys) {
      return keys.size() == 1 && SameKey(keys[0], KeyRowOf(1, 1));
    });
    expect_failure_or((*store)->ListPartnerKeys(), [](const auto& keys) {
      return keys.size() == 1 && SamePartnerKey(keys[0], PartnerKeyRowOf("bank", 1));
    });
    expect_failure_or((*store)->ReadFrontier(),
                      [](const auto& frontier) { return frontier.size == 1; });
    expect_failure_or((*store)->LatestCheckpoint(),
                      [](const auto& checkpoint) { return checkpoint.has_value(); });
    // A reader that met the bad page is replaced: the same question gets the same answer.
    expect_failure_or((*store)->FindTokens(handles), all_tokens);
    noticed += failed ? 1 : 0;
  }
  // Pages of indexes that no read above needs: of key versions, of partner keys, of request ids
  // (two and their table).
  constexpr std::size_t kUnread = 5;
  EXPECT_GE(noticed, good.size() / kPage - kUnread);
  EXPECT_GT(good.size() / kPage, 30u);
}

TEST_F(SqlcipherStoreTest, AFullDiskFailsTheWriteAndNothingElse) {
  const auto store = Create();
  ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(1, "a")}}));
  store::TokenRow large = TokenRowOf(2, "b");
  large.sealed.assign(1 << 20, 'x');

  {
    const FileSizeLimit full(std::size_t{512} << 10);
    ASSERT_THAT(ApplyAndCommit(*store, {.tokens = {large}}), HasReason(Reason::kOutcomeUnknown));
  }

  ASSERT_OK(store->Reopen());
  const auto rows = store->FindTokens(std::vector<std::int64_t>{1, 2}).value();
  EXPECT_TRUE(rows[0].has_value());
  EXPECT_FALSE(rows[1].has_value());
  EXPECT_OK(ApplyAndCommit(*store, {.tokens = {large}}));
  EXPECT_TRUE(store->FindTokens(std::vector<std::int64_t>{2}).value().at(0).has_value());
}

TEST_F(SqlcipherStoreTest, AnErrorSpoilsItsTransactionAndNotTheNext) {
  const auto store = Create();
  {
    const auto transaction = store->Begin().value();
    ASSERT_OK(transaction->Apply({.tokens = {TokenRowOf(1, "a")}}, 0));
    ASSERT_FALSE(transaction->Apply({.tokens = {TokenRowOf(1, "b")}}, 0).ok());
    EXPECT_THAT(transaction->Commit(), HasReason(Reason::kStoreUnavailable));
  }
  EXPECT_FALSE(store->FindTokens(std::vector<std::int64_t>{1}).value().at(0).has_value());
  EXPECT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(1, "a")}}));
}

TEST_F(SqlcipherStoreTest, ExpiredAnswersArePurgedAsNewOnesCome) {
  {
    const auto store = Create();
    for (int i = 0; i < 10; ++i) {
      ASSERT_OK(ApplyAndCommit(*store, {.idempotency = IdempotencyRowOf(std::to_string(i), 5)}, 0));
    }
    ASSERT_OK(ApplyAndCommit(*store, {.idempotency = IdempotencyRowOf("a", 9)}, 5));
  }
  EXPECT_EQ(Connect()->QueryInteger("SELECT count(*) FROM idempotency").value(), 9);
}

TEST_F(SqlcipherStoreTest, AStartSeesTheEndOfEveryAnswerThatIsStored) {
  using Ends = std::vector<std::pair<std::string, std::int64_t>>;
  const auto ends = [this](const crypto::SecretKey<32>& key) {
    Ends seen;
    const absl::Status status = store::VisitIdempotencyEnds(
        OptionsAt(path_), key, [&seen](std::string_view principal, std::int64_t expires_ms) {
          seen.emplace_back(principal, expires_ms);
        });
    std::sort(seen.begin(), seen.end());
    return std::pair(status, seen);
  };
  store::IdempotencyRow other = IdempotencyRowOf("r", 7);
  other.principal = "SigningService.VerifyWebhook tenants/acme/keys/hooks";
  {
    const auto store = Create();
    EXPECT_TRUE(ends(KeyOf(1)).second.empty());
    ASSERT_OK(ApplyAndCommit(*store, {.idempotency = IdempotencyRowOf("r", 5)}));
    ASSERT_OK(ApplyAndCommit(*store, {.idempotency = other}));
  }
  const auto store = Open().value();
  const auto [status, seen] = ends(KeyOf(1));
  EXPECT_OK(status);
  EXPECT_EQ(seen, (Ends{{other.principal, 7}, {IdempotencyRowOf("r", 5).principal, 5}}));
  EXPECT_THAT(ends(KeyOf(2)).first, HasReason(Reason::kStoreForeign));
  EXPECT_OK(ApplyAndCommit(*store, {.idempotency = IdempotencyRowOf("s", 5)}));
}

TEST_F(SqlcipherStoreTest, TheLogIsMovedIntoTheFileAndDoesNotGrowForEver) {
  const auto store = Create();
  store::TokenRow row = TokenRowOf(0, "");
  row.sealed.assign(1 << 20, 'x');
  for (row.handle = 1; row.handle <= 100; ++row.handle) {
    ASSERT_OK(ApplyAndCommit(*store, {.tokens = {row}}));
  }
  EXPECT_GT(std::filesystem::file_size(path_), 80u << 20);
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 40u << 20);
}

TEST_F(SqlcipherStoreTest, ALookUpSeesWhatWasCommittedAfterTheOneBefore) {
  const auto store = Create();
  // By index first: a miss by handle always begins another snapshot.
  const auto find = [&store](std::int64_t handle) {
    const TokenRow row = TokenRowOf(handle, PanIndexOf(handle));
    const auto by_index = store
                              ->FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                                                     std::vector<std::string>{row.pan_index})
                              .value()
                              .at(0);
    const auto by_handle = store->FindTokens(std::vector<std::int64_t>{handle}).value().at(0);
    EXPECT_EQ(by_index.has_value(), by_handle.has_value());
    return by_index.has_value();
  };
  for (std::int64_t handle = 1; handle <= 50; ++handle) {
    EXPECT_FALSE(find(handle));
    ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(handle, PanIndexOf(handle))}}));
    EXPECT_TRUE(find(handle));
    EXPECT_TRUE(find(1));
  }
}

// Readers keep their snapshots, so the writer must get them out of the way.
TEST_F(SqlcipherStoreTest, TheLogStartsOverWhileReadersAreBusy) {
  const auto store = Create();
  ASSERT_OK(ApplyAndCommit(*store, {.tokens = {TokenRowOf(1, PanIndexOf(1))}}));
  std::atomic<bool> stopping = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stopping) {
        EXPECT_TRUE(store->FindTokens(std::vector<std::int64_t>{1}).value().at(0).has_value());
      }
    });
  }
  const std::string log = path_ + "-wal";
  std::uintmax_t largest = 0;
  std::uintmax_t written = 0;
  constexpr std::uintmax_t kEnough = std::uintmax_t{400} << 20;
  store::Mutation mutation;
  for (std::int64_t handle = 2; written < kEnough; ++handle) {
    store::TokenRow row = TokenRowOf(handle, PanIndexOf(handle));
    row.sealed = std::string(std::size_t{1} << 20, 's');
    written += row.sealed.size();
    ASSERT_OK(ApplyAndCommit(*store, {.tokens = {row}}));
    largest = std::max(largest, std::filesystem::file_size(log));
  }
  stopping = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_LT(largest, kEnough / 2);
}

TEST_F(SqlcipherStoreTest, NoAcknowledgedWriteIsLostToAKill) {
  constexpr int kRounds = 20;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  SCOPED_TRACE(seed);
  Create().reset();
  std::vector<std::int64_t> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    StoreProcess writer(path_);
    const auto take = [&] {
      const auto handle = writer.NextAcknowledged();
      if (handle.has_value()) acknowledged.push_back(*handle);
      return handle.has_value();
    };
    for (auto left = random() % 100; left > 0; --left) ASSERT_TRUE(take());
    writer.Kill();
    while (take()) {
    }

    const auto store = Open().value();
    const auto rows = store->FindTokens(acknowledged).value();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_TRUE(rows[i].has_value()) << acknowledged[i];
      EXPECT_TRUE(SameToken(*rows[i], TokenRowOf(acknowledged[i], PanIndexOf(acknowledged[i]))));
    }
    // Token, leaf and frontier are there together or not at all.
    const std::uint64_t size = store->ReadFrontier().value().size;
    EXPECT_GE(size, acknowledged.size());
    EXPECT_OK(store->VisitLeafHashes(
        0, size, [](std::uint64_t, std::string_view) { return absl::OkStatus(); }));
    EXPECT_TRUE(store->ReadLeaves(size, 1).value().empty());
    EXPECT_EQ(store->ReadTokens(0, size + 1).value().size(), size);
    if (!acknowledged.empty()) {
      EXPECT_GE(store->AllocateHandles(1), acknowledged.back() + kHandlesPassedOver);
    }
  }
}

}  // namespace
}  // namespace keysvc::testing
