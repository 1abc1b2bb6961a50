#include "tests/fakes/fault_plan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::testing {
namespace {

FaultPlan PlanOf(std::string_view text) {
  auto rules = ParseFaultRules(text);
  EXPECT_OK(rules);
  return rules.ok() ? FaultPlan(*std::move(rules)) : FaultPlan();
}

Fault Next(FaultPlan& plan, std::string_view function) {
  Fault fault;
  plan.Meet(function, fault);
  return fault;
}

TEST(FaultPlan, StrikesTheCallsThatTheRuleNamesAndNoOthers) {
  FaultPlan plan = PlanOf("# two calls\n\nC_Sign 2..3 return CKR_DEVICE_ERROR\n");
  EXPECT_EQ(Next(plan, "C_Sign").instead, CKR_OK);
  EXPECT_EQ(Next(plan, "C_SignInit").instead, CKR_OK);
  EXPECT_EQ(Next(plan, "C_Sign").instead, CKR_DEVICE_ERROR);
  EXPECT_EQ(Next(plan, "C_Sign").instead, CKR_DEVICE_ERROR);
  EXPECT_EQ(Next(plan, "C_Sign").instead, CKR_OK);
}

TEST(FaultPlan, CountsEveryFunctionForAStar) {
  FaultPlan plan = PlanOf("* 3 kill before");
  EXPECT_FALSE(Next(plan, "C_SignInit").kill_before);
  EXPECT_FALSE(Next(plan, "C_Sign").kill_before);
  EXPECT_TRUE(Next(plan, "C_FindObjects").kill_before);
  EXPECT_FALSE(Next(plan, "C_FindObjects").kill_before);
}

TEST(FaultPlan, AddsUpWhatSeveralRulesSay) {
  FaultPlan plan = PlanOf(
      "C_Sign * delay 20\nC_Sign * delay 30\nC_Sign * hang gate\nC_Sign * kill after\n"
      "C_Sign * lose CKR_SESSION_CLOSED\nC_Sign * lose CKR_HOST_MEMORY\n"
      "C_GetTokenInfo * flags CKF_USER_PIN_LOCKED\n");
  const Fault fault = Next(plan, "C_Sign");
  EXPECT_EQ(fault.delay, std::chrono::milliseconds(50));
  EXPECT_EQ(fault.hang_on, std::vector<std::string>{"gate"});
  EXPECT_TRUE(fault.kill_after);
  EXPECT_FALSE(fault.kill_before);
  EXPECT_EQ(fault.afterwards, CKR_SESSION_CLOSED);
  EXPECT_EQ(fault.flags, 0U);
  EXPECT_EQ(Next(plan, "C_GetTokenInfo").flags, CKF_USER_PIN_LOCKED);
}

TEST(FaultPlan, StrikesByChanceAndTheSameWayForTheSameSeed) {
  const auto strikes = [](std::string_view rule) {
    FaultPlan plan = PlanOf(rule);
    std::string struck;
    for (int i = 0; i < 1000; ++i) struck += Next(plan, "C_Sign").instead == CKR_OK ? '.' : 'x';
    return struck;
  };
  const std::string once = strikes("C_Sign * return CKR_DEVICE_ERROR p=0.25 seed=7");
  EXPECT_NEAR(static_cast<double>(std::count(once.begin(), once.end(), 'x')), 250, 60);
  EXPECT_EQ(once, strikes("C_Sign * return CKR_DEVICE_ERROR p=0.25 seed=7"));
  EXPECT_NE(once, strikes("C_Sign * return CKR_DEVICE_ERROR p=0.25 seed=8"));
}

TEST(FaultPlan, RefusesWhatIsNoRuleAndSaysWhere) {
  for (const std::string line :
       {"C_Sing * return CKR_DEVICE_ERROR", "C_Sign 0 return CKR_DEVICE_ERROR",
        "C_Sign 3..2 return CKR_DEVICE_ERROR", "C_Sign x return CKR_DEVICE_ERROR",
        "C_Sign * return CKR_NONSENSE", "C_Sign * return CKR_OK", "C_Sign * return",
        "C_Sign * explode now", "C_Sign * delay -1", "C_Sign * kill sideways",
        "C_Sign * flags CKF_RNG", "C_Sign * return CKR_DEVICE_ERROR p=2",
        "C_Sign * return CKR_DEVICE_ERROR often"}) {
    const auto rules = ParseFaultRules("# a comment\n" + line);
    ASSERT_FALSE(rules.ok()) << line;
    EXPECT_EQ(std::string(rules.status().message()), "line 2 is no rule");
  }
}

}  // namespace
}  // namespace keysvc::testing
