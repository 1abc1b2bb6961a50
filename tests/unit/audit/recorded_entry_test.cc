#include "audit/recorded_entry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/leaf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"

namespace keysvc::audit {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class RecordedEntryTest : public ::testing::Test {
 protected:
  // A record of one second later than the one before.
  void Add(std::string_view action) { AddAt(kStart + absl::Seconds(size_), action); }

  void AddAt(absl::Time time, std::string_view action) {
    Entry entry;
    entry.action = action;
    entry.rule = "settles";
    entry.request_id = std::to_string(size_);
    store::LeafRow leaf = MakeLeaf(entry, size_, time);
    store_.Tamper([&](MemoryStore::Rows& rows) {
      rows.leaves[size_] = std::move(leaf);
      rows.frontier = store::FrontierRow{.size = size_ + 1};
    });
    ++size_;
  }

  // Which records are visited, by their place.
  absl::StatusOr<std::vector<std::string>> Since(absl::Time since) {
    std::vector<std::string> visited;
    const absl::Status status =
        VisitEntriesSince(store_, since, "TokenService", [&](absl::Time time, const Entry& entry) {
          EXPECT_GE(time, since);
          EXPECT_EQ(entry.rule, "settles");
          visited.push_back(entry.request_id);
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    return visited;
  }

  MemoryStore store_;
  std::uint64_t size_ = 0;
};

TEST_F(RecordedEntryTest, OnlyTheClassIsVisitedFromTheTimeOnInOrder) {
  EXPECT_THAT(*Since(kStart), IsEmpty());
  for (const char* action : {"TokenService.Tokenize", "TokenService.Detokenize", "Log.Head",
                             "TokenService.GetToken", "KeyService.GetKey"}) {
    Add(action);
  }
  EXPECT_THAT(*Since(kStart), ElementsAre("0", "1", "3"));
  EXPECT_THAT(*Since(kStart + absl::Seconds(1)), ElementsAre("1", "3"));
  EXPECT_THAT(*Since(kStart + absl::Seconds(4)), IsEmpty());
}

TEST_F(RecordedEntryTest, ALongLogIsReadNoFurtherBackThanItTakes) {
  for (int i = 0; i < 3000; ++i) Add("TokenService.Tokenize");
  EXPECT_EQ(Since(kStart)->size(), 3000U);
  EXPECT_EQ(Since(kStart + absl::Seconds(1200))->front(), "1200");
  EXPECT_EQ(Since(kStart + absl::Seconds(1200))->size(), 1800U);
  store_.Tamper([](MemoryStore::Rows& rows) { rows.leaves.erase(100); });
  EXPECT_EQ(Since(kStart + absl::Seconds(1200))->size(), 1800U);
}

TEST_F(RecordedEntryTest, AClockThatWasSetBackHidesNothingAfterIt) {
  for (int i = 0; i < 100; ++i) Add("TokenService.Tokenize");
  for (int i = 0; i < 100; ++i) {
    AddAt(kStart - absl::Hours(1) + absl::Seconds(size_), "TokenService.Tokenize");
  }
  EXPECT_EQ(Since(kStart - absl::Hours(1))->size(), 200U);
}

TEST_F(RecordedEntryTest, AnItemIsReadBackWithWhatWasStatedOfItOrWithout) {
  Entry entry;
  entry.action = "TokenService.Detokenize";
  entry.items = {{.resource = "stated", .outcome = Outcome::kSuccess, .reason = {}},
                 {.resource = "not", .outcome = Outcome::kSuccess, .reason = {}}};
  entry.items[0].asserted_risk_score = 0;
  entry.items[0].reveal = "last4";
  const store::LeafRow leaf = MakeLeaf(entry, 0, kStart);
  EXPECT_EQ(leaf.body,
            R"({"items":[{"asserted_risk_score":0,"outcome":"success","resource":"stated",)"
            R"("reveal":"last4"},{"outcome":"success","resource":"not"}]})");
  const absl::StatusOr<Entry> read = ReadEntry(leaf);
  ASSERT_OK(read);
  EXPECT_EQ(read->items.at(0).asserted_risk_score, 0U);
  EXPECT_EQ(read->items.at(0).reveal, "last4");
  EXPECT_EQ(read->items.at(1).asserted_risk_score, std::nullopt);
  EXPECT_EQ(read->items.at(1).reveal, "");
}

TEST_F(RecordedEntryTest, WhatIsNotWhatWasWrittenFails) {
  for (int i = 0; i < 3; ++i) Add("TokenService.Tokenize");
  store_.Tamper([](MemoryStore::Rows& rows) {
    rows.leaves[1].body.replace(rows.leaves[1].body.find("settles"), 7, "nothing");
  });
  EXPECT_THAT(Since(kStart), HasReason(Reason::kIntegrityFailure));
  store_.Tamper([](MemoryStore::Rows& rows) { rows.leaves.erase(1); });
  EXPECT_THAT(Since(kStart), HasReason(Reason::kIntegrityFailure));
  store_.Tamper([](MemoryStore::Rows& rows) { rows.leaves[0].header = "{}"; });
  EXPECT_THAT(Since(kStart), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::audit
