// Risk scores that callers assert: what they leave of a card, what they take, what is recorded.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using policy::Reveal;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenizerRiskTest : public EachStoreTest {
 protected:
  TokenizerRiskTest() { Change({.masked_from = 40, .last4_from = 60, .denied_from = 80}); }

  // Thresholds and limits of the rule "settles".
  void Change(const policy::RiskThresholds& risk, const policy::Limits& limits = {}) {
    policy::Policy policy = *ThePolicy();
    for (policy::Rule& rule : policy.rules) {
      if (rule.id != "settles") continue;
      rule.risk = risk;
      rule.limits = limits;
    }
    service_->gate_.Replace(std::make_shared<const policy::Policy>(std::move(policy)));
  }

  absl::StatusOr<Service::Revealed> Open(Service::Tokens tokens,
                                         std::vector<std::uint32_t> risk_scores) {
    return service_->Detokenize(std::move(tokens), "settlement", "settlement", "acme", {},
                                std::move(risk_scores));
  }

  absl::StatusOr<RevealedCard> At(std::optional<std::uint32_t> score, const TokenName& token) {
    auto cards = score.has_value() ? Open({token}, {*score}) : Open({token}, {});
    if (!cards.ok()) return cards.status();
    return std::move(cards->at(0));
  }
};

WITH_EACH_STORE(TokenizerRiskTest);

TEST_P(TokenizerRiskTest, AScoreLowersHowMuchOfTheCardIsShown) {
  const TokenName token = service_->TokenOf(kVisa);
  const auto full = At(39, token);
  ASSERT_OK(full);
  EXPECT_EQ(full->reveal, Reveal::kFull);
  ASSERT_TRUE(full->full.has_value());
  const auto masked = At(40, token);
  ASSERT_OK(masked);
  EXPECT_EQ(masked->reveal, Reveal::kMasked);
  EXPECT_FALSE(masked->full.has_value());
  EXPECT_EQ(masked->masked_pan, full->masked_pan);
  const auto last4 = At(60, token);
  ASSERT_OK(last4);
  EXPECT_EQ(last4->reveal, Reveal::kLastFour);
  EXPECT_FALSE(last4->full.has_value());
  EXPECT_NE(last4->masked_pan, full->masked_pan);
  EXPECT_THAT(At(80, token), HasReason(Reason::kRiskTooHigh));
  EXPECT_THAT(At(std::nullopt, token), HasReason(Reason::kRiskTooHigh));
}

TEST_P(TokenizerRiskTest, ARuleWithoutThresholdsLooksAtNoScore) {
  Change({});
  const TokenName token = service_->TokenOf(kVisa);
  for (const auto score : {std::optional<std::uint32_t>(0), std::optional<std::uint32_t>(100),
                           std::optional<std::uint32_t>()}) {
    const auto card = At(score, token);
    ASSERT_OK(card);
    EXPECT_EQ(card->reveal, Reveal::kFull);
  }
}

TEST_P(TokenizerRiskTest, EachItemOfABatchHasItsOwnScoreOrAllHaveOne) {
  const TokenName token = service_->TokenOf(kVisa);
  const auto each = Open({token, token, token, token}, {80, 10, 60, 40});
  ASSERT_OK(each);
  EXPECT_THAT(each->at(0), HasReason(Reason::kRiskTooHigh));
  EXPECT_EQ(each->at(1)->reveal, Reveal::kFull);
  EXPECT_EQ(each->at(2)->reveal, Reveal::kLastFour);
  EXPECT_EQ(each->at(3)->reveal, Reveal::kMasked);
  const auto one_for_all = Open({token, token}, {60});
  ASSERT_OK(one_for_all);
  EXPECT_EQ(one_for_all->at(0)->reveal, Reveal::kLastFour);
  EXPECT_EQ(one_for_all->at(1)->reveal, Reveal::kLastFour);
}

TEST_P(TokenizerRiskTest, RecordsHoldWhatWasAssertedWhatWasShownAndWhichRuleDenied) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(Open({token, token, token}, {80, 10, 60}));
  const std::string batch = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(batch, HasSubstr("\"outcome\":\"success\""));
  EXPECT_THAT(batch,
              HasSubstr(absl::StrCat(
                  R"({"asserted_risk_score":80,"outcome":"denied","reason":"RISK_TOO_HIGH",)",
                  R"("resource":")", token.ToString(), R"("},{"asserted_risk_score":10,)",
                  R"("outcome":"success","resource":")", token.ToString(),
                  R"(","reveal":"full"},{"asserted_risk_score":60,"outcome":"success",)",
                  R"("resource":")", token.ToString(), R"(","reveal":"last4"}])")));
  EXPECT_THAT(At(100, token), HasReason(Reason::kRiskTooHigh));
  const std::string denied = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(denied, HasSubstr("\"outcome\":\"denied\""));
  EXPECT_THAT(denied, HasSubstr(std::string("\"profile\":\"") + kCards));
  EXPECT_THAT(denied, HasSubstr("\"asserted_risk_score\":100"));
  EXPECT_THAT(denied, HasSubstr("\"reason\":\"RISK_TOO_HIGH\""));
  EXPECT_THAT(denied, HasSubstr("\"rule\":\"settles\""));
  EXPECT_THAT(At(std::nullopt, token), HasReason(Reason::kRiskTooHigh));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"),
              Not(HasSubstr("asserted_risk_score")));
}

// The rule that lets the call in is not always the one that decides on the token.
TEST_P(TokenizerRiskTest, TheRuleOfTheTokensProfileIsTheOneThatDenies) {
  policy::Policy policy = *ThePolicy();
  for (policy::Rule& rule : policy.rules) {
    if (rule.id == "screens-one-time") rule.risk = {.denied_from = 50};
  }
  service_->gate_.Replace(std::make_shared<const policy::Policy>(std::move(policy)));
  const TokenName often = service_->TokenOf(kVisa);
  const TokenName once = service_->TokenOf(kVisa, kOneTime);
  const auto cards = service_->Detokenize({once, often}, "fraud", "", "acme", {}, {50});
  ASSERT_OK(cards);
  EXPECT_THAT(cards->at(0), HasReason(Reason::kRiskTooHigh));
  EXPECT_OK(cards->at(1));
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr(once.ToString() + "\",\"rule\":\"screens-one-time\""));
  EXPECT_THAT(record, HasSubstr(often.ToString() + "\",\"rule\":\"screens\""));
}

TEST_P(TokenizerRiskTest, ADeniedCallTakesNoUseAndNoReveal) {
  policy::Limits one_reveal;
  one_reveal.reveals = {{1, absl::Hours(1)}};
  const TokenName token = service_->TokenOf(kVisa, kSingle);
  Change({.denied_from = 80}, one_reveal);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(At(80, token), HasReason(Reason::kRiskTooHigh));
  EXPECT_EQ(Rows().front().revision, 1U);
  EXPECT_OK(At(79, token));
  EXPECT_THAT(At(79, service_->TokenOf(kVisa)), HasReason(Reason::kRevealsExhausted));
}

TEST_P(TokenizerRiskTest, WhatIsOnlyMaskedTakesARevealAndAUse) {
  policy::Limits one_reveal;
  one_reveal.reveals = {{1, absl::Hours(1)}};
  const TokenName token = service_->TokenOf(kVisa, kSingle);
  Change({.masked_from = 40}, one_reveal);
  EXPECT_OK(At(40, token));
  EXPECT_THAT(At(0, service_->TokenOf(kVisa)), HasReason(Reason::kRevealsExhausted));
  Change({.masked_from = 40});
  EXPECT_THAT(At(0, token), HasReason(Reason::kTokenExhausted));
}

// Opening the card, or reading its row, would find that it was changed.
TEST(TokenizerRiskOrderTest, NothingOfADeniedTokenIsRead) {
  keysvc::testing::MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  policy::Policy policy = *ThePolicy();
  for (policy::Rule& rule : policy.rules) {
    if (rule.id == "settles") rule.risk = {.denied_from = 80};
  }
  service.gate_.Replace(std::make_shared<const policy::Policy>(std::move(policy)));
  store.Tamper([](keysvc::testing::MemoryStore::Rows& rows) {
    for (auto& [handle, row] : rows.tokens) row.mac.back() = static_cast<char>(row.mac.back() ^ 1);
  });
  const auto at = [&](std::uint32_t score) {
    return service.Detokenize({token}, "settlement", "settlement", "acme", {}, {score})
        ->at(0)
        .status();
  };
  EXPECT_THAT(at(79), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(at(80), HasReason(Reason::kRiskTooHigh));
}

// Of digits it is not even told whether there is such a token, and no guess is counted.
TEST_P(TokenizerRiskTest, ARightAndAWrongTokenOfDigitsAreDeniedAlike) {
  Change({.denied_from = 80}, {.misses = {.count = 1, .percent = 0}});
  TokenName right = service_->TokenOf(kVisa, kNumbers);
  right.profile = kNumbers;
  TokenName wrong = right;
  wrong.token.front() = wrong.token.front() == '1' ? '2' : '1';
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(At(80, wrong).status(), At(80, right).status());
    EXPECT_THAT(At(80, wrong), HasReason(Reason::kRiskTooHigh));
  }
  EXPECT_OK(At(0, right));
}

TEST_P(TokenizerRiskTest, ACallThatFailsAsAWholeHasItsScoresInTheRecord) {
  Change({.denied_from = 80}, {.misses = {.count = 1, .percent = 0}});
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_THAT(At(0, TokenName{"acme", "tok_a"}), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(Open({token, token}, {7, 90}), HasReason(Reason::kMissesExhausted));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"),
              HasSubstr(R"("details":{"asserted_risk_score":"7,90"})"));
}

// What a start reads back of the log has scores in some records and none in others.
TEST_P(TokenizerRiskTest, AStartCountsRecordsWithAndWithoutScores) {
  policy::Limits two_reveals;
  two_reveals.reveals = {{2, absl::Hours(24)}};
  const TokenName token = service_->TokenOf(kVisa);
  Change({.masked_from = 40, .denied_from = 80}, two_reveals);
  EXPECT_OK(At(50, token));
  EXPECT_THAT(At(90, token), HasReason(Reason::kRiskTooHigh));
  Change({}, two_reveals);
  EXPECT_OK(At(std::nullopt, token));
  service_->tokenizer_.reset();
  service_->journal_.reset();
  service_->Start();
  ASSERT_OK(service_->tokenizer_->CountRecords());
  EXPECT_THAT(At(0, token), HasReason(Reason::kRevealsExhausted));
}

}  // namespace
}  // namespace keysvc::tokenizer
