#include "tokenizer/token_domain.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

const DomainRestriction kAll = {.channels = {"web", "app"},
                                .merchant = true,
                                .amounts = {{"EUR", 100, 50'000}, {"JPY", 0, 90'000}}};

TokenUse Use(std::string channel, std::string merchant = {},
             std::optional<Amount> amount = std::nullopt) {
  return {std::move(channel), std::move(merchant), std::move(amount)};
}

void ExpectOf(const absl::Status& status, Reason reason, std::string_view field) {
  EXPECT_THAT(status, HasReason(reason)) << field;
  EXPECT_EQ(FieldOf(status), field);
}

TEST(TokenDomainTest, ARestrictionIsOfNamesAndOfBandsOfDifferentCurrencies) {
  EXPECT_OK(kAll.Check());
  EXPECT_OK(DomainRestriction{}.Check());
  EXPECT_TRUE(DomainRestriction{}.empty());
  for (const std::vector<std::string>& channels :
       {std::vector<std::string>{"Web"}, {"web", "web"}, {""}, {"a123456789012"}}) {
    EXPECT_THAT(DomainRestriction{.channels = channels}.Check(), HasReason(Reason::kConfigInvalid));
  }
  for (const std::vector<AmountBand>& amounts : {std::vector<AmountBand>{{"eur", 0, 1}},
                                                 {{"EURO", 0, 1}},
                                                 {{"", 0, 1}},
                                                 {{"EUR", 2, 1}},
                                                 {{"EUR", 0, kLargestAmount + 1}},
                                                 {{"EUR", 0, 1}, {"EUR", 5, 6}}}) {
    EXPECT_THAT(DomainRestriction{.amounts = amounts}.Check(), HasReason(Reason::kConfigInvalid));
  }
}

TEST(TokenDomainTest, NothingThatIsStatedHoldsACardNumberOrFreeText) {
  EXPECT_OK((TokenDomain{"web", "Shop_17.de-1", AmountBand{"EUR", 0, kLargestAmount}}.Check()));
  EXPECT_OK((Use("web", "12345678901", Amount{"EUR", kLargestAmount}).Check()));
  for (const char* channel : {"Web", "web shop", "c411111111111111", "4111"}) {
    ExpectOf(TokenDomain{.channel = channel}.Check(), Reason::kFieldInvalid, "domain.channel");
    ExpectOf(Use(channel).Check(), Reason::kFieldInvalid, "use.channel");
  }
  for (const std::string& merchant :
       {std::string("4111111111111111"), std::string("4111-1111-1111-1111"), std::string("a b"),
        std::string("a,merchant=b"), std::string("\xc3\xa4"), std::string(64, 'a')}) {
    ExpectOf(TokenDomain{.merchant = merchant}.Check(), Reason::kFieldInvalid,
             "domain.merchant_id");
    ExpectOf(Use("web", merchant).Check(), Reason::kFieldInvalid, "use.merchant_id");
  }
  for (const AmountBand& band : {AmountBand{"EUR", 2, 1}, AmountBand{"eur", 0, 1},
                                 AmountBand{"EUR", 0, kLargestAmount + 1}}) {
    ExpectOf(TokenDomain{.amounts = band}.Check(), Reason::kFieldInvalid, "domain.amounts");
  }
  for (const Amount& amount : {Amount{"EU", 1}, Amount{"EUR", kLargestAmount + 1}}) {
    ExpectOf(Use("web", "m", amount).Check(), Reason::kFieldInvalid, "use.amount");
  }
}

TEST(TokenDomainTest, ATokenIsMadeForWhatItsProfileAsksFor) {
  EXPECT_OK(CheckDomain({"web", "m", std::nullopt}, kAll, true));
  EXPECT_OK(CheckDomain({"app", "m", AmountBand{"EUR", 100, 200}}, kAll, true));
  EXPECT_OK(CheckDomain({}, {}, true));
  ExpectOf(CheckDomain({"", "m", std::nullopt}, kAll, true), Reason::kFieldRequired,
           "domain.channel");
  ExpectOf(CheckDomain({"web", "", std::nullopt}, kAll, true), Reason::kFieldRequired,
           "domain.merchant_id");
  ExpectOf(CheckDomain({"till", "m", std::nullopt}, kAll, true), Reason::kFieldInvalid,
           "domain.channel");
  for (const AmountBand& band :
       {AmountBand{"EUR", 99, 200}, AmountBand{"EUR", 100, 50'001}, AmountBand{"USD", 100, 200}}) {
    ExpectOf(CheckDomain({"web", "m", band}, kAll, true), Reason::kFieldInvalid, "domain.amounts");
  }
}

TEST(TokenDomainTest, WhatAProfileDoesNotBindCannotBeAskedFor) {
  for (const bool own : {true, false}) {
    const DomainRestriction& restriction = own ? DomainRestriction{} : kAll;
    ExpectOf(CheckDomain({.channel = "web"}, restriction, own), Reason::kFieldInvalid,
             "domain.channel");
    ExpectOf(CheckDomain({.merchant = "m"}, restriction, own), Reason::kFieldInvalid,
             "domain.merchant_id");
    ExpectOf(CheckDomain({.amounts = AmountBand{"EUR", 100, 200}}, restriction, own),
             Reason::kFieldInvalid, "domain.amounts");
    EXPECT_OK(CheckDomain({}, restriction, own));
  }
}

TEST(TokenDomainTest, AUseIsWithinTheDomainOrItIsRefused) {
  const TokenDomain domain = {"web", "m", AmountBand{"EUR", 100, 5'000}};
  for (const std::uint64_t amount : {100U, 5'000U}) {
    EXPECT_OK(CheckUse(Use("web", "m", Amount{"EUR", amount}), domain, kAll));
  }
  ExpectOf(CheckUse(Use("app", "m", Amount{"EUR", 100}), domain, kAll), Reason::kDomainMismatch,
           "use.channel");
  ExpectOf(CheckUse(Use("web", "n", Amount{"EUR", 100}), domain, kAll), Reason::kDomainMismatch,
           "use.merchant_id");
  for (const std::optional<Amount>& amount :
       {std::optional<Amount>(), std::optional(Amount{"EUR", 99}),
        std::optional(Amount{"EUR", 5'001}), std::optional(Amount{"JPY", 100})}) {
    ExpectOf(CheckUse(Use("web", "m", amount), domain, kAll), Reason::kDomainMismatch,
             "use.amount");
  }
  ExpectOf(CheckUse({}, domain, kAll), Reason::kDomainMismatch, "use.channel");
}

TEST(TokenDomainTest, WhatATokenHasNotOfItsOwnItsProfileDecides) {
  const DomainRestriction bare = {.channels = kAll.channels, .amounts = kAll.amounts};
  EXPECT_OK(CheckUse(Use("app", "anybody", Amount{"JPY", 90'000}), {}, bare));
  ExpectOf(CheckUse(Use("till", "", Amount{"JPY", 1}), {}, bare), Reason::kDomainMismatch,
           "use.channel");
  ExpectOf(CheckUse(Use("app", "", Amount{"USD", 1}), {}, bare), Reason::kDomainMismatch,
           "use.amount");
  ExpectOf(CheckUse(Use("app"), {}, bare), Reason::kDomainMismatch, "use.amount");
  EXPECT_OK(CheckUse({}, {}, {}));
  EXPECT_OK(CheckUse(Use("any", "one", Amount{"USD", 1}), {}, {}));
  // A token is not opened for everybody because nothing says for whom it was made.
  ExpectOf(CheckUse(Use("web", "m", Amount{"EUR", 100}), {}, kAll), Reason::kDomainMismatch,
           "use.merchant_id");
  // It keeps what it was made for when the profile asks for it no more.
  ExpectOf(CheckUse({}, {.merchant = "m"}, {}), Reason::kDomainMismatch, "use.merchant_id");
}

TEST(TokenDomainTest, RecordsSayIt) {
  EXPECT_EQ((TokenDomain{"web", "m-17", AmountBand{"EUR", 100, 5'000}}.ToString()),
            "amounts=EUR:100..5000,channel=web,merchant=m-17");
  EXPECT_EQ(Use("web", "m-17", Amount{"EUR", 1'250}).ToString(),
            "amount=EUR:1250,channel=web,merchant=m-17");
  EXPECT_EQ(TokenDomain{}.ToString() + TokenUse{}.ToString(), "");
}

}  // namespace
}  // namespace keysvc::tokenizer
