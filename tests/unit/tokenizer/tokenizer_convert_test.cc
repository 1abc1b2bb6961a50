#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

constexpr char kBeta[] = "tenants/beta/tokenProfiles/cards";
constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";

class ConvertTest : public EachStoreTest {
 protected:
  // Of whatever tenant and family; the names of digits say their profile.
  std::string PanOfToken(TokenName token, std::string_view profile) {
    token.profile = profile;
    const std::string tenant = token.tenant;
    const auto cards = service_->Detokenize({std::move(token)}, "all", "", tenant);
    if (!cards.ok() || !cards->at(0).ok()) return "";
    return cards->at(0)->masked_pan + "," + cards->at(0)->expiry.value_or(Expiry{}).ToString();
  }
  std::string Masked(std::string_view pan, std::string_view expiry = "2030-12") {
    return PanOf(pan).Masked() + "," + std::string(expiry);
  }
  // For conversions, within an hour.
  void LimitReveals(std::uint32_t count) {
    policy::Policy policy = *service_->gate_.policy();
    for (policy::Rule& rule : policy.rules) {
      if (rule.id == "converts") rule.limits.reveals = {{.count = count, .window = absl::Hours(1)}};
    }
    service_->gate_.Replace(std::make_shared<const policy::Policy>(std::move(policy)));
  }
  void Restart() {
    service_->tokenizer_.reset();
    service_->journal_.reset();
    service_->Start();
    ASSERT_OK(service_->tokenizer_->CountRecords());
  }
};

WITH_EACH_STORE(ConvertTest);

TEST_P(ConvertTest, AnotherProfilesOrTenantsTokenOpensToTheSameCardWithItsExpiry) {
  const TokenName source = service_->TokenOf(kVisa);
  for (const char* target : {kOneTime, kNumbers, kNetwork, kBeta}) {
    const auto made = service_->ConvertOne(source, target);
    ASSERT_OK(made) << target;
    EXPECT_NE(made->name.ToString(), source.ToString());
    EXPECT_EQ(PanOfToken(made->name, target), Masked(kVisa)) << target;
    // And back, which in a deterministic profile is where it came from.
    TokenName name = made->name;
    name.profile = target;
    const auto back = service_->ConvertOne(name, kCards);
    ASSERT_OK(back) << target;
    EXPECT_EQ(back->name.ToString(), source.ToString());
  }
  EXPECT_EQ(service_->ConvertOne(source, kNetwork)->expiry, (Expiry{2024, 1}));
}

TEST_P(ConvertTest, ADeterministicTargetGivesTheTokenThatTheCardHasThere) {
  const TokenName first = service_->TokenOf(kVisa, kOneTime);
  const TokenName second = service_->TokenOf(kVisa, kOneTime);
  const auto rows = Rows().size();
  const auto made = service_->Convert({first, second, first}, kNumbers);
  ASSERT_OK(made);
  for (const auto& token : *made) EXPECT_EQ(token->name.token, made->at(0)->name.token);
  EXPECT_EQ(Rows().size(), rows + 1);
  EXPECT_EQ(service_->TokenOf(kVisa, kNumbers).token, made->at(0)->name.token);
  const auto others = service_->Convert({first, first}, kBrief);
  ASSERT_OK(others);
  EXPECT_NE(others->at(0)->name.token, others->at(1)->name.token);
}

TEST_P(ConvertTest, WhatTheTargetDoesNotAdmitIsRefusedAsByTokenizeAndUsesNothing) {
  const TokenName dated = service_->TokenOf(kVisa, kSingle);
  EXPECT_THAT(service_->ConvertOne(dated, kLegacy), HasReason(Reason::kFieldInvalid));
  const auto tokens = service_->Tokenize(List(Card(kAmex, "", ""), Card(kVisa, "", "")), kSingle);
  ASSERT_OK(tokens);
  EXPECT_THAT(service_->ConvertOne(*tokens->at(0), kLegacy), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(service_->Describe(dated)->uses_left, 1U);
  EXPECT_EQ(service_->Describe(*tokens->at(0))->uses_left, 1U);
  const auto made = service_->ConvertOne(*tokens->at(1), kLegacy);
  ASSERT_OK(made);
  const auto direct = service_->Tokenize(List(Card(kVisa, "", "")), kLegacy);
  EXPECT_EQ(made->name.token, direct->at(0)->token);
  // A computed token is a source too.
  TokenName computed = made->name;
  computed.profile = kLegacy;
  EXPECT_EQ(service_->ConvertOne(computed, kCards)->name.token,
            service_->TokenOf(kVisa, kCards).token);
}

// It would be the same token with fresh uses and a later end.
TEST_P(ConvertTest, ATokensOwnProfileIsNoTarget) {
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  const auto made = service_->ConvertOne(thrice, kThrice);
  EXPECT_THAT(made, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(made.status()), "target");
  EXPECT_EQ(service_->Describe(thrice)->uses_left, 3U);
  EXPECT_EQ(Rows().size(), 1U);
}

TEST_P(ConvertTest, WhatTheTargetDoesNotAdmitIsSaidOfTheTarget) {
  const auto made = service_->ConvertOne(service_->TokenOf(kVisa), kLegacy);
  EXPECT_THAT(made, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(made.status()), "target");
}

TEST_P(ConvertTest, WhatFailsBecauseAKeyIsAwayTakesNoReveals) {
  LimitReveals(2);
  const TokenName plain = service_->TokenOf(kVisa);
  const TokenName linked = service_->TokenOf(kAmex, kLinkedPerCall);
  service_->keys_.FailAccountReference(Reason::kHsmUnavailable);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(service_->Convert({plain, linked}, kOneTime), HasReason(Reason::kHsmUnavailable));
  }
  EXPECT_OK(service_->ConvertOne(plain, kOneTime));
  EXPECT_OK(service_->ConvertOne(plain, kOneTime));
  EXPECT_THAT(service_->ConvertOne(plain, kOneTime), HasReason(Reason::kRevealsExhausted));
}

TEST_P(ConvertTest, LimitsOnRevealsHoldForTheSourceAlsoAfterARestart) {
  LimitReveals(5);
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  const TokenName other = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Convert({other, other, other, other}, kOneTime));
  Restart();
  const auto made = service_->Convert({other, token}, kOneTime);
  ASSERT_OK(made);
  EXPECT_OK(made->at(0));
  EXPECT_THAT(made->at(1), HasReason(Reason::kRevealsExhausted));
  EXPECT_EQ(service_->Describe(token)->uses_left, 3U);
  // Of another rule's callers, and into another tenant's profile, the source's rule decides.
  EXPECT_THAT(service_->ConvertOne(other, kBeta), HasReason(Reason::kRevealsExhausted));
  EXPECT_OK(service_->DetokenizeOne(other));
  service_->now_ms_ += std::int64_t{62} * 60'000;
  EXPECT_OK(service_->ConvertOne(other, kBeta));
}

TEST_P(ConvertTest, AUseIsCountedWithTheTokenThatIsMade) {
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->ConvertOne(thrice, kOneTime));
  EXPECT_EQ(service_->Describe(thrice)->uses_left, 2U);
  const auto rows = Rows().size();
  const auto made = service_->Convert({thrice, thrice, thrice}, kOneTime);
  ASSERT_OK(made);
  EXPECT_OK(made->at(0));
  EXPECT_OK(made->at(1));
  EXPECT_THAT(made->at(2), HasReason(Reason::kTokenExhausted));
  EXPECT_EQ(Rows().size(), rows + 2);
  EXPECT_EQ(service_->Describe(thrice)->uses_left, 0U);
  EXPECT_THAT(service_->LastRecord("TokenService.ConvertToken"),
              HasSubstr("\"uses_counted\":\"2\""));
  EXPECT_THAT(service_->DetokenizeOne(thrice), HasReason(Reason::kTokenExhausted));
}

TEST_P(ConvertTest, OfCallersWhoRaceForTheLastUseOneGetsAToken) {
  const TokenName single = service_->TokenOf(kVisa, kSingle);
  std::atomic<int> made = 0;
  std::atomic<int> exhausted = 0;
  std::vector<std::thread> callers;
  callers.reserve(32);
  for (int i = 0; i < 32; ++i) {
    callers.emplace_back([&] {
      const auto token = service_->ConvertOne(single, kOneTime);
      made += token.ok() ? 1 : 0;
      exhausted += ReasonOf(token.status()) == Reason::kTokenExhausted ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(exhausted, 31);
  EXPECT_EQ(Rows().size(), 2U);
}

TEST_P(ConvertTest, CallersWhoRaceToADeterministicTargetGetOneToken) {
  const TokenName source = service_->TokenOf(kVisa, kOneTime);
  std::vector<std::string> tokens(32);
  std::vector<std::thread> callers;
  callers.reserve(32);
  for (std::string& token : tokens) {
    callers.emplace_back([&] {
      const auto made = service_->ConvertOne(source, kNumbers);
      ASSERT_OK(made);
      token = made->name.token;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 1U);
  EXPECT_EQ(Rows().size(), 2U);
}

TEST_P(ConvertTest, WhatDoesNotOpenIsNotConverted) {
  const TokenName suspended = service_->TokenOf(kVisa);
  const TokenName deleted = service_->TokenOf(kAmex);
  const TokenName expired = service_->TokenOf(kVisa, kBrief);
  const TokenName right = service_->TokenOf(kVisa, kOneTime);
  ASSERT_OK(service_->Change(suspended, TokenState::kSuspended));
  ASSERT_OK(service_->Change(deleted, TokenState::kDeleted));
  service_->now_ms_ += std::int64_t{61} * 60'000;
  TokenName forged = right;
  forged.token.back() = forged.token.back() == 'a' ? 'b' : 'a';
  const auto made = service_->Convert({suspended, deleted, expired, forged, right}, kNetwork);
  ASSERT_OK(made);
  EXPECT_THAT(made->at(0), HasReason(Reason::kTokenSuspended));
  EXPECT_THAT(made->at(1), HasReason(Reason::kTokenDeleted));
  EXPECT_THAT(made->at(2), HasReason(Reason::kTokenExpired));
  EXPECT_THAT(made->at(3), HasReason(Reason::kTokenNotFound));
  EXPECT_OK(made->at(4));
}

TEST_P(ConvertTest, BothProfilesNeedARuleAndAPermitForAnotherIsNone) {
  service_->TokenOf(kVisa);
  TokenName hidden = service_->TokenOf(kVisa, kManyNumbers);
  hidden.profile = kManyNumbers;
  EXPECT_THAT(service_->ConvertOne(hidden, kOneTime), HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(service_->ConvertOne(service_->TokenOf(kVisa), kOneTime, {}, kNumbers),
              HasReason(Reason::kInternal));
}

TEST_P(ConvertTest, TheRecordNamesBothTokensAndRulesAndNoCard) {
  const TokenName source = service_->TokenOf(kVisa);
  const auto made = service_->ConvertOne(source, kBeta);
  ASSERT_OK(made);
  EXPECT_EQ(service_->Records("TokenService.ConvertToken"), 1U);
  const std::string record = service_->LastRecord("TokenService.ConvertToken");
  EXPECT_THAT(record, HasSubstr("\"actor\":\"settlement\""));
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"success\""));
  EXPECT_THAT(record, HasSubstr("\"profile\":\"" + std::string(kBeta) + "\""));
  EXPECT_THAT(record, HasSubstr("\"resource\":\"" + made->name.ToString() + "\",\"source\":\"" +
                                source.ToString() + "\""));
  EXPECT_THAT(record, HasSubstr("\"source_profile\":\"" + std::string(kCards) + "\""));
  EXPECT_THAT(record, HasSubstr("\"source_rule\":\"converts\""));
  EXPECT_THAT(record, HasSubstr("\"rule\":\"converts-for-beta\""));
  EXPECT_THAT(record, HasSubstr("\"data_key_version\":\"1\""));
  EXPECT_THAT(record, HasSubstr("\"source_data_key_version\":\"1\""));
  EXPECT_THAT(record, Not(HasSubstr(std::string(kVisa))));
  // The row is found by its record.
  StoredTokensOptions options;
  options.open_every_row = true;
  EXPECT_OK(CheckStoredTokens(*store_, service_->profiles_, service_->keys_, options));
}

TEST_P(ConvertTest, ARepeatedRequestGetsTheSameTokensAndTakesNoFurtherUse) {
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  const auto first = service_->ConvertOne(thrice, kNetwork, kRequest);
  ASSERT_OK(first);
  const auto rows = Rows().size();
  const auto again = service_->ConvertOne(thrice, kNetwork, kRequest);
  ASSERT_OK(again);
  EXPECT_EQ(again->name.ToString(), first->name.ToString());
  EXPECT_EQ(again->expiry, first->expiry);
  EXPECT_EQ(Rows().size(), rows);
  EXPECT_EQ(service_->Describe(thrice)->uses_left, 2U);
  EXPECT_THAT(service_->LastRecord("TokenService.ConvertToken"),
              HasSubstr("\"repetition\":\"true\""));
  EXPECT_THAT(service_->ConvertOne(thrice, kOneTime, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->ConvertOne(service_->TokenOf(kVisa, kThrice), kNetwork, kRequest),
              HasReason(Reason::kRequestIdReused));
}

TEST_P(ConvertTest, ARepeatedBatchTakesNoFurtherUseWhateverFailedInIt) {
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  const TokenName deleted = service_->TokenOf(kAmex);
  ASSERT_OK(service_->Change(deleted, TokenState::kDeleted));
  const TokenName wrong = {"acme", "tok_" + std::string(34, 'a')};
  const TokenName suspended = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->Change(suspended, TokenState::kSuspended));
  const Service::Tokens names = {thrice, deleted, wrong, suspended};
  const auto first = service_->Convert(names, kNetwork, kRequest);
  ASSERT_OK(first);
  ASSERT_OK(service_->Change(suspended, TokenState::kActive));
  const auto rows = Rows().size();
  const auto again = service_->Convert(names, kNetwork, kRequest);
  ASSERT_OK(again);
  for (std::size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(i);
    ASSERT_EQ(again->at(i).ok(), first->at(i).ok());
    EXPECT_EQ(ReasonOf(again->at(i).status()), ReasonOf(first->at(i).status()));
    if (!again->at(i).ok()) continue;
    EXPECT_EQ(again->at(i)->name.ToString(), first->at(i)->name.ToString());
    EXPECT_EQ(again->at(i)->expiry, first->at(i)->expiry);
  }
  EXPECT_EQ(Rows().size(), rows);
  EXPECT_EQ(service_->Describe(thrice)->uses_left, 2U);
  EXPECT_EQ(service_->Describe(suspended)->uses_left, 3U);
  // Where nothing was converted nothing is kept.
  constexpr char kOther[] = "11111111-2222-4333-8444-666666666666";
  EXPECT_THAT(service_->ConvertOne(wrong, kNetwork, kOther), HasReason(Reason::kTokenNotFound));
  EXPECT_OK(service_->ConvertOne(suspended, kNetwork, kOther));
}

TEST_P(ConvertTest, ARepetitionIsDecidedAnewForTheProfileOfEachToken) {
  const TokenName one = service_->TokenOf(kVisa);
  const TokenName brief = service_->TokenOf(kVisa, kBrief);
  const auto ask = [&] { return service_->Convert({one, brief}, kLinkedPerCall, kRequest); };
  ASSERT_OK(ask());
  ASSERT_OK(ask());
  std::string record = service_->LastRecord("TokenService.ConvertToken");
  EXPECT_THAT(record, HasSubstr(R"("repetition":"true")"));
  EXPECT_THAT(record, HasSubstr(absl::StrCat("\"source_profile\":\"", kBrief, ",", kCards, "\"")));

  service_->gate_.Replace(ThePolicyWithout(kBrief, "converts"));
  const auto again = ask();
  ASSERT_OK(again);
  EXPECT_OK(again->at(0));
  EXPECT_THAT(again->at(1), HasReason(Reason::kPolicyDenied));
  record = service_->LastRecord("TokenService.ConvertToken");
  EXPECT_THAT(record, HasSubstr(R"("outcome":"denied","reason":"POLICY_DENIED")"));
}

TEST_P(ConvertTest, ATargetWhoseKeySealsNoMoreUsesNothing) {
  const TokenName single = service_->TokenOf(kVisa, kSingle);
  service_->keys_.data_seals().Refuse(Reason::kKeyUsesExhausted);
  EXPECT_THAT(service_->ConvertOne(single, kOneTime), HasReason(Reason::kKeyUsesExhausted));
  service_->keys_.data_seals().Refuse(std::nullopt);
  EXPECT_EQ(service_->Describe(single)->uses_left, 1U);
  EXPECT_OK(service_->ConvertOne(single, kOneTime));
}

TEST_P(ConvertTest, ACauseThatPassesConvertsNothingAndIsNotKept) {
  const TokenName single = service_->TokenOf(kVisa, kSingle);
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  const auto ask = [&] { return service_->Convert({single, thrice}, kNetwork, kRequest); };
  const auto rows = Rows().size();
  for (const Reason reason : {Reason::kConflict, Reason::kHsmUnavailable}) {
    service_->keys_.data_seals().Refuse(reason, 1);
    EXPECT_THAT(ask(), HasReason(reason));
    EXPECT_EQ(Rows().size(), rows);
    EXPECT_EQ(service_->Describe(single)->uses_left, 1U);
  }
  service_->keys_.data_seals().Refuse(std::nullopt);
  const auto made = ask();
  ASSERT_OK(made);
  EXPECT_OK(made->at(0));
  EXPECT_OK(made->at(1));
}

TEST_P(ConvertTest, AFailureOfTheKeysUsesNothing) {
  const TokenName single = service_->TokenOf(kVisa, kSingle);
  service_->keys_.Fail(Reason::kHsmUnavailable);
  const auto failed = service_->ConvertOne(single, kOneTime);
  EXPECT_THAT(failed, HasReason(Reason::kHsmUnavailable));
  service_->keys_.Heal();
  EXPECT_OK(service_->ConvertOne(single, kOneTime));
}

TEST_P(ConvertTest, WrongTokensAreMissesAlsoAfterARestart) {
  const TokenName right = service_->TokenOf(kVisa);
  const TokenName wrong = {"acme", "tok_" + std::string(34, 'a')};
  ASSERT_OK(service_->Convert(Service::Tokens(30, wrong), kOneTime));
  Restart();
  ASSERT_OK(service_->Convert(Service::Tokens(20, wrong), kOneTime));
  EXPECT_THAT(service_->ConvertOne(right, kOneTime), HasReason(Reason::kMissesExhausted));
  EXPECT_THAT(service_->DetokenizeOne(right), HasReason(Reason::kMissesExhausted));
}

// Whoever can make tokens of cards that it chooses could try them all through the conversion.
TEST_P(ConvertTest, CardsThatLookAlikeAreGuessesAtADeterministicTargetAlsoAfterARestart) {
  const auto converted = [&](int first, int count, const char* target) {
    Service::Tokens names;
    for (int i = 0; i < count; ++i) {
      names.push_back(service_->TokenOf(LookAlike(first + i), kOneTime));
    }
    const auto made = service_->Convert(std::move(names), target);
    int told = 0;
    for (const auto& token : *made) {
      told += token.ok() ? 1 : 0;
      EXPECT_TRUE(token.ok() || ReasonOf(token.status()) == Reason::kGuessesExhausted);
    }
    return told;
  };
  EXPECT_EQ(converted(0, 40, kSingle), 40);
  EXPECT_EQ(converted(0, 15, kCards), 15);
  Restart();
  EXPECT_EQ(converted(15, 25, kCards), 5);
  EXPECT_EQ(converted(0, 15, kCards), 0);
}

}  // namespace
}  // namespace keysvc::tokenizer
