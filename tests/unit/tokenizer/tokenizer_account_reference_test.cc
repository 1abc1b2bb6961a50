#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";

class TokenizerAccountReferenceTest : public ::testing::Test {
 protected:
  IssuedToken IssuedFor(std::string_view pan, std::string_view profile,
                        std::string_view request_id = {}) {
    auto issued = service_.Issue(List(Card(pan, "", "")), profile, request_id);
    EXPECT_OK(issued);
    EXPECT_OK(issued->at(0));
    IssuedToken token = *issued->at(0);
    token.name.profile = profile;
    return token;
  }
  std::string ReferenceOf(std::string_view pan, std::string_view profile) {
    return IssuedFor(pan, profile).account_reference;
  }

  keysvc::testing::MemoryStore store_;
  Service service_{store_};
};

TEST_F(TokenizerAccountReferenceTest, AllTokensOfACardHaveTheSameWhateverTheirFamilies) {
  const std::string reference = ReferenceOf(kVisa, kLinked);
  EXPECT_THAT(reference, MatchesRegex("ACME[A-P]{25}"));
  for (const char* profile :
       {kLinked, kLinkedPerCall, kLinkedPerCall, kLinkedNumbers, kLinkedNetwork, kLinkedLegacy}) {
    EXPECT_EQ(ReferenceOf(kVisa, profile), reference) << profile;
    EXPECT_NE(ReferenceOf("4012888888881881", profile), reference) << profile;
  }
}

TEST_F(TokenizerAccountReferenceTest, ProfilesThatDoNotAskForItHaveNone) {
  for (const char* profile : {kCards, kOneTime, kNumbers, kNetwork, kLegacy}) {
    const IssuedToken token = IssuedFor(kVisa, profile);
    EXPECT_EQ(token.account_reference, "") << profile;
    const auto card = service_.DetokenizeOne(token.name, "all", "");
    ASSERT_OK(card) << profile;
    EXPECT_EQ(card->account_reference, "") << profile;
  }
}

TEST_F(TokenizerAccountReferenceTest, TenantsHaveNothingInCommon) {
  EXPECT_NE(ReferenceOf(kVisa, kLinkedOfBeta).substr(4), ReferenceOf(kVisa, kLinked).substr(4));
}

TEST_F(TokenizerAccountReferenceTest, WhoeverReadsATokenHasItAtEveryReveal) {
  for (const char* profile :
       {kLinked, kLinkedPerCall, kLinkedNumbers, kLinkedNetwork, kLinkedLegacy}) {
    const IssuedToken token = IssuedFor(kVisa, profile);
    const auto masked = service_.DetokenizeOne(token.name, "all", "");
    ASSERT_OK(masked) << profile;
    EXPECT_EQ(masked->reveal, policy::Reveal::kMasked);
    EXPECT_EQ(masked->account_reference, token.account_reference) << profile;
    if (profile == kLinkedLegacy) continue;
    const auto view = service_.Describe(token.name);
    ASSERT_OK(view) << profile;
    EXPECT_EQ(view->account_reference, token.account_reference) << profile;
  }
  const IssuedToken token = IssuedFor(kVisa, kLinked);
  EXPECT_EQ(service_.DetokenizeOne(token.name)->account_reference, token.account_reference);
  EXPECT_EQ(service_.LookUpOne(kVisa, kLinked)->account_reference, token.account_reference);
}

TEST_F(TokenizerAccountReferenceTest, OfADeletedTokenNothingIsLeft) {
  const IssuedToken token = IssuedFor(kVisa, kLinked);
  ASSERT_OK(service_.Change(token.name, TokenState::kDeleted));
  EXPECT_EQ(service_.Describe(token.name)->account_reference, "");
  EXPECT_EQ(ReferenceOf(kVisa, kLinked), token.account_reference);
}

TEST_F(TokenizerAccountReferenceTest, AConvertedTokenHasThatOfItsTarget) {
  const std::string reference = ReferenceOf(kVisa, kLinked);
  const TokenName bare = service_.TokenOf(kVisa);
  EXPECT_EQ(service_.ConvertOne(bare, kLinkedPerCall)->account_reference, reference);
  TokenName linked = service_.TokenOf(kVisa, kLinkedPerCall);
  EXPECT_EQ(service_.ConvertOne(linked, kOneTime)->account_reference, "");
  EXPECT_EQ(service_.ConvertOne(linked, kLinkedOfBeta)->account_reference,
            ReferenceOf(kVisa, kLinkedOfBeta));
}

TEST_F(TokenizerAccountReferenceTest, ARepeatedRequestGetsItAgain) {
  const IssuedToken first = IssuedFor(kVisa, kLinkedPerCall, kRequest);
  const IssuedToken again = IssuedFor(kVisa, kLinkedPerCall, kRequest);
  EXPECT_EQ(again.name.token, first.name.token);
  EXPECT_EQ(again.account_reference, first.account_reference);
  // Also of a token that opens only once.
  const TokenName single = service_.TokenOf(kVisa, kSingle);
  const auto converted = service_.ConvertOne(single, kLinkedPerCall, kRequest);
  ASSERT_OK(converted);
  EXPECT_EQ(converted->account_reference, first.account_reference);
  EXPECT_EQ(service_.ConvertOne(single, kLinkedPerCall, kRequest)->account_reference,
            first.account_reference);
}

TEST_F(TokenizerAccountReferenceTest, NoRecordHasIt) {
  const IssuedToken token = IssuedFor(kVisa, kLinked);
  ASSERT_OK(service_.DetokenizeOne(token.name));
  ASSERT_OK(service_.Describe(token.name));
  ASSERT_OK(service_.LookUpOne(kVisa, kLinked));
  for (const std::string& record : service_.RecordsOf("TokenService.")) {
    EXPECT_THAT(record, Not(HasSubstr(token.account_reference)));
  }
}

TEST_F(TokenizerAccountReferenceTest, WithoutItsKeyNothingIsAnswered) {
  const IssuedToken token = IssuedFor(kVisa, kLinked);
  const TokenName bare = service_.TokenOf(kVisa);
  service_.keys_.FailAccountReference(Reason::kHsmUnavailable);
  EXPECT_THAT(service_.Tokenize(List(Card(kVisa)), kLinkedPerCall),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(service_.DetokenizeOne(token.name), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(service_.Describe(token.name), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(service_.LookUpOne(kVisa, kLinked), HasReason(Reason::kHsmUnavailable));
  // Profiles that do not ask for it do not need it.
  EXPECT_OK(service_.DetokenizeOne(bare));
  EXPECT_OK(service_.Tokenize(List(Card(kVisa)), kOneTime));
}

}  // namespace
}  // namespace keysvc::tokenizer
