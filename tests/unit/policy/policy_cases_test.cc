#include "policy/policy_cases.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::policy {
namespace {

using keysvc::testing::HasReason;

constexpr std::string_view kPolicy = R"(version: 1
principals:
  - {name: pay, identity: spiffe://dev.example/pay, kind: service, roles: [data]}
rules:
  - id: by-day
    roles: [data]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/cards]
    purposes: [settlement]
    reveal: full
    # Thursday too, the day that the clocks of computers begin with.
    hours: [{days: [mon, thu], from: "00:00", to: "18:00"}]
    addresses: [192.0.2.0/24]
  - id: always
    roles: [data]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/cards]
    reveal: masked
)";

constexpr std::string_view kAsked =
    "principal: pay, action: Detokenize, resource: tenants/acme/tokenProfiles/cards";
constexpr std::string_view kByDay =
    "purpose: settlement, at: \"2026-01-05T10:00:00Z\", address: 192.0.2.7";

// The policy up to where this text begins.
std::string Without(std::string_view policy, std::string_view end) {
  return std::string(policy.substr(0, policy.find(end)));
}

std::string Cases(std::string_view one) {
  return "version: 1\ncases:\n  - {" + std::string(one) + "}\n";
}

// What is wrong with the one case; empty when nothing is.
std::string Judged(std::string_view more) {
  const auto policy = ParsePolicy(kPolicy, "p.yaml");
  EXPECT_OK(policy);
  const auto cases =
      ParsePolicyCases(Cases(std::string(kAsked) + ", " + std::string(more)), "c.yaml");
  if (!cases.ok()) return std::string(cases.status().message());
  EXPECT_EQ(cases->size(), 1U);
  return FaultOf(cases->front(), **policy).value_or("");
}

TEST(PolicyCasesTest, ACaseHoldsWhereTheRuleDecidesThatItNames) {
  const std::string by_day(kByDay);
  EXPECT_EQ(Judged(by_day + ", allowed_by: by-day, reveal: full"), "");
  EXPECT_EQ(Judged(by_day + ", allowed_by: always"), "c.yaml:3:5: allowed by by-day");
  EXPECT_EQ(Judged(by_day + ", allowed_by: by-day, reveal: masked"), "c.yaml:3:5: reveals full");
  EXPECT_EQ(Judged(by_day + ", denied: true"), "c.yaml:3:5: allowed by by-day");
}

TEST(PolicyCasesTest, ADenialHoldsForItsOwnReasonOnly) {
  EXPECT_EQ(Judged("purpose: curiosity, denied: true"), "c.yaml:3:5: no rule lists this purpose");
  const auto policy = ParsePolicy(Without(kPolicy, "  - id: always"), "p.yaml");
  ASSERT_OK(policy);
  const std::string incomplete =
      "c.yaml:3:5: the time or the address decides; the case must say it";
  const std::string asked = std::string(kAsked) + ", purpose: settlement, denied: true";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {asked, incomplete},
      {asked + ", at: \"2026-01-05T10:00:00Z\"", incomplete},
      {asked + ", address: 192.0.2.7", incomplete},
      {asked + ", at: \"2026-01-06T10:00:00Z\"", ""},
      {asked + ", address: 192.0.3.7", ""},
      {asked + ", at: \"2026-01-06T10:00:00Z\", address: 192.0.2.7", ""},
      {std::string(kAsked) + ", denied: true", ""},
  };
  for (const auto& [text, fault] : cases) {
    const auto parsed = ParsePolicyCases(Cases(text), "c.yaml");
    ASSERT_OK(parsed);
    EXPECT_EQ(FaultOf(parsed->front(), **policy).value_or(""), fault) << text;
  }
}

TEST(PolicyCasesTest, ACaseSaysWhenAndFromWhere) {
  EXPECT_EQ(Judged("purpose: settlement, at: \"2026-01-05T18:00:00Z\", address: 192.0.2.7, "
                   "allowed_by: always"),
            "");
  EXPECT_EQ(Judged("purpose: settlement, at: \"2026-01-05T10:00:00Z\", address: 192.0.3.7, "
                   "allowed_by: always"),
            "");
  for (const char* missing : {"at: \"2026-01-05T10:00:00Z\", ", "address: 192.0.2.7, ", ""}) {
    EXPECT_EQ(Judged(absl::StrCat("purpose: settlement, ", missing, "allowed_by: always")),
              "c.yaml:3:5: the time or the address decides; the case must say it");
  }
}

TEST(PolicyCasesTest, ACaseStatesTheRiskScoreThatDecides) {
  const std::string policy = Without(kPolicy, "    # Thursday") +
                             "    risk: {masked_from: 40, denied_from: 80}\n  - id: always" +
                             std::string(kPolicy.substr(kPolicy.find("  - id: always") + 14));
  const auto judged = [&](std::string_view more) {
    const auto parsed = ParsePolicy(policy, "p.yaml");
    EXPECT_OK(parsed);
    const auto cases = ParsePolicyCases(
        Cases(absl::StrCat(std::string(kAsked), ", ", std::string(more))), "c.yaml");
    EXPECT_OK(cases);
    return FaultOf(cases->front(), **parsed).value_or("");
  };
  const std::string settles = "purpose: settlement, ";
  EXPECT_EQ(judged(settles + "risk_score: 39, allowed_by: by-day, reveal: full"), "");
  EXPECT_EQ(judged(settles + "risk_score: 40, allowed_by: by-day, reveal: masked"), "");
  EXPECT_EQ(judged(settles + "risk_score: 40, allowed_by: by-day, reveal: full"),
            "c.yaml:3:5: reveals masked");
  EXPECT_EQ(judged(settles + "risk_score: 80, denied: true"), "");
  EXPECT_EQ(judged(settles + "risk_score: 79, denied: true"), "c.yaml:3:5: allowed by by-day");
  EXPECT_EQ(judged(settles + "risk_score: 80, allowed_by: by-day"),
            "c.yaml:3:5: denied for its risk by by-day");
  // Which is denied, and would be for want of a score alone.
  for (const char* expected : {"denied: true", "allowed_by: by-day", "allowed_by: always"}) {
    EXPECT_EQ(judged(settles + expected),
              "c.yaml:3:5: the risk score decides; the case must say it");
  }
  // Where the rule has no thresholds it decides nothing, whether it is stated or not.
  EXPECT_EQ(judged("risk_score: 100, allowed_by: always, reveal: masked"), "");
  EXPECT_EQ(judged("allowed_by: always, reveal: masked"), "");
}

TEST(PolicyCasesTest, ACaseOfNobodyInThePolicyNeverHolds) {
  const auto policy = ParsePolicy(kPolicy, "p.yaml");
  const auto cases = ParsePolicyCases(
      Cases("principal: nobody, action: Sign, resource: tenants/acme/keys/a, denied: true"),
      "c.yaml");
  ASSERT_OK(cases);
  EXPECT_EQ(FaultOf(cases->front(), **policy), "c.yaml:3:5: the policy names no such principal");
}

TEST(PolicyCasesTest, EveryFaultIsNamedWithItsPlace) {
  const std::string asked(kAsked);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"version: 1\ncases: []\n", "2:8: the list is empty"},
      {"version: 2\ncases: []\n", "1:10: a number from 1 to 1 is expected"},
      {Cases("principal: pay"), "3:5: the key \"action\" is missing"},
      {Cases("principal: pay, action: Destroy"), "3:5: unknown action"},
      {Cases("principal: pay, action: Sign, resource: tenants/acme/tokenProfiles/cards"),
       "3:5: the action goes with no resource of this form"},
      {Cases("principal: pay, action: Detokenize, resource: tenants/acme/tokenprofiles/cards"),
       "3:5: the action goes with no resource of this form"},
      {Cases("principal: pay, action: Detokenize, resource: tenants/acme/tokenProfiles/*"),
       "3:5: one resource is expected, not a pattern of them"},
      {Cases(asked + ", address: 192.0.2.999, denied: true"),
       "3:5: an address is expected, such as 192.0.2.7 or 2001:db8::7"},
      {Cases("principal: pay, action: ListKeys, resource: tenants/acme/keys"),
       "3:5: one of \"allowed_by\" and \"denied\" is expected"},
      {Cases(asked), "3:5: one of \"allowed_by\" and \"denied\" is expected"},
      {Cases(asked + ", denied: true, allowed_by: always"),
       "3:5: one of \"allowed_by\" and \"denied\" is expected"},
      {Cases(asked + ", allowedby: always"), "3:86: unknown key \"allowedby\""},
      {Cases(asked + ", denied: false"),
       "3:94: true is expected; \"allowed_by\" says by which rule"},
      {Cases(asked + ", at: monday, denied: true"),
       "3:90: a time is expected, such as 2026-01-05T10:00:00Z"},
      {Cases(asked + ", risk_score: 101, denied: true"),
       "3:98: a number from 0 to 100 is expected"},
      {Cases("principal: pay, action: GetToken, resource: tenants/acme/tokenProfiles/cards, "
             "risk_score: 10, denied: true"),
       "3:96: \"risk_score\" goes with the action Detokenize only"},
      {Cases(asked + ", denied: true, reveal: full"), "3:108: what is denied reveals nothing"},
      {Cases("principal: pay, action: GetToken, resource: tenants/acme/tokenProfiles/cards, "
             "allowed_by: always, reveal: masked"),
       "3:112: \"reveal\" goes with the action Detokenize only"},
  };
  for (const auto& [text, fault] : cases) {
    const auto parsed = ParsePolicyCases(text, "c.yaml");
    EXPECT_THAT(parsed, HasReason(Reason::kPolicyInvalid));
    EXPECT_EQ(parsed.status().message(), "c.yaml:" + fault) << text;
  }
}

TEST(PolicyCasesTest, TheExamplePolicyDecidesAsItsCasesSay) {
  const auto policy = LoadPolicy(KEYSVC_SOURCE_DIR "/deploy/policy.example.yaml");
  ASSERT_OK(policy);
  const auto cases = ParsePolicyCases(
      keysvc::testing::ReadFile(KEYSVC_SOURCE_DIR "/deploy/policy.example.cases.yaml"), "c.yaml");
  ASSERT_OK(cases);
  for (const PolicyCase& expected : *cases) {
    EXPECT_EQ(FaultOf(expected, **policy), std::nullopt);
  }
}

}  // namespace
}  // namespace keysvc::policy
