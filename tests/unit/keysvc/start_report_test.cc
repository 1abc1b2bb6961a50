#include "keysvc/start_report.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "store/write_ahead_log.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

audit::Entry StartOf(const std::string& action) {
  audit::Entry start;
  start.action = action;
  start.details = {{"checked_in_ms", "12"},
                   {"last_index", "1234"},
                   {"last_time", "2026-01-31T23:59:59.042Z"},
                   {"since_checkpoint", "35"}};
  return start;
}

const LeftBehind kLeft{17, {"tenants/acme/keys/orders/versions/2"}};

TEST(StartReport, SaysWhatARecoveryDid) {
  EXPECT_THAT(
      RecoveryReport(StartOf("Log.Recovered"), kLeft),
      ElementsAre(
          "recovered: the last run did not stop in order; its last record is 1234, of "
          "2026-01-31T23:59:59.042Z",
          "recovered: what was committed in 17 pages of the write-ahead log's file taken over",
          "recovered: all records checked in 12 ms, 35 of them newer than the last "
          "checkpoint kept outside",
          "recovered: tenants/acme/keys/orders/versions/2 given up; its making was broken "
          "off"));
}

TEST(StartReport, SaysNothingAfterACleanStop) {
  EXPECT_THAT(RecoveryReport(StartOf("Log.Start"), {}), IsEmpty());
}

TEST(StartReport, CountsAreDetailsOfTheRecord) {
  EXPECT_THAT(kLeft.Details(), ElementsAre(Pair("log_pages", "17"), Pair("unfinished_keys", "1")));
}

TEST(StartReport, FindsTheKeysWhoseMakingWasBrokenOff) {
  testing::MemoryStore store;
  store.Tamper([](testing::MemoryStore::Rows& rows) {
    for (const auto* state : {"active", "pre-activation", "destroyed"}) {
      store::KeyVersionRow row;
      row.tenant = "acme";
      row.key = "orders";
      row.version = static_cast<std::uint32_t>(rows.keys.size() + 1);
      row.state = state;
      rows.keys[{row.tenant, row.key, row.version}] = row;
    }
  });
  const auto found = FindUnfinished(store);
  ASSERT_OK(found);
  EXPECT_THAT(*found, ElementsAre("tenants/acme/keys/orders/versions/2"));
}

TEST(WriteAheadLog, HasAsManyPagesAsItsFileHasFrames) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.path() + "/vault.db";
  EXPECT_EQ(store::PagesInWriteAheadLog(path), 0U);
  std::ofstream(path + "-wal") << "";
  EXPECT_EQ(store::PagesInWriteAheadLog(path), 0U);
  std::ofstream(path + "-wal") << std::string(32 + 2 * (24 + 4096) + 99, 'x');
  EXPECT_EQ(store::PagesInWriteAheadLog(path), 2U);
}

}  // namespace
}  // namespace keysvc
