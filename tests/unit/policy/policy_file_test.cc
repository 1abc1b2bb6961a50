#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/policy.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::policy {
namespace {

using keysvc::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kGood = R"(version: 1
principals:
  - name: pay
    identity: spiffe://dev.example/pay
    kind: service
    roles: [data]
  - name: chief
    identity: spiffe://dev.example/chief
    kind: officer
    roles: [keys]
  - name: audrey
    identity: spiffe://dev.example/audrey
    kind: auditor
    roles: [log]
rules:
  - id: pay-uses
    roles: [data]
    actions: [Tokenize, Detokenize]
    resources: [tenants/acme/tokenProfiles/cards]
    reveal: masked
  - id: chief-manages
    roles: [keys]
    actions: [CreateKey, ListKeys]
    resources: ["tenants/acme/keys/*"]
  - id: audrey-reads
    roles: [log]
    actions: [ExportAudit]
    resources: [auditLog]
)";

std::string Replaced(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string FaultOf(std::string_view text) {
  const auto policy = ParsePolicy(text, "p.yaml");
  EXPECT_THAT(policy, HasReason(Reason::kPolicyInvalid));
  return std::string(policy.status().message());
}

// The good policy with further rules at line 29.
std::string With(std::string_view rules) { return std::string(kGood) + std::string(rules); }

TEST(PolicyFileTest, AGoodFileIsReadWhole) {
  const auto policy = ParsePolicy(kGood, "p.yaml");
  ASSERT_OK(policy);
  ASSERT_EQ((*policy)->principals.size(), 3u);
  const Principal& pay = (*policy)->principals[0];
  EXPECT_EQ(pay.name, "pay");
  EXPECT_EQ(pay.identity, "spiffe://dev.example/pay");
  EXPECT_EQ(pay.kind, PrincipalKind::kService);
  EXPECT_THAT(pay.roles, ElementsAre("data"));
  EXPECT_EQ((*policy)->principals[1].kind, PrincipalKind::kOfficer);
  EXPECT_EQ((*policy)->principals[2].kind, PrincipalKind::kAuditor);
  ASSERT_EQ((*policy)->rules.size(), 3u);
  const Rule& uses = (*policy)->rules[0];
  EXPECT_EQ(uses.id, "pay-uses");
  EXPECT_THAT(uses.roles, ElementsAre("data"));
  EXPECT_THAT(uses.actions, ElementsAre(Action::kTokenize, Action::kDetokenize));
  EXPECT_THAT(uses.resources, ElementsAre("tenants/acme/tokenProfiles/cards"));
  EXPECT_TRUE(uses.purposes.empty());
  EXPECT_EQ(uses.reveal, Reveal::kMasked);
}

TEST(PolicyFileTest, TheDigestIsThatOfTheFile) {
  EXPECT_EQ((*ParsePolicy(kGood, "p.yaml"))->digest, (*ParsePolicy(kGood, "q.yaml"))->digest);
  EXPECT_NE((*ParsePolicy(kGood, "p.yaml"))->digest,
            (*ParsePolicy(With("# more\n"), "p.yaml"))->digest);
  EXPECT_EQ((*ParsePolicy(kGood, "p.yaml"))->digest.size(), 64u);
}

TEST(PolicyFileTest, WithoutALevelOnlyTheLastFourAreRevealed) {
  const auto policy = ParsePolicy(Replaced("    reveal: masked\n", ""), "p.yaml");
  ASSERT_OK(policy);
  EXPECT_EQ((*policy)->rules[0].reveal, Reveal::kLastFour);
}

TEST(PolicyFileTest, MissesHaveALimitAlsoWhereTheRuleSaysNone) {
  const auto policy = ParsePolicy(kGood, "p.yaml");
  ASSERT_OK(policy);
  EXPECT_EQ((*policy)->rules[0].limits.misses.count, 50U);
  EXPECT_EQ((*policy)->rules[0].limits.misses.percent, 1U);
  const auto with =
      ParsePolicy(Replaced("    reveal: masked\n",
                           "    reveal: masked\n    limits: {misses: {count: 7, percent: 0}}\n"),
                  "p.yaml");
  ASSERT_OK(with);
  EXPECT_EQ((*with)->rules[0].limits.misses.count, 7U);
  EXPECT_EQ((*with)->rules[0].limits.misses.percent, 0U);
}

TEST(PolicyFileTest, MissesGoWithEveryActionThatNamesOrLooksUpTokens) {
  for (const char* action : {"Detokenize", "GetToken", "LookUpToken", "ConvertToken",
                             "UpdateTokenCard", "SuspendToken", "ResumeToken", "DeleteToken"}) {
    const std::string rule = "  - id: limited\n    roles: [data]\n    actions: [" +
                             std::string(action) +
                             "]\n    resources: [tenants/acme/tokenProfiles/others]\n"
                             "    limits: {misses: {count: 7}}\n";
    EXPECT_OK(ParsePolicy(With(rule), "p.yaml")) << action;
  }
}

TEST(PolicyFileTest, EveryFaultOfALimitIsNamedWithItsPlace) {
  const std::string_view window = "a window is expected: 1m to 1440m, or 1h to 24h";
  const auto limited = [](std::string_view limits) {
    return Replaced("    reveal: masked\n", "    limits: " + std::string(limits) + "\n");
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {limited("50"), "20:13: a mapping is expected"},
      {limited("{calls: 5}"), "20:14: unknown key \"calls\""},
      {limited("{misses: 50}"), "20:22: a mapping is expected"},
      {limited("{misses: {percent: 1}}"), "20:22: the key \"count\" is missing"},
      {limited("{misses: {count: 0}}"), "20:30: a number from 1 to 1000000 is expected"},
      {limited("{misses: {count: 5, percent: 101}}"), "20:42: a number from 0 to 100 is expected"},
      {limited("{misses: {count: 5, window: 1h}}"), "20:33: unknown key \"window\""},
      {limited("{guesses: {count: 0}}"), "20:31: a number from 1 to 1000000 is expected"},
      {limited("{reveals: []}"), "20:23: the list is empty"},
      {limited("{reveals: [{count: 5}]}"), "20:24: the key \"window\" is missing"},
      {limited("{reveals: [{count: 5, window: 60}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: 0m}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: 01h}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: h}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: 1d}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: 25h}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 5, window: 99999999999h}]}"), "20:43: " + std::string(window)},
      {limited("{reveals: [{count: 9, window: 1h}, {count: 5, window: 1h}]}"),
       "20:48: its window must be longer than that of the one before"},
      {limited("{reveals: [{count: 9, window: 1h}, {count: 9, window: 2h}]}"),
       "20:48: its count must be larger: the one before would never decide"},
      {limited("{reveals: [{count: 9, window: 1h}, {count: 18, window: 2h}]}"),
       "20:48: it would never decide: the one before lets no more through"},
      {limited("{distinct_cards: {count: 100001, window: 1h}}"),
       "20:38: a number from 1 to 100000 is expected"},
      {limited("{reveals: [{count: 9, window: 2h}], distinct_cards: {count: 9, window: 1h}}"),
       "20:65: it would never decide: \"reveals\" lets no more through"},
      {Replaced("    resources: [\"tenants/acme/keys/*\"]\n",
                "    resources: [\"tenants/acme/keys/*\"]\n    limits: {misses: {count: 5}}\n"),
       "25:22: \"misses\" goes with actions that name or look up tokens only"},
  };
  for (const auto& [text, fault] : cases) EXPECT_EQ(FaultOf(text), "p.yaml:" + fault) << text;
}

TEST(PolicyFileTest, LimitsOnRevealsGoWithWhatOpensCardsOnly) {
  for (const std::string limit :
       {"reveals: [{count: 9, window: 2h}]", "distinct_cards: {count: 9, window: 1h}"}) {
    std::string text = Replaced("    reveal: masked\n", "    limits: {" + limit + "}\n");
    EXPECT_OK(ParsePolicy(text, "p.yaml"));
    text.replace(text.find(", Detokenize"), 12, "");
    EXPECT_THAT(FaultOf(text), HasSubstr("goes with Detokenize and ConvertToken only"));
  }
}

TEST(PolicyFileTest, LimitsOnSignaturesGoWithEveryActionThatSignsAndNoOther) {
  const auto rule = [](const std::string& action, const std::string& limits) {
    return With("  - id: limited\n    roles: [data]\n    actions: [" + action +
                "]\n    resources: [tenants/acme/keys/bank]\n    limits: {" + limits + "}\n");
  };
  for (const std::string limit : {"signatures", "key_signatures"}) {
    const std::string once = limit + ": [{count: 9, window: 2h}]";
    for (const char* action :
         {"Sign", "SignDigest", "SignJws", "SignHttpMessage", "SignWebhook", "SignCose"}) {
      EXPECT_OK(ParsePolicy(rule(action, once), "p.yaml")) << action;
    }
    EXPECT_EQ(FaultOf(rule("Verify", once)), "p.yaml:33:" + std::to_string(16 + limit.size()) +
                                                 ": \"" + limit +
                                                 "\" goes with actions that sign only");
    EXPECT_THAT(FaultOf(rule("Sign", limit + ": []")), HasSubstr("the list is empty"));
    EXPECT_THAT(FaultOf(rule("Sign", limit + ": [{count: 0, window: 1m}]")),
                HasSubstr("a number from 1 to 1000000000 is expected"));
    EXPECT_THAT(
        FaultOf(rule("Sign", limit + ": [{count: 9, window: 2h}, {count: 10, window: 1h}]")),
        HasSubstr("its window must be longer"));
    EXPECT_THAT(
        FaultOf(rule("Sign", limit + ": [{count: 9, window: 1h}, {count: 18, window: 2h}]")),
        HasSubstr("it would never decide"));
  }
  const auto policy =
      ParsePolicy(rule("SignJws, Verify",
                       "signatures: [{count: 9, window: 1m}, {count: 90, window: 24h}], "
                       "key_signatures: [{count: 1000000000, window: 10m}]"),
                  "p.yaml");
  ASSERT_OK(policy);
  const Limits& limits = (*policy)->rules.back().limits;
  ASSERT_EQ(limits.signatures.size(), 2U);
  EXPECT_EQ(limits.signatures[1].count, 90U);
  EXPECT_EQ(limits.signatures[1].window, absl::Hours(24));
  ASSERT_EQ(limits.key_signatures.size(), 1U);
  EXPECT_EQ(limits.key_signatures[0].count, 1'000'000'000U);
  EXPECT_EQ(limits.key_signatures[0].window, absl::Minutes(10));
  EXPECT_EQ(Describe(limits, Action::kSignJws),
            "9 signatures in 1m, 90 signatures in 24h, 1000000000 signatures by the key in 10m");
  EXPECT_EQ(Describe(limits, Action::kVerify), "");
}

TEST(PolicyFileTest, LimitsHoursAndAddressesAreRead) {
  const auto policy = ParsePolicy(Replaced("    reveal: masked\n", R"(    limits:
      guesses: {count: 30}
      reveals: [{count: 1000, window: 90m}, {count: 10000, window: 24h}]
      distinct_cards: {count: 500, window: 24h}
    hours:
      - {days: [mon, fri], from: "08:00", to: "18:00"}
      - {days: [sun], from: "00:00", to: "24:00"}
    addresses: [192.0.2.0/24, "2001:db8::/32"]
)"),
                                  "p.yaml");
  ASSERT_OK(policy);
  const Rule& rule = (*policy)->rules[0];
  EXPECT_EQ(rule.limits.guesses.count, 30U);
  ASSERT_EQ(rule.limits.reveals.size(), 2U);
  EXPECT_EQ(rule.limits.reveals[0].count, 1000U);
  EXPECT_EQ(rule.limits.reveals[0].window, absl::Minutes(90));
  EXPECT_EQ(rule.limits.reveals[1].window, absl::Hours(24));
  EXPECT_EQ(rule.limits.distinct_cards->count, 500U);
  EXPECT_EQ(rule.addresses.size(), 2U);
  const auto at = [](int day, int hour) {
    return absl::FromCivil(absl::CivilHour(2026, 1, day, hour), absl::UTCTimeZone());
  };
  EXPECT_TRUE(rule.hours.Contain(at(5, 8)));  // Monday
  EXPECT_FALSE(rule.hours.Contain(at(5, 18)));
  EXPECT_FALSE(rule.hours.Contain(at(6, 9)));   // Tuesday
  EXPECT_TRUE(rule.hours.Contain(at(9, 17)));   // Friday
  EXPECT_TRUE(rule.hours.Contain(at(11, 23)));  // Sunday
}

TEST(PolicyFileTest, EveryFaultOfHoursAndAddressesIsNamedWithItsPlace) {
  const auto with = [](std::string_view text) {
    return Replaced("    reveal: masked\n", "    " + std::string(text) + "\n");
  };
  const std::string hours =
      "days of mon, tue, wed, thu, fri, sat, sun and times of one day in UTC are expected, such as "
      "from \"08:00\" to \"18:00\", at most \"24:00\"";
  const std::string addresses =
      "a range of addresses is expected, such as 192.0.2.0/24 or 2001:db8::/32, with no bits "
      "behind "
      "the prefix";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {with("hours: []"), "20:12: the list is empty"},
      {with("hours: [{days: [mon], from: \"08:00\"}]"), "20:13: the key \"to\" is missing"},
      {with("hours: [{days: [], from: \"08:00\", to: \"09:00\"}]"), "20:20: the list is empty"},
      {with("hours: [{days: [mon, mon], from: \"08:00\", to: \"09:00\"}]"), "20:26: listed twice"},
      {with("hours: [{days: [Monday], from: \"08:00\", to: \"09:00\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"08:00\", to: \"08:00\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"22:00\", to: \"06:00\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"8:00\", to: \"09:00\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"08:60\", to: \"09:00\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"08:00\", to: \"24:01\"}]"), "20:13: " + hours},
      {with("hours: [{days: [mon], from: \"08:00\", to: \"12:00\"},"
            " {days: [mon], from: \"09:00\", to: \"12:00\"}]"),
       "20:56: the hours before cover all of these"},
      {with("addresses: []"), "20:16: the list is empty"},
      {with("addresses: [192.0.2.1/24]"), "20:17: " + addresses},
      {with("addresses: [192.0.2.0/24, 192.0.2.0/24]"), "20:31: listed twice"},
  };
  for (const auto& [text, fault] : cases) EXPECT_EQ(FaultOf(text), "p.yaml:" + fault) << text;
}

// The good policy with the first rule for Detokenize alone, and this in place of what it reveals.
std::string Detokenizes(std::string_view text) {
  std::string policy = Replaced("    reveal: masked\n", "    " + std::string(text) + "\n");
  return policy.replace(policy.find("Tokenize, Detokenize"), 20, "Detokenize");
}

TEST(PolicyFileTest, RiskThresholdsAreRead) {
  const auto all = ParsePolicy(
      Detokenizes("reveal: full\n    risk: {masked_from: 40, last4_from: 60, denied_from: 80}"),
      "p.yaml");
  ASSERT_OK(all);
  EXPECT_EQ((*all)->rules[0].risk.masked_from, 40U);
  EXPECT_EQ((*all)->rules[0].risk.last4_from, 60U);
  EXPECT_EQ((*all)->rules[0].risk.denied_from, 80U);
  EXPECT_EQ((*all)->rules[0].reveal, Reveal::kFull);
  const auto one = ParsePolicy(Detokenizes("risk: {denied_from: 100}"), "p.yaml");
  ASSERT_OK(one);
  EXPECT_FALSE((*one)->rules[0].risk.masked_from.has_value());
  EXPECT_EQ((*one)->rules[0].risk.denied_from, 100U);
  const auto masked = ParsePolicy(
      Detokenizes("reveal: masked\n    risk: {last4_from: 1, denied_from: 2}"), "p.yaml");
  EXPECT_OK(masked);
  EXPECT_TRUE((*ParsePolicy(kGood, "p.yaml"))->rules[0].risk.empty());
}

TEST(PolicyFileTest, EveryFaultOfARiskThresholdIsNamedWithItsPlace) {
  const auto risk = [](std::string_view reveal, std::string_view thresholds) {
    return Detokenizes("reveal: " + std::string(reveal) + "\n    risk: " + std::string(thresholds));
  };
  const std::string nothing = "it narrows nothing: the rule reveals no more than that";
  const std::string higher = "it must be higher than that of what shows more";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {risk("full", "50"), "21:11: a mapping is expected"},
      {risk("full", "{}"),
       "21:11: one of \"masked_from\", \"last4_from\" and \"denied_from\" is expected"},
      {risk("full", "{full_from: 5}"), "21:12: unknown key \"full_from\""},
      {risk("full", "{masked_from: 0}"), "21:25: a number from 1 to 100 is expected"},
      {risk("full", "{denied_from: 101}"), "21:25: a number from 1 to 100 is expected"},
      {risk("full", "{denied_from: high}"), "21:25: a decimal number is expected"},
      {risk("masked", "{masked_from: 40}"), "21:25: " + nothing},
      {risk("last4", "{masked_from: 40, denied_from: 80}"), "21:25: " + nothing},
      {risk("last4", "{last4_from: 40}"), "21:24: " + nothing},
      {risk("full", "{masked_from: 40, last4_from: 40}"), "21:41: " + higher},
      {risk("full", "{last4_from: 60, masked_from: 70}"), "21:24: " + higher},
      {risk("full", "{masked_from: 40, denied_from: 40}"), "21:42: " + higher},
      {risk("masked", "{last4_from: 60, denied_from: 59}"), "21:41: " + higher},
      {Detokenizes("risk: {last4_from: 40}"), "20:24: " + nothing},
      {Replaced("reveal: masked", "risk: {denied_from: 40}"),
       "20:11: \"risk\" goes with the action Detokenize alone"},
      {Replaced("resources: [auditLog]", "resources: [auditLog]\n    risk: {denied_from: 40}"),
       "29:11: \"risk\" goes with the action Detokenize alone"},
  };
  for (const auto& [text, fault] : cases) EXPECT_EQ(FaultOf(text), "p.yaml:" + fault) << text;
}

TEST(PolicyFileTest, ARuleBehindOneWithThresholdsDecidesNothingAtAnyScore) {
  EXPECT_THAT(FaultOf(Detokenizes("risk: {denied_from: 40}") +
                      "  - id: later\n    roles: [data]\n    actions: [Detokenize]\n"
                      "    resources: [tenants/acme/tokenProfiles/cards]\n    reveal: full\n"),
              HasSubstr("this rule can never decide"));
}

TEST(PolicyFileTest, ARuleOfCertainHoursOrAddressesLeavesTheRestToLaterOnes) {
  const std::string later =
      "  - id: later\n    roles: [data]\n    actions: [Tokenize]\n"
      "    resources: [tenants/acme/tokenProfiles/cards]\n";
  const auto with = [&](std::string_view first, std::string_view second) {
    return Replaced("    reveal: masked\n", "    " + std::string(first) + "\n") + later + "    " +
           std::string(second) + "\n";
  };
  const std::string day = "hours: [{days: [mon], from: \"08:00\", to: \"18:00\"}]";
  const std::string morning = "hours: [{days: [mon], from: \"08:00\", to: \"12:00\"}]";
  EXPECT_OK(ParsePolicy(with(day, "limits: {guesses: {count: 5}}"), "p.yaml"));
  EXPECT_OK(ParsePolicy(with(morning, day), "p.yaml"));
  EXPECT_THAT(FaultOf(with(day, morning)), HasSubstr("this rule can never decide"));
  EXPECT_OK(ParsePolicy(with("addresses: [10.1.0.0/16]", "addresses: [10.0.0.0/8]"), "p.yaml"));
  EXPECT_THAT(FaultOf(with("addresses: [10.0.0.0/8]", "addresses: [10.1.0.0/16]")),
              HasSubstr("this rule can never decide"));
}

TEST(PolicyFileTest, EveryFaultIsNamedWithItsPlace) {
  const std::string_view name =
      "a name is expected: lower-case letters, digits (at most 11) and dashes, at most 63";
  const std::string_view resource =
      "a resource is expected: tenants/{tenant}/tokenProfiles/{profile}, "
      "tenants/{tenant}/keys/{key}, openedKeys or auditLog";
  const std::string_view spiffe = "a SPIFFE ID is expected: spiffe://trust-domain/path";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Replaced("version: 1\n", ""), "1:1: the key \"version\" is missing"},
      {Replaced("version: 1", "version: 2"), "1:10: a number from 1 to 1 is expected"},
      {Replaced("version: 1", "version: 01"), "1:10: a decimal number is expected"},
      {Replaced("version: 1\n", "version: 1\nlimits: none\n"), "2:1: unknown key \"limits\""},
      {"version: 1\nprincipals: []\nrules: []\n", "2:13: the list is empty"},
      {"version: 1\nprincipals: 3\nrules: []\n", "2:13: a list is expected"},
      {Replaced("    kind: service\n", ""), "3:5: the key \"kind\" is missing"},
      {Replaced("kind: service", "kind: person"), "5:11: service, officer or auditor is expected"},
      {Replaced("kind: service", "kind: service\n    pin: 4711"), "6:5: unknown key \"pin\""},
      {Replaced("name: pay", "name: Pay"), "3:11: " + std::string(name)},
      {Replaced("name: pay", "name: 4111111111111111"), "3:11: " + std::string(name)},
      {Replaced("name: pay", "name: " + std::string(64, 'a')), "3:11: " + std::string(name)},
      {Replaced("name: chief", "name: pay"), "7:5: a second principal of this name"},
      {Replaced("dev.example/chief", "dev.example/pay"),
       "7:5: a second principal of this identity"},
      {Replaced("roles: [data]", "roles: [data, data]"), "6:19: listed twice"},
      {Replaced("roles: [data]", "roles: []"), "6:12: the list is empty"},
      {Replaced("spiffe://dev.example/pay", "https://dev.example/pay"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://dev.example"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://dev.example/"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe:///pay"), "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://Dev.example/pay"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://dev.example/a/../pay"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://dev.example/a//pay"),
       "4:15: " + std::string(spiffe)},
      {Replaced("spiffe://dev.example/pay", "spiffe://dev.example/pay?x"),
       "4:15: " + std::string(spiffe)},
      {Replaced("id: chief-manages", "id: pay-uses"), "21:5: a second rule of this id"},
      {Replaced("Tokenize, Detokenize", "Tokenize, tokenize"), "18:25: unknown action"},
      {Replaced("Tokenize, Detokenize", "Detokenize, Detokenize"), "18:27: listed twice"},
      {Replaced("reveal: masked", "reveal: all"), "20:13: last4, masked or full is expected"},
      {Replaced("Tokenize, Detokenize", "Tokenize"),
       "20:13: \"reveal\" goes with the action Detokenize only"},
      {Replaced("reveal: masked", "purposes: [settlement]"),
       "20:15: \"purposes\" goes with the action Detokenize alone"},
      {Replaced("tokenProfiles/cards", "profiles/cards"), "19:17: " + std::string(resource)},
      {Replaced("acme/tokenProfiles/cards", "acme/tokens"), "19:17: " + std::string(resource)},
      {Replaced("tokenProfiles/cards", "tokenProfiles/ca*"), "19:17: " + std::string(resource)},
      {Replaced("acme/tokenProfiles/cards", "a/b/tokenProfiles/cards"),
       "19:17: " + std::string(resource)},
      {Replaced("tokenProfiles/cards", "tokenProfiles/cards/x"), "19:17: " + std::string(resource)},
      {Replaced("[auditLog]", "[auditLog, \"tenants/acme/keys/*\"]"),
       "28:27: no action of this rule is one on this resource"},
      {Replaced("[ExportAudit]", "[ExportAudit, Sign]"),
       "27:28: no resource of this rule is one for this action"},
      {Replaced("\"tenants/acme/keys/*\"", "tenants/acme/keys/one"),
       "23:26: ListKeys needs a resource tenants/{tenant}/keys/*"},
      {Replaced("[CreateKey, ListKeys]\n    resources: [\"tenants/acme/keys/*\"]",
                "[CreatePartnerKey, ListPartnerKeys]\n    resources: [tenants/acme/partnerKeys/a]"),
       "23:33: ListPartnerKeys needs a resource tenants/{tenant}/partnerKeys/*"},
      {Replaced("[CreateKey, ListKeys]\n    resources: [\"tenants/acme/keys/*\"]",
                "[GetRetentionReport]\n    resources: [tenants/acme/tokenProfiles/cards]"),
       "23:15: GetRetentionReport needs a resource tenants/{tenant}/tokenProfiles/*"},
      {Replaced("[CreateKey, ListKeys]", "[CreateKey, CreatePartnerKey]"),
       "23:26: no resource of this rule is one for this action"},
      // Rules that can never decide.
      {Replaced("roles: [keys]\n    actions", "roles: [keys, officers]\n    actions"),
       "22:19: no principal has this role"},
      {With("  - id: again\n    roles: [data]\n    actions: [Tokenize]\n"
            "    resources: [tenants/acme/tokenProfiles/cards]\n"),
       "29:5: this rule can never decide: earlier rules cover all of it"},
      // Separation of duties.
      {Replaced("[CreateKey, ListKeys]", "[CreateKey, Sign]"),
       "23:26: separation of duties: an officer may only manage keys"},
      {Replaced("[Tokenize, Detokenize]\n    resources: [tenants/acme/tokenProfiles/cards]\n"
                "    reveal: masked",
                "[Verify, DisablePartnerKey]\n    resources: [\"tenants/acme/partnerKeys/*\"]"),
       "18:23: separation of duties: a service may only use data"},
      {Replaced("roles: [data]", "roles: [data, keys]"),
       "23:15: separation of duties: a service may only use data"},
      {Replaced("roles: [log]", "roles: [log, data]"),
       "18:15: separation of duties: an auditor may only read the log"},
      {Replaced("roles: [keys]", "roles: [keys, log]"),
       "27:15: separation of duties: an officer may only manage keys"},
  };
  for (const auto& [text, fault] : cases) EXPECT_EQ(FaultOf(text), "p.yaml:" + fault) << text;
}

TEST(PolicyFileTest, ARuleThatAddsAnythingIsAccepted) {
  const std::string head = "  - id: again\n    roles: [data]\n    actions: [";
  EXPECT_OK(ParsePolicy(
      With(head + "Tokenize]\n    resources: [\"tenants/acme/tokenProfiles/*\"]\n"), "p.yaml"));
  EXPECT_OK(ParsePolicy(With(head + "Verify]\n    resources: [\"tenants/acme/partnerKeys/*\"]\n"),
                        "p.yaml"));
  EXPECT_OK(ParsePolicy(
      With(head + "GetToken]\n    resources: [tenants/acme/tokenProfiles/cards]\n"), "p.yaml"));
}

TEST(PolicyFileTest, RulesThatOnlyTogetherCoverALaterOneMakeItUnreachable) {
  const std::string text = Replaced("    reveal: masked\n", "") +
                           "  - id: all-profiles\n    roles: [data]\n    actions: [Detokenize]\n"
                           "    resources: [tenants/acme/tokenProfiles/other]\n"
                           "    purposes: [fraud]\n"
                           "  - id: both\n    roles: [data]\n    actions: [Detokenize]\n"
                           "    resources: [tenants/acme/tokenProfiles/cards,"
                           " tenants/acme/tokenProfiles/other]\n"
                           "    purposes: [fraud]\n";
  EXPECT_EQ(FaultOf(text),
            "p.yaml:33:5: this rule can never decide: earlier rules cover all of it");
  std::string wider = text;
  wider.replace(wider.rfind("[fraud]"), 7, "[fraud, refund]");
  EXPECT_OK(ParsePolicy(wider, "p.yaml"));
}

TEST(PolicyFileTest, ARoleOfTwoPrincipalsIsCoveredOnlyIfItIsForBoth) {
  // "pay" alone has the earlier rule; for "bank" the later rule decides.
  std::string text =
      Replaced("rules:\n",
               "  - name: bank\n    identity: spiffe://dev.example/bank\n    kind: service\n"
               "    roles: [late]\nrules:\n");
  text.replace(text.find("roles: [data]"), 13, "roles: [data, late]");
  text +=
      "  - id: later\n    roles: [late]\n    actions: [Tokenize]\n"
      "    resources: [tenants/acme/tokenProfiles/cards]\n";
  EXPECT_OK(ParsePolicy(text, "p.yaml"));
}

TEST(PolicyFileTest, NoFaultQuotesAValue) {
  for (const char* key : {"name: pay", "kind: service", "id: pay-uses", "reveal: masked"}) {
    const std::string name(key, std::string_view(key).find(':'));
    EXPECT_THAT(FaultOf(Replaced(key, name + ": 4111111111111111")), Not(HasSubstr("4111")));
  }
}

TEST(PolicyFileTest, AFileIsLoadedAndAMissingOneSaysWhich) {
  const keysvc::testing::TemporaryDirectory directory;
  const std::string path = directory.File("policy.yaml");
  EXPECT_EQ(LoadPolicy(path).status().message(), path + ": cannot be read");
  EXPECT_EQ(LoadPolicy(directory.path()).status().message(), directory.path() + ": cannot be read");
  keysvc::testing::WriteFile(path, kGood);
  EXPECT_OK(LoadPolicy(path));
  keysvc::testing::WriteFile(path, "version: 2\n");
  EXPECT_THAT(LoadPolicy(path), HasReason(Reason::kPolicyInvalid));
}

TEST(PolicyFileTest, TheExampleGivesEachPrincipalExactlyItsDuty) {
  const auto policy = LoadPolicy(KEYSVC_SOURCE_DIR "/deploy/policy.example.yaml");
  ASSERT_OK(policy);
  const Circumstances anywhere = {.time = std::nullopt, .address = {}, .open = true};
  const auto allowed = [&](std::string_view who, std::string_view resource,
                           std::string_view purpose = {}) {
    std::string names;
    for (const Principal& principal : (*policy)->principals) {
      if (principal.name != who) continue;
      for (const Action action : AllActions()) {
        if ((*policy)->Decide(principal, action, resource, purpose, anywhere) == nullptr) continue;
        names += std::string(names.empty() ? "" : " ") + std::string(NameOf(action));
      }
    }
    return names;
  };
  const std::string cards = "tenants/acme/tokenProfiles/cards";
  const std::string key = "tenants/acme/keys/webhooks";
  EXPECT_EQ(allowed("checkout", cards), "Tokenize GetToken DeleteToken");
  EXPECT_EQ(allowed("checkout", cards, "settlement"), "Tokenize GetToken DeleteToken");
  EXPECT_EQ(allowed("checkout", "tenants/acme/tokenProfiles/receipts"),
            "Tokenize GetToken DeleteToken ListTokens");
  EXPECT_EQ(allowed("checkout", key), "");
  EXPECT_EQ(allowed("checkout", "tenants/acme/keys/card-fingerprint"), "FingerprintCard");
  EXPECT_EQ(allowed("settlement", cards), "ConvertToken UpdateTokenCard");
  EXPECT_EQ(allowed("settlement", "tenants/acme/keys/card-fingerprint"),
            "Sign SignJws SignHttpMessage SignWebhook SignCose Verify GetPublicKey");
  EXPECT_EQ(allowed("settlement", cards, "settlement"), "Detokenize ConvertToken UpdateTokenCard");
  EXPECT_EQ(allowed("settlement", key),
            "Sign SignJws SignHttpMessage SignWebhook SignCose Verify GetPublicKey");
  EXPECT_EQ(allowed("migration", cards), "");
  EXPECT_EQ(allowed("migration", "tenants/acme/tokenProfiles/former-vault"), "ImportTokens");
  EXPECT_EQ(allowed("fraud", cards, "settlement"), "LookUpToken SuspendToken ResumeToken");
  EXPECT_EQ(allowed("fraud", cards, "fraud-screening"),
            "Detokenize LookUpToken SuspendToken ResumeToken");
  for (const char* officer : {"officer-1", "officer-2"}) {
    EXPECT_EQ(
        allowed(officer, key),
        "GetPublicKey CreateKey RotateKey DeliverKey ImportKey CreateCertificateSigningRequest "
        "AttachCertificate ListKeys GetKey");
    EXPECT_EQ(
        allowed(officer, "tenants/acme/keys"),
        "GetPublicKey CreateKey RotateKey DeliverKey ImportKey CreateCertificateSigningRequest "
        "AttachCertificate ListKeys GetKey");
    EXPECT_EQ(allowed(officer, cards), "");
    EXPECT_EQ(allowed(officer, "auditLog"), "");
  }
  const std::string partner_key = "tenants/acme/partnerKeys/bank";
  EXPECT_EQ(allowed("settlement", partner_key), "Verify");
  EXPECT_EQ(allowed("officer-1", partner_key),
            "CreatePartnerKey DisablePartnerKey ListPartnerKeys GetPartnerKey");
  EXPECT_EQ(allowed("officer-1", "tenants/acme/partnerKeys"),
            "CreatePartnerKey DisablePartnerKey ListPartnerKeys GetPartnerKey");
  for (const char* other : {"checkout", "fraud", "auditor"}) {
    EXPECT_EQ(allowed(other, partner_key), "");
  }
  EXPECT_EQ(allowed("auditor", "auditLog"), "ExportAudit GetCheckpoint");
  EXPECT_EQ(allowed("auditor", cards), "GetRetentionReport");
  EXPECT_EQ(allowed("auditor", "tenants/acme/tokenProfiles"), "GetRetentionReport");
  EXPECT_EQ(allowed("auditor", key), "");
}

}  // namespace
}  // namespace keysvc::policy
