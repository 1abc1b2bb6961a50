#include "policy/gate.h"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::policy {
namespace {

using keysvc::testing::HasReason;

static_assert(!std::is_copy_constructible_v<Permit> && !std::is_copy_assignable_v<Permit>);
static_assert(std::is_nothrow_move_constructible_v<Permit>);
static_assert(!std::is_default_constructible_v<Permit>);
static_assert(!std::is_constructible_v<Permit, Caller, Action, std::string,
                                       std::shared_ptr<const Rule>, std::string, Reveal>);

constexpr char kIdentity[] = "spiffe://dev.keysvc.example/payment/settlement";
constexpr char kCards[] = "tenants/acme/tokenProfiles/cards";
constexpr char kOld[] = "tenants/acme/tokenProfiles/old-cards";
constexpr char kTokens[] = "tenants/acme/tokens";

std::shared_ptr<const Policy> SettlementPolicy() {
  Policy policy;
  policy.principals = {{"settlement", kIdentity, PrincipalKind::kService, {"settling"}}};
  policy.rules = {
      {"cards-full", {"settling"}, {Action::kDetokenize}, {kCards}, {"settlement"}, Reveal::kFull},
      {"old-last-four", {"settling"}, {Action::kDetokenize}, {kOld}, {}, Reveal::kLastFour},
  };
  return std::make_shared<const Policy>(std::move(policy));
}

TEST(GateTest, IdentifiesTheCallersThatThePolicyNames) {
  const Gate gate(SettlementPolicy());
  const absl::StatusOr<Caller> caller = gate.Identify(kIdentity, "ipv4:192.0.2.1:4711");
  ASSERT_OK(caller);
  EXPECT_EQ(caller->principal, "settlement");
  EXPECT_EQ(caller->identity, kIdentity);
  EXPECT_EQ(caller->origin, "ipv4:192.0.2.1:4711");
  EXPECT_EQ(caller->kind, PrincipalKind::kService);
  EXPECT_THAT(gate.Identify("spiffe://dev.keysvc.example/payment/other", ""),
              HasReason(Reason::kIdentityUnknown));
}

TEST(GateTest, APermitSaysWhatWasAllowedByWhichRule) {
  const Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> permit =
      gate.Authorize(caller, Action::kDetokenize, kCards, "settlement");
  ASSERT_OK(permit);
  EXPECT_EQ(permit->caller().principal, "settlement");
  EXPECT_EQ(permit->action(), Action::kDetokenize);
  EXPECT_EQ(permit->resource(), kCards);
  EXPECT_EQ(permit->rule(), "cards-full");
  EXPECT_EQ(permit->purpose(), "settlement");
  EXPECT_EQ(permit->reveal(), Reveal::kFull);
}

TEST(GateTest, WhatNoRuleAllowsIsDenied) {
  const Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  EXPECT_THAT(gate.Authorize(caller, Action::kDetokenize, kCards),
              HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(gate.Authorize(caller, Action::kTokenize, kCards), HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(gate.Authorize(caller, Action::kDetokenize, "tenants/other/tokens", "settlement"),
              HasReason(Reason::kPolicyDenied));
}

TEST(GateTest, ARuleIsForItsHoursAndAddressesAtEveryDecision) {
  Policy policy = *SettlementPolicy();
  for (Rule& rule : policy.rules) {
    ASSERT_TRUE(rule.hours.Add("mon", "08:00", "18:00"));
    rule.addresses = {*AddressRange::Parse("192.0.2.0/24")};
  }
  absl::Time now = absl::FromCivil(absl::CivilHour(2026, 1, 5, 17), absl::UTCTimeZone());
  const Gate gate(std::make_shared<const Policy>(std::move(policy)), [&] { return now; });
  const Caller inside = *gate.Identify(kIdentity, "192.0.2.7");
  const absl::StatusOr<Permit> permit = gate.Authorize(inside, Action::kDetokenize, kTokens);
  ASSERT_OK(permit);
  EXPECT_OK(gate.Narrow(*permit, kOld));
  EXPECT_THAT(
      gate.Authorize(*gate.Identify(kIdentity, "198.51.100.7"), Action::kDetokenize, kTokens),
      HasReason(Reason::kPolicyDenied));
  now += absl::Hours(1);
  EXPECT_THAT(gate.Authorize(inside, Action::kDetokenize, kTokens),
              HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(gate.Narrow(*permit, kOld), HasReason(Reason::kPolicyDenied));
}

TEST(GateTest, BeforeTheProfileIsKnownThePermitShowsTheLastFourAtMost) {
  const Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> first =
      gate.Authorize(caller, Action::kDetokenize, kTokens, "settlement");
  ASSERT_OK(first);
  EXPECT_EQ(first->rule(), "cards-full");
  EXPECT_EQ(first->reveal(), Reveal::kLastFour);
}

TEST(GateTest, NarrowingDecidesAgainForTheProfile) {
  const Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> first =
      gate.Authorize(caller, Action::kDetokenize, kTokens, "settlement");
  ASSERT_OK(first);
  const absl::StatusOr<Permit> cards = gate.Narrow(*first, kCards);
  ASSERT_OK(cards);
  EXPECT_EQ(cards->rule(), "cards-full");
  EXPECT_EQ(cards->reveal(), Reveal::kFull);
  const absl::StatusOr<Permit> old = gate.Narrow(*first, kOld);
  ASSERT_OK(old);
  EXPECT_EQ(old->reveal(), Reveal::kLastFour);
  EXPECT_THAT(gate.Narrow(*first, "tenants/acme/tokenProfiles/other"),
              HasReason(Reason::kPolicyDenied));

  const absl::StatusOr<Permit> without_purpose =
      gate.Authorize(caller, Action::kDetokenize, kTokens);
  ASSERT_OK(without_purpose);
  EXPECT_THAT(gate.Narrow(*without_purpose, kCards), HasReason(Reason::kPolicyDenied));
}

TEST(GateTest, ARiskScoreHasNoSayInWhichRuleDecides) {
  Policy policy = *SettlementPolicy();
  policy.rules[0].risk = {.masked_from = 40, .last4_from = {}, .denied_from = 80};
  // It would show more, and decides nothing on these cards: the one before it does, also by
  // denying.
  policy.rules.push_back({"all-full", {"settling"}, {Action::kDetokenize}, {kCards, kOld}, {}});
  policy.rules.back().reveal = Reveal::kFull;
  const Gate gate(std::make_shared<const Policy>(std::move(policy)));
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> first =
      gate.Authorize(caller, Action::kDetokenize, kTokens, "settlement");
  // A rule for another profile must not deny what it will not decide.
  ASSERT_OK(first);
  EXPECT_EQ(gate.Narrow(*first, kCards, 39)->reveal(), Reveal::kFull);
  EXPECT_EQ(gate.Narrow(*first, kCards, 40)->reveal(), Reveal::kMasked);
  const absl::StatusOr<Permit> denied = gate.Narrow(*first, kCards, 80);
  EXPECT_THAT(denied, HasReason(Reason::kRiskTooHigh));
  EXPECT_EQ(DenyingRule(denied.status()), "cards-full");
  EXPECT_EQ(std::string(denied.status().message()).find("cards-full"), std::string::npos);
  EXPECT_EQ(gate.Narrow(*first, kOld, 100)->rule(), "old-last-four");
  EXPECT_EQ(DenyingRule(gate.Narrow(*first, "tenants/acme/tokenProfiles/other", 80).status()), "");
}

TEST(GateTest, WithoutARiskScoreARuleThatAsksForOneTakesTheRiskiest) {
  Policy policy = *SettlementPolicy();
  policy.rules[0].risk = {.masked_from = {}, .last4_from = {}, .denied_from = 100};
  policy.rules[1].reveal = Reveal::kFull;
  policy.rules[1].risk = {.masked_from = 100, .last4_from = {}, .denied_from = {}};
  const Gate gate(std::make_shared<const Policy>(std::move(policy)));
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> first =
      gate.Authorize(caller, Action::kDetokenize, kTokens, "settlement");
  ASSERT_OK(first);
  EXPECT_THAT(gate.Narrow(*first, kCards), HasReason(Reason::kRiskTooHigh));
  EXPECT_EQ(gate.Narrow(*first, kOld)->reveal(), Reveal::kMasked);
  EXPECT_OK(gate.Narrow(*first, kCards, 99));
  // Nor does who asks for the profile at once get around it.
  EXPECT_THAT(gate.Authorize(caller, Action::kDetokenize, kCards, "settlement"),
              HasReason(Reason::kRiskTooHigh));
}

TEST(GateTest, AReplacedPolicyDecidesFromTheNextCallOn) {
  Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  const absl::StatusOr<Permit> first = gate.Authorize(caller, Action::kDetokenize, kTokens);
  ASSERT_OK(first);
  gate.Replace(std::make_shared<const Policy>());
  EXPECT_THAT(gate.Identify(kIdentity, "here"), HasReason(Reason::kIdentityUnknown));
  EXPECT_THAT(gate.Authorize(caller, Action::kDetokenize, kOld), HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(gate.Narrow(*first, kOld), HasReason(Reason::kPolicyDenied));
}

TEST(GateTest, ACallerWhoseIdentityNowBelongsToAnotherIsDenied) {
  Gate gate(SettlementPolicy());
  const Caller caller = *gate.Identify(kIdentity, "here");
  Policy renamed = *SettlementPolicy();
  renamed.principals[0].name = "other";
  gate.Replace(std::make_shared<const Policy>(std::move(renamed)));
  EXPECT_THAT(gate.Authorize(caller, Action::kDetokenize, kOld), HasReason(Reason::kPolicyDenied));
}

}  // namespace
}  // namespace keysvc::policy
