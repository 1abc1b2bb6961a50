// Stores that fail, were tampered with, or have other writers.
#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;

// What needs a store that can be tampered with and fails on demand.
class FaultyStoreTest : public ::testing::Test {
 protected:
  MemoryStore store_;
  Service service_{store_};
};

TEST_F(FaultyStoreTest, WithoutARecordNothingIsRevealed) {
  const TokenName token = service_.TokenOf(kVisa);
  store_.Fail(MemoryStore::Step::kBegin, 1000);
  EXPECT_THAT(service_.Detokenize({token}), HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(service_.Tokenize(List(Card(kAmex))), HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(service_.Describe(token), HasReason(Reason::kAuditUnavailable));
  store_.Heal();
}

TEST_F(FaultyStoreTest, AStoreThatCannotBeReadFailsTheCallAndIsRecorded) {
  store_.Fail(MemoryStore::Step::kRead);
  EXPECT_THAT(service_.Tokenize(List(Card(kVisa))), HasReason(Reason::kStoreUnavailable));
  EXPECT_THAT(service_.LastRecord("TokenService.Tokenize"), HasSubstr("STORE_UNAVAILABLE"));
}

TEST_F(FaultyStoreTest, ATamperedRowIsNeverRevealedNorNamedAgain) {
  const TokenName visa = service_.TokenOf(kVisa);
  const TokenName amex = service_.TokenOf(kAmex);
  const auto change = [&](auto&& with) {
    store_.Tamper([&](MemoryStore::Rows& rows) { with(rows.tokens.begin()->second); });
    EXPECT_THAT(service_.DetokenizeOne(visa), HasReason(Reason::kIntegrityFailure));
    const auto again = service_.Tokenize(List(Card(kVisa), Card(kAmex)));
    ASSERT_OK(again);
    EXPECT_THAT((*again)[0], HasReason(Reason::kIntegrityFailure));
    EXPECT_OK((*again)[1]);
    EXPECT_OK(service_.DetokenizeOne(amex));
  };
  const store::TokenRow good = store_.Snapshot().tokens.begin()->second;
  change([](store::TokenRow& row) { row.state = 2; });
  change([&](store::TokenRow& row) {
    row = good;
    ++row.revision;
  });
  change([&](store::TokenRow& row) {
    row = good;
    row.created_ms += 1;
  });
  change([&](store::TokenRow& row) {
    row = good;
    row.sealed.back() ^= 1;
  });
  store_.Tamper([&](MemoryStore::Rows& rows) { rows.tokens.begin()->second = good; });
  EXPECT_EQ(service_.TokenOf(kVisa).token, visa.token);
}

TEST_F(FaultyStoreTest, AnIndexThatLeadsToAnotherCardIsNoticed) {
  (void)service_.TokenOf(kVisa);
  (void)service_.TokenOf(kAmex);
  store_.Tamper([](MemoryStore::Rows& rows) {
    auto first = rows.tokens.begin();
    auto second = std::next(first);
    std::swap(first->second.pan_index, second->second.pan_index);
    for (auto& [index, handle] : rows.pan_indexes) {
      handle = handle == first->first ? second->first : first->first;
    }
  });
  const auto tokens = service_.Tokenize(List(Card(kVisa), Card(kAmex)));
  ASSERT_OK(tokens);
  EXPECT_THAT((*tokens)[0], HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT((*tokens)[1], HasReason(Reason::kIntegrityFailure));
}

// Hides the rows of the PAN index, as a writer does who comes in between look-up and commit.
class HidingStore : public MemoryStore {
 public:
  std::atomic<int> hidden = 0;
  std::atomic<int> lookups = 0;

  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes) override {
    ++lookups;
    if (hidden > 0) {
      --hidden;
      return std::vector<std::optional<store::TokenRow>>(pan_indexes.size());
    }
    return MemoryStore::FindTokensByPanIndex(tenant, profile, index_version, pan_indexes);
  }
};

TEST(ConflictTest, AfterAConflictTheCallLooksAgain) {
  HidingStore store;
  Service service(store);
  const TokenName first = service.TokenOf(kVisa);
  store.hidden = 4;
  store.lookups = 0;
  EXPECT_EQ(service.TokenOf(kVisa).token, first.token);
  EXPECT_EQ(store.lookups, 5);
  EXPECT_EQ(store.Snapshot().tokens.size(), 1u);
  EXPECT_EQ(service.Records("TokenService.Tokenize"), 2u);
}

TEST(ConflictTest, AfterFiveConflictsTheCallGivesUpAndSaysSo) {
  HidingStore store;
  Service service(store);
  (void)service.TokenOf(kVisa);
  store.hidden = 1000;
  store.lookups = 0;
  EXPECT_THAT(service.Tokenize(List(Card(kVisa))), HasReason(Reason::kConflict));
  EXPECT_EQ(store.lookups, 5);
  EXPECT_THAT(service.LastRecord("TokenService.Tokenize"), HasSubstr("CONFLICT"));
}

}  // namespace
}  // namespace keysvc::tokenizer
