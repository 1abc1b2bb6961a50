#include "policy/risk.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "policy/gate.h"
#include "tests/support/status_matchers.h"

namespace keysvc::policy {
namespace {

using keysvc::testing::HasReason;

constexpr char kCards[] = "tenants/acme/tokenProfiles/cards";
constexpr char kTokens[] = "tenants/acme/tokens";
constexpr char kIdentity[] = "spiffe://dev.keysvc.example/payment/settlement";

constexpr RiskThresholds kAll = {.masked_from = 40, .last4_from = 60, .denied_from = 80};

TEST(RiskTest, AThresholdHoldsFromItsScoreOn) {
  const std::vector<std::pair<std::uint32_t, std::optional<Reveal>>> cases = {
      {0, Reveal::kFull},    {39, Reveal::kFull},     {40, Reveal::kMasked},
      {59, Reveal::kMasked}, {60, Reveal::kLastFour}, {79, Reveal::kLastFour},
      {80, std::nullopt},    {100, std::nullopt},
  };
  for (const auto& [score, left] : cases) {
    EXPECT_EQ(Narrowed(Reveal::kFull, kAll, score), left) << score;
  }
}

TEST(RiskTest, AThresholdNeverShowsMoreThanTheRule) {
  EXPECT_EQ(Narrowed(Reveal::kMasked, kAll, 10), Reveal::kMasked);
  EXPECT_EQ(Narrowed(Reveal::kLastFour, {.masked_from = 40}, 50), Reveal::kLastFour);
}

TEST(RiskTest, WhoStatesNoScoreIsTakenForTheRiskiest) {
  EXPECT_EQ(Narrowed(Reveal::kFull, kAll, std::nullopt), std::nullopt);
  EXPECT_EQ(Narrowed(Reveal::kFull, {.masked_from = 100}, std::nullopt), Reveal::kMasked);
  EXPECT_EQ(Narrowed(Reveal::kFull, {}, std::nullopt), Reveal::kFull);
}

TEST(RiskTest, ThresholdsAreDescribedInTheOrderOfTheirScores) {
  EXPECT_EQ(Describe(kAll), "masked from 40, last4 from 60, denied from 80");
  EXPECT_EQ(Describe(RiskThresholds{.denied_from = 7}), "denied from 7");
  EXPECT_EQ(Describe(RiskThresholds{}), "");
}

// What a call gets: 0 where it is denied, else one more than the level.
int Shown(const absl::StatusOr<Permit>& permit) {
  return permit.ok() ? static_cast<int>(permit->reveal()) + 1 : 0;
}

class RandomPolicies {
 public:
  explicit RandomPolicies(std::uint32_t seed) : random_(seed) {}

  std::uint32_t Below(std::uint32_t end) {
    return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(random_);
  }

  // Rules that meet on the same profiles, roles and purposes, so that one is often behind another.
  Policy Next() {
    Policy policy;
    policy.principals = {{"settlement", kIdentity, PrincipalKind::kService, {"a", "b"}}};
    for (std::uint32_t i = 0, count = 1 + Below(5); i < count; ++i) {
      Rule rule;
      rule.id = "rule-" + std::to_string(i);
      rule.roles = {std::string(1, static_cast<char>('a' + Below(3)))};
      rule.actions = {Action::kDetokenize};
      rule.resources = {Below(2) == 0 ? kCards : "tenants/acme/tokenProfiles/*"};
      if (Below(2) == 0) rule.purposes = {Below(2) == 0 ? "settlement" : "refund"};
      rule.reveal = static_cast<Reveal>(Below(3));
      rule.risk = {MaybeScore(), MaybeScore(), MaybeScore()};
      policy.rules.push_back(std::move(rule));
    }
    return policy;
  }

 private:
  std::optional<std::uint32_t> MaybeScore() {
    if (Below(2) == 0) return std::nullopt;
    return 1 + Below(kHighestRisk);
  }

  std::mt19937_64 random_;
};

TEST(RiskTest, NoScoreEverShowsMoreThanNoThresholdsOrThanALowerScore) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  RandomPolicies policies(seed);
  int narrowed = 0;
  int denied = 0;
  for (int round = 0; round < 1000; ++round) {
    const Policy policy = policies.Next();
    Policy without = policy;
    for (Rule& rule : without.rules) rule.risk = {};
    const Gate gate(std::make_shared<const Policy>(policy));
    const Gate open(std::make_shared<const Policy>(std::move(without)));
    const Caller caller = *gate.Identify(kIdentity, "here");
    for (const char* purpose : {"", "settlement", "refund"}) {
      const auto first = gate.Authorize(caller, Action::kDetokenize, kTokens, purpose);
      const auto first_open = open.Authorize(caller, Action::kDetokenize, kTokens, purpose);
      ASSERT_EQ(first.ok(), first_open.ok());
      if (!first.ok()) continue;
      ASSERT_EQ(first->rule(), first_open->rule());
      const auto at_most = open.Narrow(*first_open, kCards, policies.Below(kHighestRisk + 1));
      int lower = Shown(at_most);
      for (std::uint32_t score = 0; score <= kHighestRisk; ++score) {
        const auto permit = gate.Narrow(*first, kCards, score);
        ASSERT_LE(Shown(permit), lower) << score;
        lower = Shown(permit);
        if (!at_most.ok()) continue;
        // The rule that decides is the same at any score.
        ASSERT_EQ(permit.ok() ? permit->rule() : DenyingRule(permit.status()), at_most->rule());
        narrowed += permit.ok() && Shown(permit) < Shown(at_most) ? 1 : 0;
        denied += permit.ok() ? 0 : 1;
      }
      const auto unstated = gate.Narrow(*first, kCards);
      ASSERT_EQ(Shown(unstated), lower);
    }
  }
  EXPECT_GT(narrowed, 1000);
  EXPECT_GT(denied, 1000);
}

TEST(RiskTest, NoNameOfAProfileEscapesTheThresholds) {
  Policy policy;
  policy.principals = {{"settlement", kIdentity, PrincipalKind::kService, {"settling"}}};
  policy.rules = {{.id = "reveals",
                   .roles = {"settling"},
                   .actions = {Action::kDetokenize},
                   .resources = {"tenants/acme/tokenProfiles/*"},
                   .purposes = {},
                   .reveal = Reveal::kFull,
                   .risk = {.denied_from = 80}}};
  const Gate gate(std::make_shared<const Policy>(std::move(policy)));
  const Caller caller = *gate.Identify(kIdentity, "here");
  const auto first = gate.Authorize(caller, Action::kDetokenize, kTokens, "");
  ASSERT_OK(first);
  for (const char* profile : {kCards, "tenants/acme/tokenProfiles/tokens"}) {
    EXPECT_THAT(gate.Narrow(*first, profile, 80), HasReason(Reason::kRiskTooHigh)) << profile;
    EXPECT_EQ(gate.Narrow(*first, profile, 79)->reveal(), Reveal::kFull) << profile;
  }
}

}  // namespace
}  // namespace keysvc::policy
