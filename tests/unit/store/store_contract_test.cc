// What every Store promises, held against the real one and the fake.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/sqlcipher_store.h"
#include "store/store.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

using store::FrontierRow;
using store::LeafRow;
using store::Mutation;
using store::Store;
using store::WriteTransaction;
using Applied = WriteTransaction::Applied;
using Make = std::function<std::unique_ptr<Store>(const TemporaryDirectory&)>;

std::unique_ptr<Store> MakeMemory(const TemporaryDirectory&) {
  return std::make_unique<MemoryStore>();
}

std::unique_ptr<Store> MakeSqlcipher(const TemporaryDirectory& directory) {
  return store::CreateSqlcipherStore(OptionsAt(directory.File("db")), KeyOf(1)).value();
}

class StoreContractTest : public ::testing::TestWithParam<std::pair<const char*, Make>> {
 protected:
  // What became of the mutation in a transaction of its own.
  Applied Write(const Mutation& mutation, std::int64_t now_ms = 0) {
    const auto applied = ApplyAndCommit(*store_, mutation, now_ms);
    EXPECT_OK(applied);
    return applied.value_or(Applied::kConflict);
  }
  bool HasToken(std::int64_t handle) {
    return store_->FindTokens(std::vector{handle}).value().at(0).has_value();
  }
  std::uint64_t KeyRevision() {
    const auto rows = store_->ListKeyVersions().value();
    return rows.empty() ? 0 : rows.at(0).revision;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_ = GetParam().second(directory_);
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest,
                         ::testing::Values(std::pair("Memory", Make(MakeMemory)),
                                           std::pair("Sqlcipher", Make(MakeSqlcipher))),
                         [](const auto& made) { return made.param.first; });

TEST_P(StoreContractTest, EveryColumnComesBackAsItWasWritten) {
  const Mutation mutation = {.tokens = {TokenRowOf(1, "index"), TokenRowOf(2, "")},
                             .keys = {KeyRowOf(1, 1)},
                             .partner_keys = {PartnerKeyRowOf("bank", 1)},
                             .idempotency = IdempotencyRowOf("r", 10)};
  ASSERT_EQ(Write(mutation), Applied::kYes);

  const auto tokens = store_->FindTokens(std::vector<std::int64_t>{2, 3, 1}).value();
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_TRUE(SameToken(tokens[0].value(), mutation.tokens[1]));
  EXPECT_FALSE(tokens[1].has_value());
  EXPECT_TRUE(SameToken(tokens[2].value(), mutation.tokens[0]));
  const auto keys = store_->ListKeyVersions().value();
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_TRUE(SameKey(keys[0], mutation.keys[0]));
  const auto partner_keys = store_->ListPartnerKeys().value();
  ASSERT_EQ(partner_keys.size(), 1u);
  EXPECT_TRUE(SamePartnerKey(partner_keys[0], mutation.partner_keys[0]));
  const auto answer = store_->FindIdempotency(mutation.idempotency->principal, "r", 9).value();
  EXPECT_TRUE(SameIdempotency(answer.value(), *mutation.idempotency));
}

TEST_P(StoreContractTest, ATokenIsFoundByAllFourPartsOfItsPanIndex) {
  store::TokenRow row = TokenRowOf(5, "i");
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  const auto found = [&](std::string_view tenant, std::uint16_t profile, std::uint32_t version) {
    return store_
        ->FindTokensByPanIndex(tenant, profile, version, std::vector<std::string>{"x", "i"})
        .value();
  };
  const auto rows = found(row.tenant, row.profile, row.index_version);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[0].has_value());
  EXPECT_TRUE(SameToken(rows[1].value(), row));
  EXPECT_FALSE(found("other", row.profile, row.index_version)[1].has_value());
  EXPECT_FALSE(found(row.tenant, 1, row.index_version)[1].has_value());
  EXPECT_FALSE(found(row.tenant, row.profile, 1)[1].has_value());
}

TEST_P(StoreContractTest, TokensAreListedByAllTheMetadataThatIsAskedFor) {
  Mutation rows;
  for (std::int64_t handle = 1; handle <= 40; ++handle) {
    rows.tokens.push_back(TokenRowOf(handle, ""));
    rows.tokens.back().metadata = std::string("even=") + (handle % 2 == 0 ? "yes" : "no") +
                                  ",third=" + (handle % 3 == 0 ? "yes" : "no");
  }
  rows.tokens[11].tenant = "other";
  rows.tokens[17].profile = 1;
  ASSERT_EQ(Write(rows), Applied::kYes);
  EXPECT_EQ(store_->CountMetadata().value(), 80u);
  const auto handles = [&](std::vector<store::MetadataValue> filter, std::size_t limit) {
    std::vector<std::int64_t> found;
    std::int64_t after = 0;
    while (true) {
      const auto list = store_
                            ->ListTokens(rows.tokens[0].tenant, rows.tokens[0].profile, filter,
                                         std::nullopt, after, limit)
                            .value();
      EXPECT_LE(list.rows.size(), limit);
      for (const auto& row : list.rows) {
        EXPECT_TRUE(SameToken(row, rows.tokens[static_cast<std::size_t>(row.handle - 1)]));
        found.push_back(row.handle);
      }
      if (!list.last.has_value()) return found;
      EXPECT_GE(*list.last, after);
      after = *list.last;
    }
  };
  const std::vector<std::int64_t> sixths = {6, 24, 30, 36};  // 12 and 18 are elsewhere
  for (const std::size_t limit : {1U, 2U, 4U, 50U}) {
    EXPECT_EQ(handles({{"even", "yes"}, {"third", "yes"}}, limit), sixths);
    EXPECT_EQ(handles({{"third", "yes"}, {"even", "yes"}}, limit), sixths);
    EXPECT_EQ(handles({{"even", "no"}}, limit).size(), 20u);
    EXPECT_EQ(handles({}, limit).size(), 38u);
  }
  EXPECT_TRUE(handles({{"even", "yes"}, {"third", "maybe"}}, 5).empty());
  EXPECT_TRUE(handles({{"yes", "even"}}, 5).empty());
}

TEST_P(StoreContractTest, TokensAreListedByTheirState) {
  Mutation rows;
  for (std::int64_t handle = 1; handle <= 9; ++handle) {
    rows.tokens.push_back(TokenRowOf(handle, ""));
    rows.tokens.back().metadata = "store=berlin";
    rows.tokens.back().state = handle % 4 == 0 ? 2 : 1;
  }
  ASSERT_EQ(Write(rows), Applied::kYes);
  const std::vector<store::MetadataValue> berlin = {{"store", "berlin"}};
  for (const auto& filter : {std::vector<store::MetadataValue>(), berlin}) {
    const auto list = store_->ListTokens(rows.tokens[0].tenant, rows.tokens[0].profile, filter,
                                         std::uint8_t{2}, 0, 1);
    ASSERT_OK(list);
    ASSERT_EQ(list->rows.size(), 1u);
    EXPECT_EQ(list->rows[0].handle, 4);
    EXPECT_EQ(list->last, 4);
    const auto rest = store_->ListTokens(rows.tokens[0].tenant, rows.tokens[0].profile, filter,
                                         std::uint8_t{2}, 4, 5);
    ASSERT_OK(rest);
    ASSERT_EQ(rest->rows.size(), 1u);
    EXPECT_EQ(rest->rows[0].handle, 8);
    EXPECT_FALSE(rest->last.has_value());
  }
}

TEST_P(StoreContractTest, AChangedTokenIsListedByWhatItHasNow) {
  store::TokenRow row = TokenRowOf(5, "");
  row.metadata = "day=2027-01-01,store=berlin";
  ASSERT_EQ(Write({.tokens = {row, TokenRowOf(6, "")}}), Applied::kYes);
  const auto listed = [&](std::string field, std::string value) {
    const std::vector<store::MetadataValue> filter = {{std::move(field), std::move(value)}};
    return store_->ListTokens(row.tenant, row.profile, filter, std::nullopt, 0, 5)
        .value()
        .rows.size();
  };
  row.revision = 2;
  row.state = 2;
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  EXPECT_EQ(listed("store", "berlin"), 1u);
  row.revision = 3;
  row.metadata = "store=vienna";
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  EXPECT_EQ(listed("store", "berlin"), 0u);
  EXPECT_EQ(listed("day", "2027-01-01"), 0u);
  EXPECT_EQ(listed("store", "vienna"), 1u);
  EXPECT_TRUE(SameToken(store_->FindTokens(std::vector<std::int64_t>{5}).value()[0].value(), row));
  row.revision = 4;
  row.metadata.clear();
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  EXPECT_EQ(listed("store", "vienna"), 0u);
  EXPECT_EQ(store_->CountMetadata().value(), 0u);
  EXPECT_EQ(store_->ListTokens(row.tenant, row.profile, {}, std::nullopt, 0, 5).value().rows.size(),
            2u);
}

TEST_P(StoreContractTest, ATokenWithoutAPanIndexIsNotFoundByAnEmptyOne) {
  const store::TokenRow row = TokenRowOf(5, "");
  ASSERT_EQ(Write({.tokens = {row, TokenRowOf(6, "")}}), Applied::kYes);
  EXPECT_FALSE(store_
                   ->FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                                          std::vector<std::string>{""})
                   .value()
                   .at(0)
                   .has_value());
}

TEST_P(StoreContractTest, ATokenIsFoundByItsDigitsInItsProfileOnly) {
  const store::TokenRow row = DigitsRowOf(5, "i");
  const store::TokenRow opaque = TokenRowOf(6, "j");
  const auto found = [&](std::string_view tenant, std::uint16_t profile, std::string digits) {
    return store_->FindTokensByDigits(tenant, profile, std::vector<std::string>{std::move(digits)})
        .value()
        .at(0);
  };
  EXPECT_FALSE(found(row.tenant, row.profile, row.digits).has_value());
  ASSERT_EQ(Write({.tokens = {row, opaque}}), Applied::kYes);
  EXPECT_TRUE(SameToken(found(row.tenant, row.profile, row.digits).value(), row));
  EXPECT_FALSE(found("other", row.profile, row.digits).has_value());
  EXPECT_FALSE(found(row.tenant, 1, row.digits).has_value());
  EXPECT_FALSE(found(row.tenant, row.profile, row.digits + "0").has_value());
  EXPECT_FALSE(found(opaque.tenant, opaque.profile, "").has_value());
}

TEST_P(StoreContractTest, TakenDigitsAreAConflictInTheirProfileAlsoOnceTheRowIsChanged) {
  store::TokenRow row = DigitsRowOf(1, "a");
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  store::TokenRow same = DigitsRowOf(2, "b");
  same.digits = row.digits;
  EXPECT_EQ(Write({.tokens = {same}}), Applied::kConflict);
  ++row.revision;
  row.pan_index.clear();
  ASSERT_EQ(Write({.tokens = {row}}), Applied::kYes);
  EXPECT_EQ(Write({.tokens = {same}}), Applied::kConflict);
  EXPECT_FALSE(HasToken(2));
  same.profile = 1;
  EXPECT_EQ(Write({.tokens = {same}}), Applied::kYes);
  store::TokenRow twice = DigitsRowOf(3, "c");
  store::TokenRow again = DigitsRowOf(4, "d");
  again.digits = twice.digits;
  EXPECT_EQ(Write({.tokens = {twice, again}}), Applied::kConflict);
}

TEST_P(StoreContractTest, ATakenPanIndexIsAConflictThatLeavesNothingBehind) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "same")}}), Applied::kYes);
  EXPECT_EQ(Write({.tokens = {TokenRowOf(2, "new"), TokenRowOf(3, "same")},
                   .keys = {KeyRowOf(1, 1)},
                   .idempotency = IdempotencyRowOf("r", 10)}),
            Applied::kConflict);
  EXPECT_FALSE(HasToken(2));
  EXPECT_FALSE(HasToken(3));
  EXPECT_EQ(KeyRevision(), 0u);
  EXPECT_FALSE(
      store_->FindIdempotency(IdempotencyRowOf("r", 10).principal, "r", 0).value().has_value());
}

TEST_P(StoreContractTest, TheSamePanIndexOfAnotherTenantProfileOrVersionIsNoConflict) {
  store::TokenRow other_tenant = TokenRowOf(2, "same");
  other_tenant.tenant = "other";
  store::TokenRow other_profile = TokenRowOf(3, "same");
  other_profile.profile = 3;
  store::TokenRow other_version = TokenRowOf(4, "same");
  other_version.index_version = 3;
  EXPECT_EQ(Write({.tokens = {TokenRowOf(1, "same"), other_tenant, other_profile, other_version}}),
            Applied::kYes);
}

TEST_P(StoreContractTest, APanIndexThatOneMutationUsesTwiceIsAConflict) {
  EXPECT_EQ(Write({.tokens = {TokenRowOf(1, "same"), TokenRowOf(2, "same")}}), Applied::kConflict);
  EXPECT_FALSE(HasToken(1));
}

TEST_P(StoreContractTest, AConflictWithAnEarlierMutationOfTheTransactionIsSeen) {
  const auto transaction = store_->Begin().value();
  EXPECT_EQ(transaction->Apply({.tokens = {TokenRowOf(1, "same")}}, 0).value(), Applied::kYes);
  EXPECT_EQ(transaction->Apply({.tokens = {TokenRowOf(2, "same")}}, 0).value(), Applied::kConflict);
  EXPECT_EQ(transaction->Apply({.tokens = {TokenRowOf(3, "other")}}, 0).value(), Applied::kYes);
  ASSERT_OK(transaction->Commit());
  EXPECT_TRUE(HasToken(1));
  EXPECT_FALSE(HasToken(2));
  EXPECT_TRUE(HasToken(3));
}

TEST_P(StoreContractTest, AKeyVersionGoesFromRevisionToTheNextAndNoOther) {
  EXPECT_EQ(Write({.keys = {KeyRowOf(1, 2)}}), Applied::kConflict);
  EXPECT_EQ(KeyRevision(), 0u);
  EXPECT_EQ(Write({.keys = {KeyRowOf(1, 1)}}), Applied::kYes);
  EXPECT_EQ(Write({.keys = {KeyRowOf(1, 1)}}), Applied::kConflict);
  EXPECT_EQ(Write({.keys = {KeyRowOf(1, 3)}}), Applied::kConflict);
  EXPECT_EQ(KeyRevision(), 1u);
  store::KeyVersionRow next = KeyRowOf(1, 2);
  next.state = "suspended";
  next.primary = false;
  EXPECT_EQ(Write({.keys = {next}}), Applied::kYes);
  const auto rows = store_->ListKeyVersions().value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(SameKey(rows[0], next));
}

TEST_P(StoreContractTest, AStaleKeyRevisionAmongGoodRowsLeavesNothingBehind) {
  ASSERT_EQ(Write({.keys = {KeyRowOf(1, 1)}}), Applied::kYes);
  EXPECT_EQ(Write({.tokens = {TokenRowOf(1, "i")}, .keys = {KeyRowOf(2, 1), KeyRowOf(1, 1)}}),
            Applied::kConflict);
  EXPECT_FALSE(HasToken(1));
  EXPECT_EQ(store_->ListKeyVersions().value().size(), 1u);
}

TEST_P(StoreContractTest, AKeyVersionThatOneMutationWritesTwiceIsAConflict) {
  EXPECT_EQ(Write({.keys = {KeyRowOf(1, 1), KeyRowOf(1, 1)}}), Applied::kConflict);
  EXPECT_EQ(KeyRevision(), 0u);
}

TEST_P(StoreContractTest, APartnerKeyGoesFromRevisionToTheNextAndNoOther) {
  EXPECT_EQ(Write({.partner_keys = {PartnerKeyRowOf("bank", 2)}}), Applied::kConflict);
  EXPECT_EQ(Write({.partner_keys = {PartnerKeyRowOf("bank", 1), PartnerKeyRowOf("bank", 1)}}),
            Applied::kConflict);
  EXPECT_EQ(store_->ListPartnerKeys().value().size(), 0u);
  EXPECT_EQ(Write({.partner_keys = {PartnerKeyRowOf("bank", 1), PartnerKeyRowOf("shop", 1)}}),
            Applied::kYes);
  EXPECT_EQ(Write({.partner_keys = {PartnerKeyRowOf("bank", 1)}}), Applied::kConflict);
  EXPECT_EQ(Write({.partner_keys = {PartnerKeyRowOf("bank", 3)}}), Applied::kConflict);
  store::PartnerKeyRow next = PartnerKeyRowOf("bank", 2);
  next.state = "disabled";
  EXPECT_EQ(Write({.partner_keys = {next}}), Applied::kYes);
  const auto rows = store_->ListPartnerKeys().value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(SamePartnerKey(rows[0], next));
  EXPECT_TRUE(SamePartnerKey(rows[1], PartnerKeyRowOf("shop", 1)));
}

TEST_P(StoreContractTest, ALiveRequestIdIsAConflictAndAnExpiredOneIsReplaced) {
  const std::string principal = IdempotencyRowOf("r", 0).principal;
  ASSERT_EQ(Write({.idempotency = IdempotencyRowOf("r", 100)}, 50), Applied::kYes);
  EXPECT_EQ(Write({.tokens = {TokenRowOf(1, "i")}, .idempotency = IdempotencyRowOf("r", 200)}, 99),
            Applied::kConflict);
  EXPECT_FALSE(HasToken(1));
  EXPECT_TRUE(store_->FindIdempotency(principal, "r", 99).value().has_value());
  EXPECT_FALSE(store_->FindIdempotency(principal, "r", 100).value().has_value());

  EXPECT_EQ(Write({.idempotency = IdempotencyRowOf("r", 200)}, 100), Applied::kYes);
  EXPECT_EQ(store_->FindIdempotency(principal, "r", 100).value().value().expires_ms, 200);
}

TEST_P(StoreContractTest, TheSameRequestIdOfAnotherPrincipalIsNoConflict) {
  store::IdempotencyRow other = IdempotencyRowOf("r", 100);
  other.principal = "spiffe://example.org/other";
  ASSERT_EQ(Write({.idempotency = IdempotencyRowOf("r", 100)}), Applied::kYes);
  EXPECT_EQ(Write({.idempotency = other}), Applied::kYes);
}

TEST_P(StoreContractTest, ATransactionThatIsDroppedLeavesNothingBehind) {
  {
    const auto transaction = store_->Begin().value();
    ASSERT_EQ(
        transaction->Apply({.tokens = {TokenRowOf(1, "i")}, .keys = {KeyRowOf(1, 1)}}, 0).value(),
        Applied::kYes);
    ASSERT_OK(transaction->AppendLeaf(LeafRowOf(0)));
    ASSERT_OK(transaction->PutFrontier(FrontierRowOf(1)));
    ASSERT_OK(transaction->PutCheckpoint({.size = 1, .note = "note"}));
  }
  EXPECT_FALSE(HasToken(1));
  EXPECT_EQ(KeyRevision(), 0u);
  EXPECT_TRUE(store_->ReadLeaves(0, 10).value().empty());
  EXPECT_EQ(store_->ReadFrontier().value().size, 0u);
  EXPECT_FALSE(store_->LatestCheckpoint().value().has_value());
  EXPECT_EQ(Write({.tokens = {TokenRowOf(1, "i")}}), Applied::kYes);
}

TEST_P(StoreContractTest, NothingIsSeenBeforeTheCommit) {
  const auto transaction = store_->Begin().value();
  ASSERT_OK(transaction->Apply({.tokens = {TokenRowOf(1, "i")}}, 0));
  EXPECT_FALSE(HasToken(1));
  ASSERT_OK(transaction->Commit());
  EXPECT_TRUE(HasToken(1));
}

TEST_P(StoreContractTest, LeavesFrontierAndCheckpointsComeBack) {
  const auto transaction = store_->Begin().value();
  for (const std::uint64_t index : {0u, 1u, 2u}) {
    ASSERT_OK(transaction->AppendLeaf(LeafRowOf(index)));
  }
  ASSERT_OK(transaction->PutFrontier(FrontierRowOf(2)));
  ASSERT_OK(transaction->PutFrontier(FrontierRowOf(3)));
  ASSERT_OK(transaction->PutCheckpoint({.size = 9, .note = "nine"}));
  ASSERT_OK(transaction->PutCheckpoint({.size = 10, .note = std::string("t\0n", 3)}));
  ASSERT_OK(transaction->Commit());

  const std::vector<LeafRow> leaves = store_->ReadLeaves(1, 10).value();
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_TRUE(SameLeaf(leaves[0], LeafRowOf(1)));
  EXPECT_EQ(store_->ReadLeaves(0, 2).value().size(), 2u);
  const FrontierRow frontier = store_->ReadFrontier().value();
  EXPECT_EQ(frontier.size, 3u);
  EXPECT_EQ(frontier.hashes, FrontierRowOf(3).hashes);
  EXPECT_EQ(store_->LatestCheckpoint().value().value().size, 10u);
  EXPECT_EQ(store_->LatestCheckpoint().value().value().note, std::string("t\0n", 3));
}

TEST_P(StoreContractTest, LeafHashesAreVisitedInOrderUntilTheVisitorFails) {
  const auto transaction = store_->Begin().value();
  for (std::uint64_t index = 0; index < 20000; ++index) {
    ASSERT_OK(transaction->AppendLeaf(LeafRowOf(index)));
  }
  ASSERT_OK(transaction->Commit());

  std::uint64_t next = 3;
  ASSERT_OK(store_->VisitLeafHashes(3, 19999, [&](std::uint64_t index, std::string_view hash) {
    EXPECT_EQ(index, next);
    EXPECT_EQ(hash, LeafRowOf(next).leaf_hash);
    ++next;
    return absl::OkStatus();
  }));
  EXPECT_EQ(next, 19999u);
  int visits = 0;
  EXPECT_EQ(store_->VisitLeafHashes(0, 10,
                                    [&](std::uint64_t, std::string_view) {
                                      ++visits;
                                      // A visitor may read: it holds no reader while it runs.
                                      EXPECT_TRUE(store_->ReadFrontier().ok());
                                      return absl::CancelledError();
                                    }),
            absl::CancelledError());
  EXPECT_EQ(visits, 1);
}

TEST_P(StoreContractTest, AMissingLeafIsNoticed) {
  const auto transaction = store_->Begin().value();
  ASSERT_OK(transaction->AppendLeaf(LeafRowOf(0)));
  ASSERT_OK(transaction->AppendLeaf(LeafRowOf(2)));
  ASSERT_OK(transaction->Commit());
  const auto visit = [](std::uint64_t, std::string_view) { return absl::OkStatus(); };
  EXPECT_THAT(store_->VisitLeafHashes(0, 3, visit), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(store_->VisitLeafHashes(2, 4, visit), HasReason(Reason::kIntegrityFailure));
}

TEST_P(StoreContractTest, AHandleOrALeafIsNeverWrittenTwice) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "a")}}), Applied::kYes);
  EXPECT_THAT(ApplyAndCommit(*store_, {.tokens = {TokenRowOf(1, "b")}}),
              HasReason(Reason::kInternal));
  const auto transaction = store_->Begin().value();
  ASSERT_OK(transaction->AppendLeaf(LeafRowOf(0)));
  EXPECT_THAT(transaction->AppendLeaf(LeafRowOf(0)), HasReason(Reason::kInternal));
}

TEST_P(StoreContractTest, ARowIsChangedInAllButWhatItIs) {
  ASSERT_EQ(Write({.tokens = {DigitsRowOf(1, "i"), TokenRowOf(2, "j")}}), Applied::kYes);
  store::TokenRow changed = DigitsRowOf(1, "");
  changed.index_version = 1;
  changed.data_version = 2;
  changed.sealed = "other";
  changed.state = 3;
  changed.revision = 2;
  changed.ends_ms = 5;
  changed.uses_left = std::nullopt;
  changed.mac = "another";
  store::TokenRow asked = changed;
  asked.leaf_index = std::nullopt;
  asked.digits = "others";
  ASSERT_EQ(Write({.tokens = {asked}}), Applied::kYes);
  const auto rows = store_->FindTokens(std::vector<std::int64_t>{1, 2}).value();
  EXPECT_TRUE(SameToken(rows[0].value(), changed));
  EXPECT_TRUE(SameToken(rows[1].value(), TokenRowOf(2, "j")));
}

TEST_P(StoreContractTest, AChangeOfAnotherRevisionOrOfNoRowIsAConflict) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "i")}}), Applied::kYes);
  store::TokenRow row = TokenRowOf(1, "i");
  row.revision = 3;
  EXPECT_EQ(Write({.tokens = {row}}), Applied::kConflict);
  row.revision = 2;
  EXPECT_EQ(Write({.tokens = {TokenRowOf(5, "new"), row, row}}), Applied::kConflict);
  EXPECT_FALSE(HasToken(5));
  EXPECT_EQ(Write({.tokens = {row}}), Applied::kYes);
  EXPECT_EQ(Write({.tokens = {row}}), Applied::kConflict);
  row.handle = 9;
  EXPECT_EQ(Write({.tokens = {row}}), Applied::kConflict);
  EXPECT_FALSE(HasToken(9));
}

TEST_P(StoreContractTest, APanIndexThatARowGaveUpIsFoundNoMoreAndCanBeTaken) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "i")}}), Applied::kYes);
  const auto find = [&] {
    const store::TokenRow row = TokenRowOf(1, "i");
    return store_
        ->FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                               std::vector<std::string>{"i"})
        .value()
        .at(0);
  };
  EXPECT_TRUE(find().has_value());
  store::TokenRow without = TokenRowOf(1, "");
  without.revision = 2;
  ASSERT_EQ(Write({.tokens = {without}}), Applied::kYes);
  EXPECT_FALSE(find().has_value());
  ASSERT_EQ(Write({.tokens = {TokenRowOf(2, "i")}}), Applied::kYes);
  EXPECT_EQ(find().value().handle, 2);
}

TEST_P(StoreContractTest, ARowMayGetAnotherPanIndexThatNoOtherRowHas) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "i"), TokenRowOf(2, "j")}}), Applied::kYes);
  const auto find = [&](const std::string& pan_index) {
    const store::TokenRow row = TokenRowOf(1, "i");
    const auto found = store_->FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                                                    std::vector<std::string>{pan_index});
    return found.value().at(0).has_value() ? found->at(0)->handle : 0;
  };
  EXPECT_EQ(find("k"), 0);
  store::TokenRow moved = TokenRowOf(1, "j");
  moved.revision = 2;
  EXPECT_EQ(Write({.tokens = {moved}}), Applied::kConflict);
  store::TokenRow freed = TokenRowOf(2, "l");
  freed.revision = 2;
  EXPECT_EQ(Write({.tokens = {freed, moved}}), Applied::kConflict);
  EXPECT_EQ(find("j"), 2);
  moved.pan_index = "k";
  EXPECT_EQ(Write({.tokens = {moved, TokenRowOf(3, "k")}}), Applied::kConflict);
  ASSERT_EQ(Write({.tokens = {moved}}), Applied::kYes);
  EXPECT_EQ(find("i"), 0);
  EXPECT_EQ(find("k"), 1);
  EXPECT_EQ(Write({.tokens = {TokenRowOf(4, "k")}}), Applied::kConflict);
  ASSERT_EQ(Write({.tokens = {TokenRowOf(4, "i")}}), Applied::kYes);
  EXPECT_EQ(find("i"), 4);
}

TEST_P(StoreContractTest, TokensThatHaveEndedAreFoundByProfileStateAndTime) {
  Mutation rows;
  for (std::int64_t handle = 1; handle <= 6; ++handle) {
    rows.tokens.push_back(TokenRowOf(handle, ""));
    rows.tokens.back().ends_ms = 100 - handle;
  }
  rows.tokens[0].ends_ms = std::nullopt;
  rows.tokens[1].state = 2;
  rows.tokens[2].profile = 7;
  ASSERT_EQ(Write(rows), Applied::kYes);
  const auto found = [&](std::int64_t by_ms, std::size_t limit) {
    const auto ended = store_->FindEndedTokens("acme", 65535, 1, by_ms, limit);
    EXPECT_OK(ended);
    std::vector<std::int64_t> handles;
    for (const store::TokenRow& row : *ended) handles.push_back(row.handle);
    return handles;
  };
  EXPECT_EQ(found(100, 10), (std::vector<std::int64_t>{6, 5, 4}));
  EXPECT_EQ(found(95, 10), (std::vector<std::int64_t>{6, 5}));
  EXPECT_EQ(found(100, 2), (std::vector<std::int64_t>{6, 5}));
  EXPECT_TRUE(store_->FindEndedTokens("other", 65535, 1, 100, 10).value().empty());
}

TEST_P(StoreContractTest, OnlyOneTransactionIsOpenAtATime) {
  auto transaction = store_->Begin().value();
  EXPECT_THAT(store_->Begin(), HasReason(Reason::kInternal));
  transaction.reset();
  EXPECT_OK(store_->Begin());
}

TEST_P(StoreContractTest, HandlesAreConsecutiveAndNeverGivenTwice) {
  const std::int64_t first = store_->AllocateHandles(3);
  EXPECT_GE(first, 1);
  EXPECT_EQ(store_->AllocateHandles(1), first + 3);
}

TEST_P(StoreContractTest, ReopenKeepsWhatWasCommitted) {
  ASSERT_EQ(Write({.tokens = {TokenRowOf(1, "i")}}), Applied::kYes);
  ASSERT_OK(store_->Reopen());
  EXPECT_TRUE(HasToken(1));
  EXPECT_EQ(Write({.tokens = {TokenRowOf(2, "j")}}), Applied::kYes);
}

}  // namespace
}  // namespace keysvc::testing
