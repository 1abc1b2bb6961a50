// Lists of a profile's tokens, by their metadata or all of them.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TokenizerListingTest : public EachStoreTest {
 protected:
  std::string Made(const TokenMetadata& metadata, std::string_view profile = kOrders) {
    const auto issued = service_->Issue(List(Card(kVisa)), profile, {}, {}, {metadata});
    EXPECT_OK(issued);
    EXPECT_OK(issued->at(0));
    return issued->at(0)->name.ToString();
  }
  std::string Made(const std::string& store, int count, std::string_view profile = kOrders) {
    return Made({{"store", store}, {"count", std::to_string(count)}}, profile);
  }
  // The names of all pages.
  std::vector<std::string> Listed(std::string_view profile, ListingQuery query) {
    if (query.size == 0) query.size = 50;
    std::vector<std::string> names;
    do {
      const auto page = service_->ListTokens(profile, query);
      EXPECT_OK(page);
      if (!page.ok()) break;
      EXPECT_LE(page->tokens.size(), query.size);
      for (const ListedToken& token : page->tokens) names.push_back(token.name);
      query.page = page->next;
    } while (!query.page.empty());
    return names;
  }
};

WITH_EACH_STORE(TokenizerListingTest);

TEST_P(TokenizerListingTest, AFilterFindsTheTokensThatHaveAllOfItInTheOrderOfTheirMaking) {
  const std::string one = Made("berlin", 1);
  Made("vienna", 1);
  Made("berlin", 2);
  const std::string two = Made("berlin", 1);
  Made({{"store", "berlin"}});
  Made("berlin", 1, kOrderNumbers);
  EXPECT_THAT(Listed(kOrders, {.filter = {{"store", "berlin"}, {"count", "1"}}}),
              ElementsAre(one, two));
  EXPECT_THAT(Listed(kOrders, {.filter = {{"count", "1"}, {"store", "berlin"}}, .size = 1}),
              ElementsAre(one, two));
  EXPECT_EQ(Listed(kOrders, {.filter = {{"store", "berlin"}}}).size(), 4u);
  EXPECT_THAT(Listed(kOrders, {.filter = {{"count", "3"}, {"store", "berlin"}}}), IsEmpty());
  EXPECT_THAT(Listed(kOrders, {.filter = {{"day", "2027-01-31"}}}), IsEmpty());
}

TEST_P(TokenizerListingTest, WithoutAFilterItIsTheWholeProfileAndNothingOfAnother) {
  service_->TokenOf(kVisa, kOneTime);
  const std::string one = Made("berlin", 1);
  service_->TokenOf(kAmex, kNumbers);
  const std::string two = Made("vienna", 2);
  const std::string digits = Made("vienna", 2, kOrderNumbers);
  EXPECT_THAT(Listed(kOrders, {}), ElementsAre(one, two));
  EXPECT_THAT(Listed(kOrders, {.size = 1}), ElementsAre(one, two));
  EXPECT_THAT(Listed(kOrderNumbers, {}), ElementsAre(digits));
  EXPECT_EQ(Listed(kOneTime, {}).size(), 1u);
  EXPECT_THAT(Listed(kLegacy, {}), IsEmpty());
}

TEST_P(TokenizerListingTest, ATokenIsListedWithStateTimeAndMetadataAndNothingOfItsCard) {
  const std::string name = Made("berlin", 17);
  ASSERT_OK(service_->Change(*TokenName::Parse(name), TokenState::kSuspended));
  const auto page = service_->ListTokens(kOrders, {.size = 10});
  ASSERT_OK(page);
  ASSERT_EQ(page->tokens.size(), 1u);
  EXPECT_EQ(page->tokens[0].name, name);
  EXPECT_EQ(page->tokens[0].state, TokenState::kSuspended);
  EXPECT_EQ(page->tokens[0].created, absl::FromUnixMillis(service_->now_ms_));
  EXPECT_EQ(page->tokens[0].metadata, (TokenMetadata{{"count", "17"}, {"store", "berlin"}}));
  EXPECT_TRUE(page->next.empty());
}

TEST_P(TokenizerListingTest, NamesAreThoseOfTheKeyThatMadeThem) {
  const std::string old = Made("berlin", 1);
  service_->keys_.RotateTokenKey();
  const std::string fresh = Made("berlin", 1);
  EXPECT_THAT(Listed(kOrders, {.filter = {{"count", "1"}}}), ElementsAre(old, fresh));
}

TEST_P(TokenizerListingTest, AStateChoosesAmongThemAndDeletedTokensHaveNoMetadata) {
  const std::string active = Made("berlin", 1);
  const std::string suspended = Made("berlin", 1);
  const std::string deleted = Made("berlin", 1);
  ASSERT_OK(service_->Change(*TokenName::Parse(suspended), TokenState::kSuspended));
  ASSERT_OK(service_->Change(*TokenName::Parse(deleted), TokenState::kDeleted));
  const TokenMetadata berlin = {{"store", "berlin"}};
  EXPECT_THAT(Listed(kOrders, {.filter = berlin}), ElementsAre(active, suspended));
  EXPECT_THAT(Listed(kOrders, {.filter = berlin, .state = TokenState::kSuspended}),
              ElementsAre(suspended));
  EXPECT_THAT(Listed(kOrders, {.state = TokenState::kDeleted, .size = 1}), ElementsAre(deleted));
  EXPECT_THAT(Listed(kOrders, {}), ElementsAre(active, suspended, deleted));
}

TEST_P(TokenizerListingTest, WhatIsMadeBetweenPagesComesOnALaterOneAndNothingComesTwice) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(Made("berlin", 1));
  ListingQuery query{.filter = {{"store", "berlin"}, {"count", "1"}}, .size = 2};
  std::vector<std::string> listed;
  for (int pages = 0; pages < 20; ++pages) {
    const auto page = service_->ListTokens(kOrders, query);
    ASSERT_OK(page);
    for (const ListedToken& token : page->tokens) listed.push_back(token.name);
    if (pages < 3) {
      Made("vienna", 1);
      made.push_back(Made("berlin", 1));
    }
    query.page = page->next;
    if (query.page.empty()) break;
  }
  EXPECT_EQ(listed, made);
}

TEST_P(TokenizerListingTest, APageIsOfTheListThatGaveIt) {
  for (int i = 0; i < 3; ++i) Made("berlin", 1);
  ListingQuery query{.filter = {{"store", "berlin"}}, .size = 1};
  const auto first = service_->ListTokens(kOrders, query);
  ASSERT_OK(first);
  ASSERT_FALSE(first->next.empty());
  query.page = first->next;
  EXPECT_OK(service_->ListTokens(kOrders, query));
  const auto refused = [&](std::string_view profile, const ListingQuery& other) {
    const auto page = service_->ListTokens(profile, other);
    EXPECT_THAT(page, HasReason(Reason::kFieldInvalid));
    EXPECT_EQ(FieldOf(page.status()), "page_token");
  };
  ListingQuery other = query;
  other.filter = {{"store", "vienna"}};
  refused(kOrders, other);
  other = query;
  other.state = TokenState::kActive;
  refused(kOrders, other);
  refused(kOrderNumbers, query);
  other = query;
  other.page.back() = static_cast<char>(other.page.back() ^ 1);
  refused(kOrders, other);
  other.page = "1";
  refused(kOrders, other);
}

TEST_P(TokenizerListingTest, AFilterOfWhatIsNotDeclaredIsRefused) {
  for (const auto& [filter, field] : std::vector<std::pair<TokenMetadata, std::string_view>>{
           {{{"shop", "berlin"}}, "filter"},
           {{{"store", "paris"}}, "filter.store"},
           {{{"count", "1"}, {"count", "1"}}, "filter.count"}}) {
    const auto page = service_->ListTokens(kOrders, {.filter = filter, .size = 1});
    EXPECT_THAT(page, HasReason(Reason::kFieldInvalid));
    EXPECT_EQ(FieldOf(page.status()), field);
  }
  EXPECT_THAT(service_->ListTokens(kOneTime, {.filter = {{"store", "berlin"}}, .size = 1}),
              HasReason(Reason::kFieldInvalid));
}

TEST_P(TokenizerListingTest, EveryCallIsRecordedWithItsFieldsAndWithoutTheirValues) {
  const std::string name = Made("berlin", 77);
  ASSERT_OK(
      service_->ListTokens(kOrders, {.filter = {{"store", "berlin"}, {"count", "77"}}, .size = 9}));
  const std::string record = service_->LastRecord("TokenService.ListTokens");
  EXPECT_THAT(record, HasSubstr(R"("filter":"count,store")"));
  EXPECT_THAT(record, HasSubstr(R"("tokens":"1")"));
  EXPECT_THAT(record, HasSubstr(kOrders));
  EXPECT_THAT(record, Not(HasSubstr("berlin")));
  EXPECT_THAT(record, Not(HasSubstr(name)));
  ASSERT_FALSE(service_->ListTokens(kOrders, {.filter = {{"shop", "1"}}, .size = 9}).ok());
  EXPECT_THAT(service_->LastRecord("TokenService.ListTokens"), HasSubstr("FIELD_INVALID"));
}

TEST_P(TokenizerListingTest, NothingIsListedWithoutItsKeys) {
  Made("berlin", 1);
  service_->keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(service_->ListTokens(kOrders, {.size = 1}), HasReason(Reason::kHsmUnavailable));
}

TEST(TokenizerListingOfAChangedStoreTest, ARowThatIsNotWhatWasWrittenIsNoAnswer) {
  using Change = std::function<void(store::TokenRow&)>;
  const std::vector<Change> changes = {
      [](auto& row) { row.metadata = "count=2,store=berlin"; },
      [](auto& row) { row.metadata += ",store=vienna"; },
      [](auto& row) { row.metadata.clear(); },
      [](auto& row) { row.state = static_cast<std::uint8_t>(TokenState::kSuspended); },
      [](auto& row) { row.sealed[4] ^= 1; },  // of which key its name is
      [](auto& row) { ++row.revision; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    MemoryStore store;
    Service service(store);
    const auto issued =
        service.Issue(List(Card(kVisa)), kOrders, {}, {}, {{{"store", "berlin"}, {"count", "1"}}});
    ASSERT_OK(issued);
    store.Tamper([&](MemoryStore::Rows& rows) { changes[i](rows.tokens.begin()->second); });
    EXPECT_THAT(service.ListTokens(kOrders, {.size = 5}), HasReason(Reason::kIntegrityFailure))
        << i;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
