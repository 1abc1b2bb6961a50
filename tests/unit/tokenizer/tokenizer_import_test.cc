// Cards that were kept elsewhere, with the tokens that they had.
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/stored_tokens.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
constexpr char kUuid[] = "26818785-547b-4b28-b0fa-531377e99f4e";

TokenName Named(std::string token, std::string_view profile) {
  return {"acme", std::move(token), std::string(profile)};
}

class TokenizerImportTest : public EachStoreTest {
 protected:
  absl::Status CheckStore() {
    return CheckStoredTokens(*store_, service_->profiles_, service_->keys_,
                             {.open_every_row = true, .progress = {}})
        .status();
  }
};

WITH_EACH_STORE(TokenizerImportTest);

TEST_P(TokenizerImportTest, ACardKeepsTheTokenThatItHad) {
  for (const char* profile : {kFormer, kFormerPerCall}) {
    SCOPED_TRACE(profile);
    const auto imported = service_->ImportOne(kVisa, kUuid, profile);
    ASSERT_OK(imported);
    EXPECT_EQ(imported->name.token, kUuid);
    EXPECT_EQ(service_->NumberOf(Named(kUuid, profile)), kVisa);
    EXPECT_THAT(service_->DetokenizeOne(Named("26818785-547b-4b28-b0fa-531377e99f4f", profile)),
                HasReason(Reason::kTokenNotFound));
  }
  EXPECT_EQ(service_->TokenOf(kVisa, kFormer).token, kUuid);
  EXPECT_EQ(service_->LookUpOne(kVisa, kFormer)->name.token, kUuid);
  EXPECT_NE(service_->TokenOf(kVisa, kFormerPerCall).token, kUuid);
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerImportTest, NumericTokensOfAnotherVaultAreKeptToo) {
  ASSERT_OK(service_->ImportOne(kVisa, "9999999999991111", kNumbers));
  EXPECT_EQ(service_->NumberOf(Named("9999999999991111", kNumbers)), kVisa);
  EXPECT_EQ(service_->TokenOf(kVisa, kNumbers).token, "9999999999991111");
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerImportTest, ACardWithoutATokenGetsOneOfTheProfilesOwn) {
  for (const char* profile : {kCards, kNumbers, kNetwork, kFormer, kFormerPerCall}) {
    SCOPED_TRACE(profile);
    const auto imported = service_->ImportOne(kVisa, "", profile);
    ASSERT_OK(imported);
    EXPECT_EQ(service_->NumberOf(Named(imported->name.token, profile)), kVisa);
  }
  EXPECT_THAT(service_->TokenOf(kAmex, kFormer).token, ::testing::StartsWith("ext_"));
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerImportTest, ADeterministicProfileLetsACardComeAgainWithItsTokenAndWithNoOther) {
  ASSERT_OK(service_->ImportOne(kVisa, kUuid, kFormer));
  EXPECT_EQ(service_->ImportOne(kVisa, kUuid, kFormer)->name.token, kUuid);
  EXPECT_EQ(service_->ImportOne(kVisa, "", kFormer)->name.token, kUuid);
  const auto another = service_->ImportOne(kVisa, "tok_another", kFormer);
  EXPECT_THAT(another, HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_EQ(FieldOf(another.status()), "card");
  EXPECT_EQ(Rows().size(), 1U);
}

TEST_P(TokenizerImportTest, ATokenThatIsThereStaysThatOfItsCard) {
  for (const char* profile : {kFormer, kFormerPerCall}) {
    SCOPED_TRACE(profile);
    ASSERT_OK(service_->ImportOne(kVisa, kUuid, profile));
    const auto taken = service_->ImportOne(kAmex, kUuid, profile);
    EXPECT_THAT(taken, HasReason(Reason::kTokenTaken));
    EXPECT_EQ(taken.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(FieldOf(taken.status()), "token");
    EXPECT_EQ(service_->NumberOf(Named(kUuid, profile)), kVisa);
  }
  // What nobody compares is taken for another card's.
  EXPECT_THAT(service_->ImportOne(kVisa, kUuid, kFormerPerCall), HasReason(Reason::kTokenTaken));
  ASSERT_OK(service_->Change(Named(kUuid, kFormer), TokenState::kDeleted));
  EXPECT_THAT(service_->ImportOne(kVisa, kUuid, kFormer), HasReason(Reason::kTokenTaken));
}

TEST_P(TokenizerImportTest, EveryRowOfABatchIsJudgedByItself) {
  const auto imported =
      service_->Import(List(Card(kVisa), Card(kAmex), Card("4111111111111112"), Card(kVisa),
                            Card(kVisa), Card("5555555555554444"), Card(kAmex)),
                       {"tok_visa1", "tok_amex1", "tok_wrong", "tok_visa1", "tok_visa2",
                        "tok_amex1", "4111111111111111"},
                       kFormer);
  ASSERT_OK(imported);
  EXPECT_EQ(imported->at(0)->name.token, "tok_visa1");
  EXPECT_EQ(imported->at(1)->name.token, "tok_amex1");
  EXPECT_THAT(imported->at(2), HasReason(Reason::kPanInvalid));
  EXPECT_EQ(imported->at(3)->name.token, "tok_visa1");
  EXPECT_THAT(imported->at(4), HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_THAT(imported->at(5), HasReason(Reason::kTokenTaken));
  EXPECT_THAT(imported->at(6), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(Rows().size(), 2U);
  const std::string record = service_->LastRecord("TokenService.ImportTokens");
  EXPECT_THAT(record, HasSubstr(R"("resource":"tenants/acme/tokens/tok_visa1")"));
  EXPECT_THAT(record, HasSubstr("TOKEN_TAKEN"));
  for (const std::string_view secret : {"tok_visa2", "tok_wrong", "4111111111111111"}) {
    EXPECT_THAT(record, Not(HasSubstr(std::string(secret)))) << secret;
  }
}

TEST_P(TokenizerImportTest, ARowThatIsRefusedDoesNotDecideOverTheNextOneOfItsCard) {
  ASSERT_OK(service_->ImportOne(kAmex, "tok_taken", kFormer));
  const auto imported = service_->Import(List(Card(kVisa), Card(kVisa), Card(kVisa)),
                                         {"tok_taken", "tok_free1", ""}, kFormer);
  ASSERT_OK(imported);
  EXPECT_THAT(imported->at(0), HasReason(Reason::kTokenTaken));
  EXPECT_EQ(imported->at(1)->name.token, "tok_free1");
  EXPECT_EQ(imported->at(2)->name.token, "tok_free1");
}

TEST_P(TokenizerImportTest, ARefusedRowClaimsNoToken) {
  constexpr std::string_view kMastercard = "5555555555554444";
  const std::string first = "token-of-the-former-vault-1";
  const std::string second = "token-of-the-former-vault-2";
  const std::string third = "token-of-the-former-vault-3";
  ASSERT_OK(service_->ImportOne(kAmex, third, kFormer));
  const auto imported =
      service_->Import(List(Card(kAmex), Card(kAmex), Card(kVisa), Card(kVisa), Card(kMastercard)),
                       {first, "", first, second, second}, kFormer);
  ASSERT_OK(imported);
  EXPECT_THAT(imported->at(0), HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_EQ(imported->at(1)->name.token, third);
  EXPECT_EQ(imported->at(2)->name.token, first);
  EXPECT_THAT(imported->at(3), HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_EQ(imported->at(4)->name.token, second);
}

TEST_P(TokenizerImportTest, MetadataComesWithTheCardsAndIsOfTheRequest) {
  const auto import = [&](const char* store) {
    return service_->Import(List(Card(kVisa), Card(kAmex)), {"", ""}, kOrders, kRequest,
                            {{{"store", store}}, {}});
  };
  const auto imported = import("berlin");
  ASSERT_OK(imported);
  ASSERT_OK(imported->at(0));
  EXPECT_THAT(imported->at(1), HasReason(Reason::kFieldRequired));
  EXPECT_EQ(service_->Describe(imported->at(0)->name)->metadata,
            (TokenMetadata{{"store", "berlin"}}));
  EXPECT_THAT(import("vienna").status(), HasReason(Reason::kRequestIdReused));
}

TEST_P(TokenizerImportTest, WhatPassesFailsTheCallAndNotTheCardForGood) {
  ASSERT_OK(service_->ImportOne(kVisa, "tok_first", kFormer));
  const auto import = [&] {
    return service_->Import(List(Card(kVisa), Card(kAmex)), {"tok_first", ""}, kFormer, kRequest);
  };
  service_->keys_.data_seals().Refuse(Reason::kKeyUsesNotReserved);
  EXPECT_THAT(import().status(), HasReason(Reason::kKeyUsesNotReserved));
  EXPECT_EQ(Rows().size(), 1U);
  service_->keys_.data_seals().Refuse(std::nullopt);
  const auto imported = import();
  ASSERT_OK(imported);
  EXPECT_OK(imported->at(0));
  EXPECT_OK(imported->at(1));
}

TEST_P(TokenizerImportTest, WhatWasImportedIsATokenLikeOthers) {
  ASSERT_OK(service_->ImportOne(kVisa, "tok_first", kFormer));
  const TokenName token = Named("tok_first", kFormer);
  ASSERT_OK(service_->Change(token, TokenState::kSuspended));
  EXPECT_EQ(service_->NumberOf(token), "TOKEN_SUSPENDED");
  ASSERT_OK(service_->Change(token, TokenState::kActive));
  ASSERT_OK(service_->Update(token, kAmex));
  EXPECT_EQ(service_->NumberOf(token), kAmex);
  EXPECT_EQ(service_->TokenOf(kAmex, kFormer).token, "tok_first");
  ASSERT_OK(service_->ConvertOne(token, kCards));
  const auto converted = service_->ConvertOne(service_->TokenOf("5555555555554444"), kFormer);
  ASSERT_OK(converted);
  EXPECT_EQ(service_->NumberOf(Named(converted->name.token, kFormer)), "5555555555554444");
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerImportTest, ARepetitionMakesNothingTwiceAndRefusesWhatItRefused) {
  ASSERT_OK(service_->ImportOne(kAmex, "tok_taken", kFormerPerCall));
  const auto import = [&](const char* first) {
    return service_->Import(List(Card(kVisa), Card(kVisa), Card(kVisa)), {first, "", "tok_taken"},
                            kFormerPerCall, kRequest);
  };
  const auto imported = import("tok_first");
  ASSERT_OK(imported);
  const auto again = import("tok_first");
  ASSERT_OK(again);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again->at(i)->name.token, imported->at(i)->name.token);
  }
  EXPECT_THAT(imported->at(2), HasReason(Reason::kTokenTaken));
  EXPECT_THAT(again->at(2), HasReason(Reason::kTokenTaken));
  EXPECT_EQ(Rows().size(), 3U);
  EXPECT_THAT(import("tok_other").status(), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->Issue(List(Card(kVisa), Card(kVisa), Card(kVisa)), kFormerPerCall, kRequest)
                  .status(),
              HasReason(Reason::kRequestIdReused));
}

TEST_P(TokenizerImportTest, WhatWasRefusedIsNotJudgedAnew) {
  ASSERT_OK(service_->ImportOne(kVisa, "tok_first", kFormer));
  const auto import = [&] {
    return service_->Import(List(Card(kAmex), Card(kVisa)), {"", "tok_second"}, kFormer, kRequest);
  };
  EXPECT_THAT(import()->at(1), HasReason(Reason::kCardAlreadyTokenized));
  ASSERT_OK(service_->Change(Named("tok_first", kFormer), TokenState::kDeleted));
  const auto again = import();
  EXPECT_OK(again->at(0));
  EXPECT_THAT(again->at(1), HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_OK(service_->ImportOne(kVisa, "tok_second", kFormer));
}

TEST_P(TokenizerImportTest, CardsThatLookAlikeAreNoGuesses) {
  RandomCards random;
  SCOPED_TRACE(random.seed());
  for (int i = 0; i < 100; ++i) {
    std::string pan;
    do {
      pan = "400000" + random.Next(16).substr(6, 6) + "1234";
    } while (!PassesLuhn(crypto::AsBytes(pan)));
    ASSERT_OK(service_->ImportOne(pan, "", kCards));
  }
}

TEST_P(TokenizerImportTest, AProfileThatKeepsNoCardsTakesNoneOver) {
  const auto refused = service_->ImportOne(kVisa, "", kLegacy);
  EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(refused.status()), "parent");
}

TEST_P(TokenizerImportTest, OfManyWhoBringATokenForTheirCardOneSucceeds) {
  constexpr std::size_t kCallers = 8;
  RandomCards random;
  SCOPED_TRACE(random.seed());
  for (const char* profile : {kFormer, kFormerPerCall}) {
    for (int round = 0; round < 10; ++round) {
      const std::string token = "tok_race_" + std::to_string(round);
      std::vector<std::string> pans;
      for (std::size_t i = 0; i < kCallers; ++i) pans.push_back(random.Next(16));
      std::vector<absl::StatusOr<IssuedToken>> results(kCallers, absl::UnknownError(""));
      std::vector<std::thread> callers;
      for (std::size_t i = 0; i < kCallers; ++i) {
        callers.emplace_back([&, i] { results[i] = service_->ImportOne(pans[i], token, profile); });
      }
      for (std::thread& caller : callers) caller.join();
      std::size_t won = 0;
      for (std::size_t i = 0; i < kCallers; ++i) {
        if (results[i].ok()) {
          ++won;
          EXPECT_EQ(service_->NumberOf(Named(token, profile)), pans[i]);
        } else {
          EXPECT_THAT(results[i], HasReason(Reason::kTokenTaken));
        }
      }
      EXPECT_EQ(won, 1U);
    }
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
