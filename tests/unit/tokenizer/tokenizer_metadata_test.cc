// Metadata of tokens: kept with them and read without their cards.
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
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
constexpr char kOrder[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";

const TokenMetadata kOfBerlin = {{"order", kOrder}, {"store", "berlin"}};
const TokenMetadata kOfVienna = {{"day", "2027-01-31"}, {"store", "vienna"}};

class TokenizerMetadataTest : public EachStoreTest {
 protected:
  TokenName MadeWith(const TokenMetadata& metadata, std::string_view profile = kOrders) {
    const auto issued = service_->Issue(List(Card(kVisa)), profile, {}, {}, {metadata});
    EXPECT_OK(issued);
    EXPECT_OK(issued->at(0));
    TokenName name = issued->at(0)->name;
    name.profile = profile;
    return name;
  }
  TokenMetadata Shown(const TokenName& token) {
    const auto view = service_->Describe(token);
    EXPECT_OK(view);
    return view->metadata;
  }
};

WITH_EACH_STORE(TokenizerMetadataTest);

TEST_P(TokenizerMetadataTest, IsShownWithTheTokenInItsOneSpelling) {
  for (const char* profile : {kOrders, kOrderNumbers}) {
    SCOPED_TRACE(profile);
    const TokenName token =
        MadeWith({{"store", "berlin"}, {"order", "6F1E9A52-2D0C-4D5E-9C61-0B7A54C3D2E1"}}, profile);
    EXPECT_EQ(Shown(token), kOfBerlin);
    EXPECT_EQ(service_->NumberOf(token), kVisa);
  }
  EXPECT_TRUE(Shown(service_->TokenOf(kVisa, kOneTime)).empty());
}

TEST_P(TokenizerMetadataTest, NoTokenIsMadeWithoutWhatIsRequiredOrWithWhatIsNotDeclared) {
  const std::vector<std::pair<TokenMetadata, std::string_view>> wrong = {
      {{}, "metadata.store"},
      {{{"store", "paris"}}, "metadata.store"},
      {{{"store", "berlin"}, {"shop", "1"}}, "metadata"},
      {{{"store", "berlin"}, {"order", "4111111111111111"}}, "metadata.order"}};
  for (const auto& [metadata, field] : wrong) {
    const auto issued = service_->Issue(List(Card(kVisa)), kOrders, {}, {}, {metadata});
    ASSERT_OK(issued);
    ASSERT_FALSE(issued->at(0).ok());
    EXPECT_EQ(FieldOf(issued->at(0).status()), field);
  }
  const auto none = service_->Issue(List(Card(kVisa)), kOrders);
  ASSERT_OK(none);
  EXPECT_THAT(none->at(0), HasReason(Reason::kFieldRequired));
  for (const char* profile : {kCards, kOneTime, kLegacy}) {
    const auto undeclared =
        service_->Issue(List(Card(kVisa, "", "")), profile, {}, {}, {{{"store", "berlin"}}});
    ASSERT_OK(undeclared);
    EXPECT_THAT(undeclared->at(0), HasReason(Reason::kFieldInvalid)) << profile;
  }
  EXPECT_TRUE(Rows().empty());
  for (const std::string& record : service_->RecordsOf("Tokenize")) {
    EXPECT_THAT(record, Not(HasSubstr("411111")));
  }
}

TEST_P(TokenizerMetadataTest, EachItemOfABatchHasItsOwn) {
  const auto issued = service_->Issue(List(Card(kVisa), Card(kVisa), Card(kAmex)), kOrders, {}, {},
                                      {kOfBerlin, {{"store", "x"}}, kOfVienna});
  ASSERT_OK(issued);
  ASSERT_OK(issued->at(0));
  EXPECT_THAT(issued->at(1), HasReason(Reason::kFieldInvalid));
  ASSERT_OK(issued->at(2));
  EXPECT_EQ(Shown(issued->at(0)->name), kOfBerlin);
  EXPECT_EQ(Shown(issued->at(2)->name), kOfVienna);
}

TEST_P(TokenizerMetadataTest, StaysWithTheTokenUntilItIsDeletedAndThenNothingIsLeft) {
  const TokenName token = MadeWith(kOfBerlin);
  ASSERT_OK(service_->Change(token, TokenState::kSuspended));
  EXPECT_EQ(Shown(token), kOfBerlin);
  ASSERT_OK(service_->Update(token, kAmex));
  EXPECT_EQ(Shown(token), kOfBerlin);
  ASSERT_OK(service_->Change(token, TokenState::kActive));
  EXPECT_EQ(service_->NumberOf(token), kAmex);
  EXPECT_EQ(*store_->CountMetadata(), 2u);

  ASSERT_OK(service_->Change(token, TokenState::kDeleted));
  EXPECT_TRUE(Shown(token).empty());
  EXPECT_TRUE(Rows().front().metadata.empty());
  EXPECT_EQ(*store_->CountMetadata(), 0u);
  for (const std::string& record : service_->RecordsOf("TokenService.")) {
    EXPECT_THAT(record, Not(HasSubstr(kOrder)));
    EXPECT_THAT(record, Not(HasSubstr("berlin")));
  }
}

TEST_P(TokenizerMetadataTest, ARequestIdIsForTheSameMetadataOnly) {
  const auto made = [&](std::vector<TokenMetadata> metadata) {
    return service_->Issue(List(Card(kVisa)), kOrders, kRequest, {}, std::move(metadata));
  };
  const auto first = made({kOfBerlin});
  ASSERT_OK(first);
  ASSERT_OK(first->at(0));
  const auto again = made({{{"store", "berlin"}, {"order", kOrder}}});
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->name.token, first->at(0)->name.token);
  EXPECT_THAT(made({kOfVienna}), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(made({}), HasReason(Reason::kRequestIdReused));
  EXPECT_EQ(Rows().size(), 1u);
}

TEST_P(TokenizerMetadataTest, AConvertedTokenHasWhatIsStatedForItAndNotWhatTheOtherHad) {
  const TokenName source = MadeWith(kOfBerlin);
  const TokenName card = service_->TokenOf(kVisa);
  const auto convert = [&](std::vector<TokenMetadata> metadata) {
    return service_->Convert({card}, kOrders, kRequest, {}, {}, {}, std::move(metadata));
  };
  const auto without = service_->Convert({card}, kOrders);
  ASSERT_OK(without);
  EXPECT_THAT(without->at(0), HasReason(Reason::kFieldRequired));
  const auto made = convert({kOfVienna});
  ASSERT_OK(made);
  ASSERT_OK(made->at(0));
  EXPECT_EQ(Shown(made->at(0)->name), kOfVienna);
  EXPECT_THAT(convert({kOfBerlin}), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(convert({{{"store", "paris"}}}), HasReason(Reason::kRequestIdReused));

  const auto back = service_->ConvertOne(source, kOneTime);
  ASSERT_OK(back);
  EXPECT_TRUE(Shown(back->name).empty());
}

}  // namespace
}  // namespace keysvc::tokenizer
