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

  Decision() {
    policy.principals = {principal};
    policy.rules = {{"rule", {"role"}, {action}, {"tenants/acme/tokenProfiles/*"}, {}}};
  }
  std::string Taken() const {
    const Rule* rule = policy.Decide(principal, action, resource, purpose);
    return rule == nullptr ? "denied" : rule->id;
  }
};

TEST(PolicyTest, EveryActionIsDeniedByDefault) {
  Policy empty;
  Decision d;
  for (const Action action : AllActions()) {
    for (const char* resource : {"tenants/acme/tokenProfiles/cards", "tenants/acme/tokens",
                                 "tenants/acme/keys/a", "tenants/acme/keys", "auditLog", ""}) {
      EXPECT_EQ(empty.Decide(d.principal, action, resource, ""), nullptr) << NameOf(action);
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

}  // namespace
}  // namespace keysvc::policy
