#include "policy/policy_cases.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/risk.h"
#include "policy/rule_checks.h"
#include "policy/strict_yaml.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::policy {
namespace {

absl::StatusOr<std::string> WordOf(const YamlNode& node, std::string_view key) {
  ASSIGN_OR_RETURN(const YamlNode value, node.Get(key));
  return value.AsString();
}

absl::StatusOr<std::string> OptionalWordOf(const YamlNode& node, std::string_view key) {
  return node.Find(key).has_value() ? WordOf(node, key) : std::string();
}

absl::Status ReadExpectation(const YamlNode& node, PolicyCase& expected) {
  const std::optional<YamlNode> denied = node.Find("denied");
  if (denied.has_value() == node.Find("allowed_by").has_value()) {
    return node.Fault("one of \"allowed_by\" and \"denied\" is expected");
  }
  if (denied.has_value()) {
    ASSIGN_OR_RETURN(const bool is_denied, denied->AsBool());
    if (!is_denied) return denied->Fault("true is expected; \"allowed_by\" says by which rule");
  }
  ASSIGN_OR_RETURN(expected.allowed_by, OptionalWordOf(node, "allowed_by"));
  if (const std::optional<YamlNode> reveal = node.Find("reveal")) {
    if (denied.has_value()) return reveal->Fault("what is denied reveals nothing");
    if (expected.action != Action::kDetokenize) {
      return reveal->Fault("\"reveal\" goes with the action Detokenize only");
    }
    ASSIGN_OR_RETURN(const std::string name, reveal->AsString());
    expected.reveal = RevealNamed(name);
    if (!expected.reveal.has_value()) return reveal->Fault("last4, masked or full is expected");
  }
  return absl::OkStatus();
}

absl::StatusOr<PolicyCase> ReadCase(const YamlNode& node) {
  RETURN_IF_ERROR(node.RequireKeys({"principal", "action", "resource", "purpose", "at", "address",
                                    "risk_score", "allowed_by", "denied", "reveal"}));
  PolicyCase expected;
  expected.place = node.Place();
  ASSIGN_OR_RETURN(expected.principal, WordOf(node, "principal"));
  ASSIGN_OR_RETURN(const std::string action_name, WordOf(node, "action"));
  const std::optional<Action> action = ActionNamed(action_name);
  if (!action.has_value()) return node.Fault("unknown action");
  expected.action = *action;
  ASSIGN_OR_RETURN(expected.resource, WordOf(node, "resource"));
  if (expected.resource.find('*') != std::string::npos) {
    return node.Fault("one resource is expected, not a pattern of them");
  }
  const bool all = NamesCollection(expected.resource);
  if (!Meet(expected.action, all ? expected.resource + "/*" : expected.resource)) {
    return node.Fault("the action goes with no resource of this form");
  }
  ASSIGN_OR_RETURN(expected.purpose, OptionalWordOf(node, "purpose"));
  ASSIGN_OR_RETURN(expected.address, OptionalWordOf(node, "address"));
  if (!expected.address.empty() && !ParseAddress(expected.address).has_value()) {
    return node.Fault("an address is expected, such as 192.0.2.7 or 2001:db8::7");
  }
  if (const std::optional<YamlNode> at = node.Find("at")) {
    ASSIGN_OR_RETURN(const std::string text, at->AsString());
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) {
      return at->Fault("a time is expected, such as 2026-01-05T10:00:00Z");
    }
    expected.time = time;
  }
  if (const std::optional<YamlNode> risk_score = node.Find("risk_score")) {
    if (expected.action != Action::kDetokenize) {
      return risk_score->Fault("\"risk_score\" goes with the action Detokenize only");
    }
    ASSIGN_OR_RETURN(const std::int64_t score, risk_score->AsInteger(0, kHighestRisk));
    expected.risk_score = static_cast<std::uint32_t>(score);
  }
  RETURN_IF_ERROR(ReadExpectation(node, expected));
  return expected;
}

}  // namespace

absl::StatusOr<std::vector<PolicyCase>> ParsePolicyCases(std::string_view text,
                                                         std::string_view file_name) {
  ASSIGN_OR_RETURN(const YamlNode root, YamlNode::Parse(text, file_name, Reason::kPolicyInvalid));
  RETURN_IF_ERROR(root.RequireKeys({"version", "cases"}));
  ASSIGN_OR_RETURN(const YamlNode version, root.Get("version"));
  RETURN_IF_ERROR(version.AsInteger(1, 1).status());
  ASSIGN_OR_RETURN(const YamlNode list, root.Get("cases"));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> items, list.Items());
  if (items.empty()) return list.Fault("the list is empty");
  std::vector<PolicyCase> cases;
  for (const YamlNode& item : items) {
    ASSIGN_OR_RETURN(PolicyCase expected, ReadCase(item));
    cases.push_back(std::move(expected));
  }
  return cases;
}

std::optional<std::string> FaultOf(const PolicyCase& expected, const Policy& policy) {
  const auto principal =
      std::find_if(policy.principals.begin(), policy.principals.end(),
                   [&](const auto& candidate) { return candidate.name == expected.principal; });
  if (principal == policy.principals.end()) {
    return absl::StrCat(expected.place, ": the policy names no such principal");
  }
  if (!expected.purpose.empty() && !policy.KnowsPurpose(expected.purpose)) {
    return absl::StrCat(expected.place, ": no rule lists this purpose");
  }
  const auto decided = [&](bool open) {
    return policy.Decide(*principal, expected.action, expected.resource, expected.purpose,
                         {expected.time, expected.address, open});
  };
  const Rule* rule = decided(false);
  if (decided(true) != rule) {
    return absl::StrCat(expected.place, ": the time or the address decides; the case must say it");
  }
  if (rule == nullptr) {
    if (expected.allowed_by.empty()) return std::nullopt;
    return absl::StrCat(expected.place, ": denied");
  }
  if (!rule->risk.empty() && !expected.risk_score.has_value()) {
    return absl::StrCat(expected.place, ": the risk score decides; the case must say it");
  }
  const std::optional<Reveal> reveal = Narrowed(rule->reveal, rule->risk, expected.risk_score);
  if (!reveal.has_value()) {
    if (expected.allowed_by.empty()) return std::nullopt;
    return absl::StrCat(expected.place, ": denied for its risk by ", rule->id);
  }
  if (rule->id != expected.allowed_by) {
    return absl::StrCat(expected.place, ": allowed by ", rule->id);
  }
  if (expected.reveal.has_value() && *reveal != *expected.reveal) {
    return absl::StrCat(expected.place, ": reveals ", ToAbsl(NameOf(*reveal)));
  }
  return std::nullopt;
}

}  // namespace keysvc::policy
