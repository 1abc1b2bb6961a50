#include "policy/policy.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace keysvc::policy {
namespace {

TEST(CoversTest, PatternsAndResourcesAreComparedSegmentBySegment) {
  struct Case {
    std::string_view pattern, resource;
    bool covered;
  };
  for (const Case& c : std::vector<Case>{
           {"tenants/acme/keys/a", "tenants/acme/keys/a", true},
           {"tenants/acme/keys/a", "tenants/acme/keys/b", false},
           {"tenants/acme/keys/*", "tenants/acme/keys/b", true},
           {"tenants/*/keys/*", "tenants/acme/keys/b", true},
           {"tenants/acme/keys/*", "tenants/other/keys/b", false},
           {"tenants/acme/keys/*", "tenants/acme/tokenProfiles/b", false},
           {"tenants/acme/keys/*", "tenants/acme/keys/b/versions/1", false},
           {"tenants/acme/keys/*", "tenants/acme/keys/b/", false},
           {"tenants/*/keys/*", "tenants//keys/b", false},
           {"tenants/acme/keys/*", "tenants/acme/keys/", false},
           {"tenants/acme/keys/*", "", false},
           {"tenants/acme/keys/a", "tenants/acme/keys/*", false},
           {"auditLog", "auditLog", true},
           {"auditLog", "auditlog", false},
           // All keys of a tenant.
           {"tenants/acme/keys/*", "tenants/acme/keys", true},
           {"tenants/*/keys/*", "tenants/acme/keys", true},
           {"tenants/acme/keys/a", "tenants/acme/keys", false},
           {"tenants/other/keys/*", "tenants/acme/keys", false},
           {"tenants/acme/tokenProfiles/*", "tenants/acme/keys", false},
           // Of partners.
           {"tenants/acme/partnerKeys/*", "tenants/acme/partnerKeys/b", true},
           {"tenants/acme/partnerKeys/*", "tenants/acme/partnerKeys", true},
           {"tenants/acme/partnerKeys/b", "tenants/acme/partnerKeys", false},
           {"tenants/acme/keys/*", "tenants/acme/partnerKeys/b", false},
           {"tenants/acme/partnerKeys/*", "tenants/acme/keys/b", false},
           // All profiles of a tenant.
           {"tenants/acme/tokenProfiles/*", "tenants/acme/tokenProfiles", true},
           {"tenants/acme/tokenProfiles/cards", "tenants/acme/tokenProfiles", false},
           {"tenants/other/tokenProfiles/*", "tenants/acme/tokenProfiles", false},
           // Any profile of a tenant.
           {"tenants/acme/tokenProfiles/cards", "tenants/acme/tokens", true},
           {"tenants/*/tokenProfiles/*", "tenants/acme/tokens", true},
           {"tenants/other/tokenProfiles/*", "tenants/acme/tokens", false},
           {"tenants/acme/keys/*", "tenants/acme/tokens", false},
           {"tenants/acme/tokenProfiles/cards", "tenants/acme/tokens/tok_x", false},
       }) {
    EXPECT_EQ(Covers(c.pattern, c.resource), c.covered) << c.pattern << " " << c.resource;
  }
}

// One principal and one rule that covers everything; each test takes something away.
struct Decision {
  Principal principal{"checkout", "spiffe://x/y", PrincipalKind::kService, {"role"}};
  Policy policy;
  Action action = Action::kDetokenize;
  std::string resource = "tenants/acme/tokenProfiles/cards";
  std::string purpose;
  Circumstances circumstances = {.time = std::nullopt, .address = {}, .open = true};

  Decision() {
    policy.principals = {principal};
    policy.rules = {{"rule", {"role"}, {action}, {"tenants/acme/tokenProfiles/*"}, {}}};
  }
  std::string Taken() const {
    const Rule* rule = policy.Decide(principal, action, resource, purpose, circumstances);
    return rule == nullptr ? "denied" : rule->id;
  }
};

TEST(PolicyTest, EveryActionIsDeniedByDefault) {
  Policy empty;
  Decision d;
  for (const Action action : AllActions()) {
    for (const char* resource : {"tenants/acme/tokenProfiles/cards", "tenants/acme/tokens",
                                 "tenants/acme/keys/a", "tenants/acme/keys", "auditLog", ""}) {
      EXPECT_EQ(empty.Decide(d.principal, action, resource, "", {}), nullptr) << NameOf(action);
    }
  }
}

TEST(PolicyTest, AnActionImpliesNoOther) {
  for (const Action allowed : AllActions()) {
    for (const Action asked : AllActions()) {
      Decision d;
      d.policy.rules[0].actions = {allowed};
      d.action = asked;
      EXPECT_EQ(d.Taken(), allowed == asked ? "rule" : "denied")
          << NameOf(allowed) << " " << NameOf(asked);
    }
  }
}

TEST(PolicyTest, EveryListOfTheRuleMustMatch) {
  Decision d;
  EXPECT_EQ(d.Taken(), "rule");
  d.principal.roles = {"other"};
  EXPECT_EQ(d.Taken(), "denied");
  d = Decision();
  d.resource = "tenants/other/tokenProfiles/cards";
  EXPECT_EQ(d.Taken(), "denied");
}

TEST(PolicyTest, APurposeIsNeededWhereTheRuleListsSome) {
  Decision d;
  d.policy.rules[0].purposes = {"settlement", "refund"};
  EXPECT_EQ(d.Taken(), "denied");
  d.purpose = "refund";
  EXPECT_EQ(d.Taken(), "rule");
  d.purpose = "fraud";
  EXPECT_EQ(d.Taken(), "denied");
}

TEST(PolicyTest, APurposeThatNoRuleListsIsDeniedAlsoWhereNoneIsAskedFor) {
  Decision d;
  d.purpose = "4111111111111111";
  EXPECT_EQ(d.Taken(), "denied");
  d.purpose = "settlement";
  EXPECT_EQ(d.Taken(), "denied");
  d.policy.rules.push_back(
      {"second", {"nobody"}, {Action::kDetokenize}, {"tenants/*/tokenProfiles/*"}, {"settlement"}});
  EXPECT_EQ(d.Taken(), "rule");
}

TEST(PolicyTest, TheFirstRuleThatAllowsDecides) {
  Decision d;
  d.policy.rules.push_back(d.policy.rules[0]);
  d.policy.rules[1].id = "second";
  EXPECT_EQ(d.Taken(), "rule");
  d.policy.rules[0].actions = {Action::kTokenize};
  EXPECT_EQ(d.Taken(), "second");
}

TEST(PolicyTest, PrincipalsAreFoundByTheirWholeIdentity) {
  const Decision d;
  EXPECT_EQ(d.policy.FindByIdentity("spiffe://x/y"), &d.policy.principals[0]);
  EXPECT_EQ(d.policy.FindByIdentity("spiffe://x/"), nullptr);
  EXPECT_EQ(d.policy.FindByIdentity("spiffe://x/y/z"), nullptr);
  EXPECT_EQ(d.policy.FindByIdentity(""), nullptr);
}

TEST(PolicyTest, ARuleAllowsWithinItsHoursOnly) {
  Decision d;
  ASSERT_TRUE(d.policy.rules[0].hours.Add("mon", "08:00", "18:00"));
  const absl::Time monday =
      absl::FromCivil(absl::CivilMinute(2026, 1, 5, 8, 0), absl::UTCTimeZone());
  d.circumstances = {monday, "192.0.2.7"};
  EXPECT_EQ(d.Taken(), "rule");
  d.circumstances.time = monday - absl::Seconds(1);
  EXPECT_EQ(d.Taken(), "denied");
  d.circumstances.time = monday + absl::Hours(10);
  EXPECT_EQ(d.Taken(), "denied");
  d.circumstances.time = monday + absl::Hours(24);
  EXPECT_EQ(d.Taken(), "denied");
  d.circumstances.time = monday + absl::Hours(7 * 24) + absl::Minutes(599);
  EXPECT_EQ(d.Taken(), "rule");
  d.circumstances = {.time = std::nullopt, .address = {}, .open = true};
  EXPECT_EQ(d.Taken(), "rule");
}

TEST(PolicyTest, ARuleAllowsFromItsAddressesOnly) {
  Decision d;
  d.policy.rules[0].addresses = {*AddressRange::Parse("192.0.2.0/24"),
                                 *AddressRange::Parse("2001:db8::/32")};
  for (const char* address : {"192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"}) {
    d.circumstances = {absl::UnixEpoch(), address};
    EXPECT_EQ(d.Taken(), "rule") << address;
  }
  for (const char* address : {"192.0.3.7", "2001:db9::1", "fe80::1%eth0", "unknown", ""}) {
    d.circumstances = {absl::UnixEpoch(), address};
    EXPECT_EQ(d.Taken(), "denied") << address;
  }
}

TEST(PolicyTest, WhatARuleDoesNotAdmitALaterOneMay) {
  Decision d;
  d.policy.rules[0].addresses = {*AddressRange::Parse("192.0.2.0/24")};
  d.policy.rules.push_back(d.policy.rules[0]);
  d.policy.rules[1].id = "elsewhere";
  d.policy.rules[1].addresses.clear();
  d.circumstances = {absl::UnixEpoch(), "192.0.2.7"};
  EXPECT_EQ(d.Taken(), "rule");
  d.circumstances.address = "198.51.100.1";
  EXPECT_EQ(d.Taken(), "elsewhere");
}

}  // namespace
}  // namespace keysvc::policy
