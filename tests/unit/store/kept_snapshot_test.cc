// Readers keep a snapshot from call to call: none may answer from one that has become wrong.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/connection.h"
#include "store/reader.h"
#include "store/recent_tokens.h"
#include "store/sqlcipher_store.h"
#include "store/store.h"
#include "store/writer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/store/file_size_limit.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

using store::Connection;
using store::Reader;
using store::RecentTokens;
using store::Store;
using store::TokenRow;
using store::Writer;

TokenRow RowOf(std::int64_t handle) { return TokenRowOf(handle, PanIndexOf(handle)); }

std::unique_ptr<Connection> Connect(const std::string& path, Connection::Mode mode) {
  return Connection::Open(path, KeyOf(1), mode, 1).value();
}

void Insert(Writer& writer, const TokenRow& row) {
  const auto transaction = writer.Begin().value();
  ASSERT_OK(transaction->Apply({.tokens = {row}}, 0));
  ASSERT_OK(transaction->Commit());
}

// By index only: a miss by handle always begins another snapshot.
template <typename Readable>
std::optional<TokenRow> FindByIndex(Readable& readable, std::int64_t handle) {
  const TokenRow row = RowOf(handle);
  return readable
      .FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                            std::vector<std::string>{row.pan_index})
      .value()
      .at(0);
}

template <typename Readable>
std::optional<TokenRow> FindByHandle(Readable& readable, std::int64_t handle) {
  return readable.FindTokens(std::vector<std::int64_t>{handle}).value().at(0);
}

// One reader and one writer over a file.
class KeptSnapshotTest : public ::testing::Test {
 protected:
  KeptSnapshotTest() {
    store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)).value().reset();
    writer_ = Writer::Create(Connect(path_, Connection::Mode::kWriter), recent_).value();
    reader_ = Reader::Create(Connect(path_, Connection::Mode::kReader), recent_).value();
    Insert(*writer_, RowOf(1));
  }
  ~KeptSnapshotTest() override { reader_.reset(); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("db");
  std::int64_t last_ = 4;
  RecentTokens recent_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
};

TEST_F(KeptSnapshotTest, ASnapshotIsKeptUntilItsGenerationEnds) {
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
  // Past the writer, so that nobody is told.
  ASSERT_OK(Connect(path_, Connection::Mode::kWriter)->Execute("UPDATE tokens SET state = 7"));
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*reader_, 1)->state, 1);
  recent_.Forget();
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 7);
  EXPECT_EQ(FindByIndex(*reader_, 1)->state, 7);
}

TEST_F(KeptSnapshotTest, ASnapshotOfAnEarlierGenerationIsLetGoWhenAsked) {
  EXPECT_TRUE(FindByHandle(*reader_, 1).has_value());
  Insert(*writer_, RowOf(2));
  recent_.Forget();
  reader_->EndOldSnapshot();
  // Waits for whoever still has one, and fails.
  EXPECT_OK(writer_->connection().CheckpointAll());
}

TEST_F(KeptSnapshotTest, ARowThatIsForgottenIsFoundByItsIndex) {
  EXPECT_FALSE(FindByIndex(*reader_, 2).has_value());
  Insert(*writer_, RowOf(2));
  recent_.Forget();
  EXPECT_TRUE(FindByIndex(*reader_, 2).has_value());
}

TEST_F(KeptSnapshotTest, ARowThatIsChangedOrRemovedIsNotAnsweredAsItWas) {
  for (std::int64_t handle = 2; handle <= 4; ++handle) Insert(*writer_, RowOf(handle));
  const auto change = [this](const char* sql) {
    const auto transaction = writer_->Begin().value();
    ASSERT_OK(transaction->Apply({.tokens = {RowOf(++last_)}}, 0));
    ASSERT_OK(writer_->connection().Execute(sql));
    EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
    EXPECT_EQ(FindByIndex(*reader_, 2)->state, 1);
    const std::uint64_t changes = recent_.changes();
    ASSERT_OK(transaction->Commit());
    EXPECT_EQ(recent_.changes(), changes + 1);
  };
  change("UPDATE tokens SET state = 7 WHERE handle = 3");
  EXPECT_EQ(FindByHandle(*reader_, 3)->state, 7);
  EXPECT_EQ(FindByIndex(*reader_, 3)->state, 7);
  EXPECT_TRUE(FindByIndex(*reader_, last_).has_value());
  change("DELETE FROM tokens WHERE handle = 4");
  EXPECT_FALSE(FindByIndex(*reader_, 4).has_value());
  EXPECT_FALSE(FindByHandle(*reader_, 4).has_value());
}

TEST_F(KeptSnapshotTest, ARowThatAMutationChangesIsNotAnsweredAsItWas) {
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*reader_, 1)->state, 1);
  TokenRow changed = TokenRowOf(1, "");
  changed.state = 3;
  changed.revision = 2;
  Insert(*writer_, changed);
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 3);
  EXPECT_FALSE(FindByIndex(*reader_, 1).has_value());
}

TEST_F(KeptSnapshotTest, ARowThatGotAnotherIndexSinceTheSnapshotIsFoundByThat) {
  EXPECT_FALSE(FindByIndex(*reader_, 9).has_value());
  EXPECT_TRUE(FindByIndex(*reader_, 1).has_value());
  TokenRow moved = TokenRowOf(1, PanIndexOf(9));
  moved.revision = 2;
  Insert(*writer_, moved);
  EXPECT_EQ(FindByIndex(*reader_, 9)->handle, 1);
  EXPECT_FALSE(FindByIndex(*reader_, 1).has_value());
}

TEST_F(KeptSnapshotTest, ARowThatCameSinceTheSnapshotIsFoundByItsDigits) {
  const TokenRow row = DigitsRowOf(2, "");
  const auto found = [&] {
    return reader_
        ->FindTokensByDigits(row.tenant, row.profile, std::vector<std::string>{row.digits})
        .value()
        .at(0);
  };
  EXPECT_FALSE(found().has_value());
  Insert(*writer_, row);
  EXPECT_TRUE(found().has_value());
}

TEST_F(KeptSnapshotTest, RowsThatAreOnlyAddedEndNoSnapshot) {
  const std::uint64_t generation = recent_.generation();
  const std::uint64_t changes = recent_.changes();
  Insert(*writer_, RowOf(2));
  EXPECT_EQ(recent_.generation(), generation);
  EXPECT_EQ(recent_.changes(), changes);
}

TEST_F(KeptSnapshotTest, AChangeOfOneRowEndsTheSnapshotOfWhoAsksForIt) {
  Insert(*writer_, RowOf(2));
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
  // Past the writer, so that only another snapshot shows it.
  ASSERT_OK(Connect(path_, Connection::Mode::kWriter)
                ->Execute("UPDATE tokens SET state = 7 WHERE handle = 1"));
  TokenRow changed = RowOf(2);
  changed.state = 3;
  changed.revision = 2;
  Insert(*writer_, changed);
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*reader_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*reader_, 2)->state, 3);
  EXPECT_EQ(FindByHandle(*reader_, 2)->state, 3);
  EXPECT_EQ(FindByHandle(*reader_, 1)->state, 7);
}

TEST(RecentTokensTest, WhatAnOldSnapshotHasMayHaveChanged) {
  RecentTokens recent;
  const std::uint64_t first = recent.generation();
  const std::vector<std::int64_t> both = {1, 2};
  EXPECT_FALSE(recent.MayHaveChanged(first, both));
  recent.AddChanged({2});
  EXPECT_TRUE(recent.MayHaveChanged(first, both));
  EXPECT_FALSE(recent.MayHaveChanged(first, std::vector<std::int64_t>{1}));
  recent.Forget();
  EXPECT_TRUE(recent.MayHaveChanged(first, std::vector<std::int64_t>{1}));
  EXPECT_FALSE(recent.MayHaveChanged(recent.generation(), both));
}

TEST(RecentTokensTest, WhatAnOldSnapshotLacksMayBeThere) {
  RecentTokens recent;
  const std::uint64_t first = recent.generation();
  EXPECT_FALSE(recent.MayHave(first, "a"));
  recent.Add({"a"});
  EXPECT_TRUE(recent.MayHave(first, "a"));
  EXPECT_FALSE(recent.MayHave(first, "b"));
  recent.Forget();
  EXPECT_TRUE(recent.MayHave(first, "b"));
  EXPECT_FALSE(recent.MayHave(recent.generation(), "a"));
}

// The whole store, whose readers nobody can reach.
class KeptStoreTest : public ::testing::Test {
 protected:
  // Commits past the store, which hears nothing of it.
  void InsertPast(const TokenRow& row) {
    RecentTokens unheard;
    const auto writer = Writer::Create(Connect(path_, Connection::Mode::kWriter), unheard).value();
    Insert(*writer, row);
  }
  void ChangeStatesPast() {
    ASSERT_OK(Connect(path_, Connection::Mode::kWriter)->Execute("UPDATE tokens SET state = 7"));
  }
  // Commits until the log is moved into the file, which ends every snapshot.
  void MoveLog() {
    const std::uintmax_t before = std::filesystem::file_size(path_);
    TokenRow large = TokenRowOf(kFirstLarge, "");
    large.sealed.assign(std::size_t{1} << 20, 's');
    for (; std::filesystem::file_size(path_) == before; ++large.handle) {
      ASSERT_LT(large.handle, kFirstLarge + 1000);
      ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {large}}));
    }
  }

  static constexpr std::int64_t kFirstLarge = 1000;
  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("db");
  std::unique_ptr<Store> store_ = store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)).value();
};

TEST_F(KeptStoreTest, ARowIsFoundByItsIndexAfterTheLogWasMovedIntoTheFile) {
  EXPECT_FALSE(FindByIndex(*store_, 1).has_value());
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(1)}}));
  MoveLog();
  EXPECT_TRUE(FindByIndex(*store_, 1).has_value());
}

TEST_F(KeptStoreTest, ARowThatWasReadIsNotReadAgainForALookUpOfThatKind) {
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(1), RowOf(2)}}));
  EXPECT_EQ(FindByHandle(*store_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*store_, 2)->state, 1);
  ChangeStatesPast();
  MoveLog();
  EXPECT_EQ(FindByHandle(*store_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*store_, 2)->state, 1);
  EXPECT_EQ(FindByIndex(*store_, 1)->state, 7);
  EXPECT_EQ(FindByHandle(*store_, 2)->state, 7);
}

TEST_F(KeptStoreTest, RowsThatAreReadInTheirOrderStayInMemoryButAreNotTakenForFoundByTheirCards) {
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(1), RowOf(2)}}));
  EXPECT_EQ(store_->ReadTokens(0, 10).value().size(), 2u);
  ChangeStatesPast();
  EXPECT_EQ(FindByHandle(*store_, 2)->state, 1);
  EXPECT_EQ(FindByIndex(*store_, 2)->state, 7);
}

TEST_F(KeptStoreTest, ARowThatWasReadIsOfItsTenantProfileAndIndexVersionOnly) {
  const TokenRow row = RowOf(1);
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {row}}));
  EXPECT_TRUE(FindByIndex(*store_, 1).has_value());
  const std::vector<std::string> indexes{row.pan_index};
  const auto profile = static_cast<std::uint16_t>(row.profile + 1);
  EXPECT_FALSE(store_->FindTokensByPanIndex("other", row.profile, row.index_version, indexes)
                   .value()[0]
                   .has_value());
  EXPECT_FALSE(store_->FindTokensByPanIndex(row.tenant, profile, row.index_version, indexes)
                   .value()[0]
                   .has_value());
  EXPECT_FALSE(store_->FindTokensByPanIndex(row.tenant, row.profile, row.index_version + 1, indexes)
                   .value()[0]
                   .has_value());
}

TEST_F(KeptStoreTest, RowsInMemoryAndInTheFileComeInTheOrderAskedFor) {
  for (std::int64_t handle = 1; handle <= 4; ++handle) {
    ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(handle)}}));
  }
  EXPECT_TRUE(FindByHandle(*store_, 2).has_value());
  EXPECT_TRUE(FindByHandle(*store_, 4).has_value());
  const std::vector<std::int64_t> wanted{3, 2, 9, 4, 1};
  const auto rows = store_->FindTokens(wanted).value();
  ASSERT_EQ(rows.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(rows[i].has_value(), wanted[i] != 9) << i;
    EXPECT_TRUE(!rows[i].has_value() || SameToken(*rows[i], RowOf(wanted[i]))) << i;
  }
}

TEST_F(KeptStoreTest, NoRowInMemoryOutlivesAReopen) {
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(1)}}));
  EXPECT_EQ(FindByHandle(*store_, 1)->state, 1);
  EXPECT_EQ(FindByIndex(*store_, 1)->state, 1);
  ChangeStatesPast();
  ASSERT_OK(store_->Reopen());
  EXPECT_EQ(FindByHandle(*store_, 1)->state, 7);
  EXPECT_EQ(FindByIndex(*store_, 1)->state, 7);
}

TEST_F(KeptStoreTest, NoSnapshotOutlivesAReopen) {
  EXPECT_FALSE(FindByIndex(*store_, 1).has_value());
  InsertPast(RowOf(1));
  EXPECT_FALSE(FindByIndex(*store_, 1).has_value());
  ASSERT_OK(store_->Reopen());
  EXPECT_TRUE(FindByIndex(*store_, 1).has_value());
}

TEST_F(KeptStoreTest, NoSnapshotOutlivesACommitOfWhichNobodyKnows) {
  EXPECT_FALSE(FindByIndex(*store_, 1).has_value());
  {
    TokenRow large = RowOf(1);
    large.sealed.assign(std::size_t{1} << 20, 's');
    const FileSizeLimit full(std::size_t{512} << 10);
    ASSERT_THAT(ApplyAndCommit(*store_, {.tokens = {large}}), HasReason(Reason::kOutcomeUnknown));
  }
  InsertPast(RowOf(1));  // as if it had been in the log all the same
  ASSERT_OK(ApplyAndCommit(*store_, {.tokens = {RowOf(2)}}));
  EXPECT_TRUE(FindByIndex(*store_, 1).has_value());
}

}  // namespace
}  // namespace keysvc::testing
