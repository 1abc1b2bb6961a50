#include "store/schema.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "store/connection.h"
#include "store/sqlcipher_store.h"
#include "store/statement.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

using store::Connection;

const std::string kGolden = std::string(KEYSVC_SOURCE_DIR) + "/tests/golden/store_v1.db";

class SchemaTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> Connect() {
    return Connection::Open(path_, KeyOf(1), Connection::Mode::kWriter, 1).value();
  }
  // The schema's steps and one more.
  absl::Status MigrateWith(const char* step) {
    std::vector<const char*> steps(store::SchemaSteps().begin(), store::SchemaSteps().end());
    steps.push_back(step);
    return store::CheckAndMigrate(*Connect(), "shop", "development", steps);
  }
  std::int64_t Query(const char* sql) { return Connect()->QueryInteger(sql).value(); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("db");
};

TEST_F(SchemaTest, AStoreOfVersion1OpensAndReads) {
  WriteFile(path_, ReadFile(kGolden));
  const auto store = store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(1)).value();
  const auto tokens = store->FindTokens(std::vector<std::int64_t>{1, 2}).value();
  store::TokenRow indexed = TokenRowOf(1, "index");
  store::TokenRow plain = TokenRowOf(2, "");
  for (store::TokenRow* row : {&indexed, &plain}) {
    row->leaf_index = std::nullopt;
    row->ends_ms = std::nullopt;
    row->uses_left = std::nullopt;
  }
  EXPECT_TRUE(SameToken(tokens[0].value(), indexed));
  EXPECT_TRUE(SameToken(tokens[1].value(), plain));
  store::KeyVersionRow key = KeyRowOf(1, 1);
  key.recovery.clear();
  key.reserved_uses = 0;
  key.token_format.clear();
  key.low_s = false;
  key.max_signatures = 0;
  key.certificates.clear();
  key.origin = "generated";
  key.made_by.clear();
  key.kid.clear();
  EXPECT_TRUE(SameKey(store->ListKeyVersions().value().at(0), key));
  const auto answer = IdempotencyRowOf("r", 10);
  EXPECT_TRUE(
      SameIdempotency(store->FindIdempotency(answer.principal, "r", 0).value().value(), answer));
  EXPECT_TRUE(SameLeaf(store->ReadLeaves(0, 1).value().at(0), LeafRowOf(0)));
  EXPECT_EQ(store->ReadFrontier().value().hashes, FrontierRowOf(1).hashes);
  EXPECT_EQ(store->LatestCheckpoint().value().value().note, "note");
  EXPECT_EQ(store->AllocateHandles(1), 3 + store::kHandlesPassedOver);
}

TEST_F(SchemaTest, AnOlderSchemaIsTakenToTheNewestAndKeepsItsRows) {
  WriteFile(path_, ReadFile(kGolden));
  ASSERT_OK(MigrateWith("CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO extra VALUES (5)"));
  const auto newest = static_cast<std::int64_t>(store::SchemaSteps().size()) + 1;
  EXPECT_EQ(Query("PRAGMA user_version"), newest);
  EXPECT_EQ(Query("SELECT x FROM extra"), 5);
  EXPECT_EQ(Query("SELECT count(*) FROM tokens"), 2);
  EXPECT_THAT(store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(1)),
              HasReason(Reason::kStoreNewer));
}

TEST_F(SchemaTest, AStepThatFailsLeavesTheVersionBeforeIt) {
  WriteFile(path_, ReadFile(kGolden));
  EXPECT_FALSE(
      MigrateWith("CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO nowhere VALUES (5)").ok());
  EXPECT_EQ(Query("SELECT count(*) FROM sqlite_master WHERE name = 'extra'"), 0);
  EXPECT_OK(store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(1)));
}

TEST_F(SchemaTest, TheQueriesByNameUseTheirIndex) {
  WriteFile(path_, ReadFile(kGolden));
  ASSERT_OK(store::OpenSqlcipherStore(OptionsAt(path_), KeyOf(1)));
  // A plan that scanned the table would not name the index.
  const auto connection = Connect();
  ASSERT_OK(store::CheckAndMigrate(*connection, "shop", "development"));
  EXPECT_OK(connection->Execute(
      "SELECT 1 FROM tokens INDEXED BY tokens_by_pan_index "
      "WHERE pan_index = x'00' AND tenant = '' AND profile = 0 AND index_version = 0"));
  EXPECT_OK(
      connection->Execute("SELECT 1 FROM tokens INDEXED BY tokens_by_digits "
                          "WHERE digits = x'30' AND tenant = '' AND profile = 0"));
  EXPECT_OK(connection->Execute(
      "SELECT handle FROM tokens INDEXED BY tokens_by_end WHERE tenant = '' AND profile = 0 AND "
      "state = 1 AND ends_ms <= 0 ORDER BY ends_ms LIMIT 1"));
  auto plan = store::Statement::Prepare(
      *connection,
      "EXPLAIN QUERY PLAN SELECT handle FROM token_metadata WHERE value = '' AND field = '' AND "
      "tenant = '' AND profile = 0 AND handle >= 0 ORDER BY handle LIMIT 1");
  ASSERT_OK(plan);
  store::Execution step = plan->Bind();
  ASSERT_TRUE(step.Step().value());
  EXPECT_EQ(step.Bytes(3),
            "SEARCH token_metadata USING PRIMARY KEY (value=? AND field=? AND tenant=? AND "
            "profile=? AND handle>?)");
  EXPECT_FALSE(step.Step().value());  // nothing is sorted
  EXPECT_OK(connection->Execute(
      "SELECT id FROM idempotency INDEXED BY idempotency_by_expiry WHERE expires_ms <= 0"));
}

}  // namespace
}  // namespace keysvc::testing
