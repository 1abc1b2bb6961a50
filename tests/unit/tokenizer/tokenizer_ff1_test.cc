#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";

absl::StatusOr<CardData> Number(std::string_view pan) { return Card(pan, "", ""); }

class TokenizerFf1Test : public ::testing::Test {
 protected:
  TokenName TokenOf(std::string_view pan, std::string_view profile = kLegacy) {
    auto tokens = service_.Tokenize(List(Number(pan)), profile);
    EXPECT_OK(tokens);
    EXPECT_OK(tokens->at(0));
    return Of(*tokens->at(0), profile);
  }
  static TokenName Of(TokenName token, std::string_view profile) {
    token.profile = profile;
    return token;
  }
  static std::string PanIn(const absl::StatusOr<RevealedCard>& card) {
    return std::string(
        crypto::AsText(card.value().full.value().pan.Expose(crypto::SecretAccess::kGranted)));
  }

  MemoryStore store_;
  Service service_{store_};
};

TEST_F(TokenizerFf1Test, ACardBecomesDigitsAndComesBackWithoutARow) {
  const TokenName token = TokenOf(kVisa);
  EXPECT_EQ(token.token.size(), kVisa.size());
  EXPECT_EQ(token.token.substr(0, 6), kVisa.substr(0, 6));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes(token.token)));
  EXPECT_EQ(TokenOf(kVisa).token, token.token);
  EXPECT_EQ(PanIn(service_.DetokenizeOne(token)), kVisa);
  EXPECT_TRUE(store_.ReadTokens(0, 10).value().empty());
}

TEST_F(TokenizerFf1Test, BothCallsAreRecordedWithTheTokenAndNotTheCard) {
  const TokenName token = TokenOf(kVisa);
  const std::string made = service_.LastRecord("TokenService.Tokenize");
  EXPECT_THAT(made, HasSubstr("\"resource\":\"" + token.ToString() + "\""));
  EXPECT_THAT(made, HasSubstr("\"ff1_key_version\":\"1\""));
  EXPECT_THAT(made, Not(HasSubstr(std::string(kVisa))));
  ASSERT_OK(service_.DetokenizeOne(token));
  const std::string read = service_.LastRecord("TokenService.Detokenize");
  EXPECT_THAT(read, HasSubstr("\"resource\":\"" + token.ToString() + "\""));
  EXPECT_THAT(read, HasSubstr("\"profile\":\"" + std::string(kLegacy) + "\""));
  EXPECT_THAT(read, HasSubstr("\"ff1_key_version\":\"1\""));
  EXPECT_THAT(read, HasSubstr("\"reveal\":\"full\""));
  EXPECT_THAT(read, Not(HasSubstr("data_key_version")));
  EXPECT_THAT(read, Not(HasSubstr(std::string(kVisa))));
}

TEST_F(TokenizerFf1Test, WhatTheProfileDidNotMakeIsNotFoundAndItsTextNotRecorded) {
  const TokenName token = TokenOf(kVisa);
  TokenName wrong_offset = token;
  wrong_offset.token.back() = static_cast<char>(token.token.back() == '9' ? '0' : '9');
  const TokenName card = Of({"acme", std::string(kVisa)}, kLegacy);
  const TokenName opaque = Of(service_.TokenOf(kVisa), kLegacy);
  const TokenName no_profile{"acme", token.token};
  const TokenName other_tenant = Of({"beta", token.token}, kLegacy);
  for (const TokenName& wrong : {wrong_offset, card, opaque, no_profile, other_tenant}) {
    EXPECT_THAT(service_.DetokenizeOne(wrong), HasReason(Reason::kTokenNotFound)) << wrong.token;
    EXPECT_THAT(service_.LastRecord("TokenService.Detokenize"), Not(HasSubstr(wrong.token)));
  }
}

TEST_F(TokenizerFf1Test, TheTokenOfAnotherProfileIsNotFoundOrAnotherCard) {
  // Its Luhn offset is another one, as those of a tenant's profiles should be.
  const TokenName token = TokenOf(kVisa, kOtherLegacy);
  EXPECT_EQ(PanIn(service_.DetokenizeOne(token)), kVisa);
  EXPECT_THAT(service_.DetokenizeOne(Of(token, kLegacy)), HasReason(Reason::kTokenNotFound));
}

TEST_F(TokenizerFf1Test, AnOpaqueTokenIsComparedWithTheProfileThatTheCallerSays) {
  const TokenName token = service_.TokenOf(kVisa);
  EXPECT_OK(service_.DetokenizeOne(token));
  EXPECT_OK(service_.DetokenizeOne(Of(token, kCards)));
  EXPECT_THAT(service_.DetokenizeOne(Of(token, kOneTime), "fraud", ""),
              HasReason(Reason::kTokenNotFound));
}

TEST_F(TokenizerFf1Test, ThePolicyDecidesForTheProfileAndDoesNotTellWhichThereAre) {
  const TokenName token = TokenOf(kVisa);
  EXPECT_THAT(service_.DetokenizeOne(token, "fraud", ""), HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(service_.DetokenizeOne(Of(token, "tenants/acme/tokenProfiles/none"), "fraud", ""),
              HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(service_.DetokenizeOne(Of(token, "tenants/acme/tokenProfiles/none"), "all", ""),
              HasReason(Reason::kProfileNotFound));
  const auto masked = service_.DetokenizeOne(token, "all", "");
  ASSERT_OK(masked);
  EXPECT_FALSE(masked->full.has_value());
  EXPECT_EQ(masked->masked_pan, "411111******1111");
}

TEST_F(TokenizerFf1Test, ItemsOfABatchFailAlone) {
  auto tokens = service_.Tokenize(
      List(Number(kVisa), Card(kVisa, "2030-12", ""), Number("1"), Number(kAmex), Number(kVisa)),
      kLegacy);
  ASSERT_OK(tokens);
  ASSERT_EQ(tokens->size(), 5U);
  ASSERT_OK(tokens->at(0));
  EXPECT_THAT(tokens->at(1), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(tokens->at(2), HasReason(Reason::kPanInvalid));
  EXPECT_THAT(tokens->at(3), HasReason(Reason::kFieldInvalid));  // no cards of 15 digits
  EXPECT_EQ(tokens->at(4)->token, tokens->at(0)->token);

  Service::Tokens names;
  names.push_back(Of(*tokens->at(0), kLegacy));
  names.push_back(Of({"acme", "0"}, kLegacy));
  names.push_back(Of(service_.TokenOf(kAmex), kCards));
  const auto cards = service_.Detokenize(std::move(names));
  ASSERT_OK(cards);
  EXPECT_EQ(PanIn(cards->at(0)), kVisa);
  EXPECT_THAT(cards->at(1), HasReason(Reason::kTokenNotFound));
  EXPECT_EQ(PanIn(cards->at(2)), kAmex);
}

TEST_F(TokenizerFf1Test, ARequestIdIsForOneContent) {
  const auto first = service_.Tokenize(List(Number(kVisa)), kLegacy, kRequest);
  ASSERT_OK(first);
  const auto again = service_.Tokenize(List(Number(kVisa)), kLegacy, kRequest);
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->token, first->at(0)->token);
  EXPECT_THAT(service_.LastRecord("TokenService.Tokenize"), HasSubstr("\"repetition\":\"true\""));
  EXPECT_THAT(service_.Tokenize(List(Number("5555555555554444")), kLegacy, kRequest),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(TokenizerFf1Test, WithoutItsKeyNothingIsMadeOrOpened) {
  const TokenName token = TokenOf(kVisa);
  service_.keys_.Fail(Reason::kKeyNotActive);
  EXPECT_THAT(service_.Tokenize(List(Number(kVisa)), kLegacy), HasReason(Reason::kKeyNotActive));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kKeyNotActive));
}

TEST_F(TokenizerFf1Test, ThereIsNothingToDescribe) {
  const TokenName token = TokenOf(kVisa);
  EXPECT_THAT(service_.Describe({"acme", token.token}), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(service_.Describe(token), HasReason(Reason::kTokenNotFound));
}

}  // namespace
}  // namespace keysvc::tokenizer
