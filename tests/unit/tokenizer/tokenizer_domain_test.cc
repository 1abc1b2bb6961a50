// Tokens that may be used only where and for what they were made.
#include <cstdint>
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

const TokenDomain kShop17 = {"web", "m-17", std::nullopt};
const TokenUse kAtShop17 = {"web", "m-17", Amount{"EUR", 1'250}};

class TokenizerDomainTest : public EachStoreTest {
 protected:
  TokenName Named(TokenName token, std::string_view profile) {
    token.profile = profile;
    return token;
  }

  TokenName MadeFor(const TokenDomain& domain, std::string_view profile) {
    const auto issued = service_->Issue(List(Card(kVisa)), profile, {}, {domain});
    EXPECT_OK(issued);
    EXPECT_OK(issued->at(0));
    return Named(issued->at(0)->name, profile);
  }
};

WITH_EACH_STORE(TokenizerDomainTest);

TEST_P(TokenizerDomainTest, ATokenOfEveryStoredFamilyOpensForItsOwnUseOnly) {
  for (const char* profile : {kShops, kShopNumbers, kShopNetwork}) {
    SCOPED_TRACE(profile);
    const TokenName token = MadeFor(kShop17, profile);
    EXPECT_OK(service_->DetokenizeFor(kAtShop17, token));
    EXPECT_OK(service_->DetokenizeFor({"web", "m-17", Amount{"JPY", 90'000}}, token));
    const std::pair<TokenUse, std::string_view> others[] = {
        {{"app", "m-17", Amount{"EUR", 1'250}}, "use.channel"},
        {{"web", "m-18", Amount{"EUR", 1'250}}, "use.merchant_id"},
        {{"web", "m-17", Amount{"EUR", 50'001}}, "use.amount"},
        {{"web", "m-17", Amount{"USD", 1'250}}, "use.amount"},
        {{"web", "m-17", std::nullopt}, "use.amount"},
        {{}, "use.channel"}};
    for (const auto& [use, field] : others) {
      const auto refused = service_->DetokenizeFor(use, token);
      EXPECT_THAT(refused, HasReason(Reason::kDomainMismatch)) << field;
      EXPECT_EQ(FieldOf(refused.status()), field);
    }
    EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kDomainMismatch));
  }
}

TEST_P(TokenizerDomainTest, ATokenMayBeMadeForLessThanItsProfileAllows) {
  const TokenName token = MadeFor({"app", "m-17", AmountBand{"EUR", 500, 1'000}}, kShops);
  EXPECT_OK(service_->DetokenizeFor({"app", "m-17", Amount{"EUR", 500}}, token));
  EXPECT_OK(service_->DetokenizeFor({"app", "m-17", Amount{"EUR", 1'000}}, token));
  for (const Amount& amount : {Amount{"EUR", 499}, Amount{"EUR", 1'001}, Amount{"JPY", 500}}) {
    EXPECT_THAT(service_->DetokenizeFor({"app", "m-17", amount}, token),
                HasReason(Reason::kDomainMismatch));
  }
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->domain, (TokenDomain{"app", "m-17", AmountBand{"EUR", 500, 1'000}}));
}

TEST_P(TokenizerDomainTest, WhatIsRefusedTakesNoUse) {
  const TokenName token = MadeFor(kShop17, kShopNetwork);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kDomainMismatch));
  }
  EXPECT_EQ(Rows().front().revision, 1u);
  for (int i = 0; i < 3; ++i) EXPECT_OK(service_->DetokenizeFor(kAtShop17, token));
  EXPECT_THAT(service_->DetokenizeFor(kAtShop17, token), HasReason(Reason::kTokenExhausted));
}

TEST_P(TokenizerDomainTest, TokensThatACardAlwaysGetsAreRestrictedByTheirProfileAlone) {
  for (const char* profile : {kWeb, kWebLegacy}) {
    SCOPED_TRACE(profile);
    const auto issued = service_->Issue(List(Card(kVisa, "", "")), profile);
    ASSERT_OK(issued);
    ASSERT_OK(issued->at(0));
    const TokenName token = Named(issued->at(0)->name, profile);
    EXPECT_OK(service_->DetokenizeFor({"app", "anybody", Amount{"EUR", 100}}, token));
    EXPECT_THAT(service_->DetokenizeFor({"till", "", Amount{"EUR", 100}}, token),
                HasReason(Reason::kDomainMismatch));
    EXPECT_THAT(service_->DetokenizeFor({"app", "", Amount{"EUR", 99}}, token),
                HasReason(Reason::kDomainMismatch));
    EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kDomainMismatch));
    const auto bound = service_->Issue(List(Card(kVisa, "", "")), profile, {}, {{"web", "", {}}});
    ASSERT_OK(bound);
    EXPECT_THAT(bound->at(0), HasReason(Reason::kFieldInvalid));
    EXPECT_EQ(FieldOf(bound->at(0).status()), "domain.channel");
  }
}

TEST_P(TokenizerDomainTest, ACardGetsNoTokenForWhatTheProfileDoesNotMakeOneFor) {
  for (const TokenDomain& domain :
       {TokenDomain{}, TokenDomain{"till", "m-17", {}}, TokenDomain{"web", "", {}},
        TokenDomain{"web", "m-17", AmountBand{"EUR", 1, 2}}}) {
    const auto issued = service_->Issue(List(Card(kVisa)), kShops, {}, {domain});
    ASSERT_OK(issued);
    EXPECT_FALSE(issued->at(0).ok());
  }
  const auto mixed =
      service_->Issue(List(Card(kVisa), Card(kAmex)), kShops, {}, {kShop17, TokenDomain{}});
  ASSERT_OK(mixed);
  EXPECT_OK(mixed->at(0));
  EXPECT_THAT(mixed->at(1), HasReason(Reason::kFieldRequired));
  EXPECT_EQ(Rows().size(), 1u);
}

TEST_P(TokenizerDomainTest, RecordsSayWhatTokensAreForAndWhatTheyWereUsedFor) {
  const TokenName token = MadeFor(kShop17, kShops);
  EXPECT_THAT(service_->LastRecord("TokenService.Tokenize"),
              HasSubstr(R"("domain":"channel=web,merchant=m-17","outcome":"success")"));
  ASSERT_OK(service_->DetokenizeFor(kAtShop17, token));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"),
              HasSubstr(R"("use":"amount=EUR:1250,channel=web,merchant=m-17")"));
  EXPECT_THAT(service_->DetokenizeFor({"web", "m-18", Amount{"EUR", 1}}, token),
              HasReason(Reason::kDomainMismatch));
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("DOMAIN_MISMATCH"));
  EXPECT_THAT(record, HasSubstr(token.ToString()));
  EXPECT_THAT(record, HasSubstr(R"("use":"amount=EUR:1,channel=web,merchant=m-18")"));
  EXPECT_THAT(record, Not(HasSubstr("\"reveal\"")));
}

TEST_P(TokenizerDomainTest, NothingOfTheDomainIsReadableInTheRow) {
  MadeFor(kShop17, kShops);
  const store::TokenRow row = Rows().front();
  EXPECT_EQ(row.sealed.find("m-17"), std::string::npos);
  EXPECT_EQ(row.sealed.find("web"), std::string::npos);
}

TEST_P(TokenizerDomainTest, ABatchIsComparedTokenByToken) {
  const TokenName one = MadeFor(kShop17, kShops);
  const TokenName two = MadeFor({"app", "m-18", {}}, kShops);
  const TokenName plain = service_->TokenOf(kAmex);
  const auto cards =
      service_->Detokenize({one, two, two, plain}, "settlement", "settlement", "acme",
                           {kAtShop17, kAtShop17, {"app", "m-18", Amount{"EUR", 100}}, kAtShop17});
  ASSERT_OK(cards);
  EXPECT_OK(cards->at(0));
  EXPECT_THAT(cards->at(1), HasReason(Reason::kDomainMismatch));
  EXPECT_OK(cards->at(2));
  EXPECT_OK(cards->at(3));
}

TEST_P(TokenizerDomainTest, ConvertingNeedsTheUseOfOneAndTheDomainOfTheOther) {
  const TokenName plain = service_->TokenOf(kVisa);
  const auto made = service_->Convert({plain}, kShops, kRequest, {}, {}, {kShop17});
  ASSERT_OK(made);
  ASSERT_OK(made->at(0));
  const TokenName token = made->at(0)->name;
  EXPECT_OK(service_->DetokenizeFor(kAtShop17, token));
  EXPECT_EQ(service_->Convert({plain}, kShops, kRequest, {}, {}, {kShop17})->at(0)->name.token,
            token.token);
  EXPECT_THAT(service_->Convert({plain}, kShops, kRequest, {}, {}, {{"app", "m-17", {}}}),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->ConvertOne(plain, kShops), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(service_->ConvertOne(token, kOneTime), HasReason(Reason::kDomainMismatch));
  const auto back = service_->Convert({token}, kCards, {}, {}, {kAtShop17});
  ASSERT_OK(back);
  ASSERT_OK(back->at(0));
  EXPECT_EQ(back->at(0)->name.token, plain.token);
  EXPECT_THAT(service_->LastRecord("TokenService.ConvertToken"), HasSubstr("\"use\":\"amount="));
}

TEST_P(TokenizerDomainTest, ARepeatedRequestIsAnotherOneForAnotherDomain) {
  const auto first = service_->Issue(List(Card(kVisa)), kShops, kRequest, {kShop17});
  ASSERT_OK(first);
  const auto again = service_->Issue(List(Card(kVisa)), kShops, kRequest, {kShop17});
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->name.token, first->at(0)->name.token);
  EXPECT_THAT(service_->Issue(List(Card(kVisa)), kShops, kRequest, {{"app", "m-17", {}}}),
              HasReason(Reason::kRequestIdReused));
  EXPECT_EQ(Rows().size(), 1u);
}

TEST_P(TokenizerDomainTest, WhoTriesMerchantsOneAfterTheOtherIsStopped) {
  const TokenName token = MadeFor(kShop17, kShops);
  int refused = 0;
  for (; refused < 100; ++refused) {
    const auto card = service_->DetokenizeFor(
        {"web", "n-" + std::to_string(refused), Amount{"EUR", 1'250}}, token);
    if (ReasonOf(card.status()) == Reason::kMissesExhausted) break;
    EXPECT_THAT(card, HasReason(Reason::kDomainMismatch));
  }
  EXPECT_EQ(refused, 50);
  EXPECT_THAT(service_->DetokenizeFor(kAtShop17, token), HasReason(Reason::kMissesExhausted));
  service_->tokenizer_.reset();
  service_->journal_.reset();
  service_->Start();
  ASSERT_OK(service_->tokenizer_->CountRecords());
  EXPECT_THAT(service_->DetokenizeFor(kAtShop17, token), HasReason(Reason::kMissesExhausted));
}

}  // namespace
}  // namespace keysvc::tokenizer
