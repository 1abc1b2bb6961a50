#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/digest.h"
#include "policy/limits_file.h"
#include "policy/name.h"
#include "policy/policy.h"
#include "policy/risk_file.h"
#include "policy/rule_checks.h"
#include "policy/strict_yaml.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc::policy {
namespace {

bool OnlyOf(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

// The SPIFFE ID of a workload (SPIFFE-ID, section 2): trust domain and a path.
bool IsSpiffeId(std::string_view text) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!text.starts_with(kScheme) || text.size() > 2048) return false;
  text.remove_prefix(kScheme.size());
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  if (!OnlyOf(text.substr(0, slash), "abcdefghijklmnopqrstuvwxyz0123456789.-_")) return false;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find('/'), text.size() - 1) + 1);
    const std::string_view segment = text.substr(0, text.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (!OnlyOf(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")) {
      return false;
    }
    text.remove_prefix(segment.size());
  }
  return true;
}

// What principals of the kind may do beside reading public keys, which is nobody's duty alone.
struct Duty {
  PrincipalKind kind;
  std::string_view kind_name;
  std::string_view fault;
};

constexpr auto kDuties = std::to_array<Duty>({
    {PrincipalKind::kService, "service", "separation of duties: a service may only use data"},
    {PrincipalKind::kOfficer, "officer", "separation of duties: an officer may only manage keys"},
    {PrincipalKind::kAuditor, "auditor", "separation of duties: an auditor may only read the log"},
});

bool Contains(const auto& list, const auto& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

absl::StatusOr<std::string> ReadName(const YamlNode& node) {
  ASSIGN_OR_RETURN(std::string name, node.AsString());
  if (!IsName(name)) {
    return node.Fault(
        "a name is expected: lower-case letters, digits (at most 11) and dashes, at most 63");
  }
  return name;
}

// The list under `key`: not empty, each item read by `read` and there once.
template <typename T, typename Read>
absl::StatusOr<std::vector<T>> ReadList(const YamlNode& parent, std::string_view key,
                                        const Read& read) {
  ASSIGN_OR_RETURN(const YamlNode list, parent.Get(key));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> items, list.Items());
  if (items.empty()) return list.Fault("the list is empty");
  std::vector<T> values;
  for (const YamlNode& item : items) {
    ASSIGN_OR_RETURN(T value, read(item));
    if (Contains(values, value)) return item.Fault("listed twice");
    values.push_back(std::move(value));
  }
  return values;
}

absl::StatusOr<std::string> ReadIdentity(const YamlNode& node) {
  ASSIGN_OR_RETURN(std::string identity, node.AsString());
  if (!IsSpiffeId(identity)) {
    return node.Fault("a SPIFFE ID is expected: spiffe://trust-domain/path");
  }
  return identity;
}

absl::StatusOr<PrincipalKind> ReadKind(const YamlNode& node) {
  ASSIGN_OR_RETURN(const std::string name, node.AsString());
  for (const Duty& duty : kDuties) {
    if (duty.kind_name == name) return duty.kind;
  }
  return node.Fault("service, officer or auditor is expected");
}

absl::StatusOr<Action> ReadAction(const YamlNode& node) {
  ASSIGN_OR_RETURN(const std::string name, node.AsString());
  if (const std::optional<Action> action = ActionNamed(name)) return *action;
  return node.Fault("unknown action");
}

absl::StatusOr<std::string> ReadPattern(const YamlNode& node) {
  ASSIGN_OR_RETURN(std::string pattern, node.AsString());
  if (!IsPattern(pattern)) {
    return node.Fault(
        "a resource is expected: tenants/{tenant}/tokenProfiles/{profile}, "
        "tenants/{tenant}/keys/{key}, openedKeys or auditLog");
  }
  return pattern;
}

absl::StatusOr<Principal> ReadPrincipal(const YamlNode& node) {
  RETURN_IF_ERROR(node.RequireKeys({"name", "identity", "kind", "roles"}));
  Principal principal;
  ASSIGN_OR_RETURN(const YamlNode name, node.Get("name"));
  ASSIGN_OR_RETURN(principal.name, ReadName(name));
  ASSIGN_OR_RETURN(const YamlNode identity, node.Get("identity"));
  ASSIGN_OR_RETURN(principal.identity, ReadIdentity(identity));
  ASSIGN_OR_RETURN(const YamlNode kind, node.Get("kind"));
  ASSIGN_OR_RETURN(principal.kind, ReadKind(kind));
  ASSIGN_OR_RETURN(principal.roles, ReadList<std::string>(node, "roles", ReadName));
  return principal;
}

absl::StatusOr<std::string> ReadWord(const YamlNode& node) { return node.AsString(); }

// A list of {days, from, to}. What adds no minute to those before is a fault.
absl::StatusOr<WeeklyHours> ReadHours(const YamlNode& node) {
  ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node.Items());
  if (items.empty()) return node.Fault("the list is empty");
  WeeklyHours hours;
  for (const YamlNode& item : items) {
    RETURN_IF_ERROR(item.RequireKeys({"days", "from", "to"}));
    ASSIGN_OR_RETURN(const auto days, ReadList<std::string>(item, "days", ReadWord));
    ASSIGN_OR_RETURN(const YamlNode from, item.Get("from"));
    ASSIGN_OR_RETURN(const std::string start, from.AsString());
    ASSIGN_OR_RETURN(const YamlNode to, item.Get("to"));
    ASSIGN_OR_RETURN(const std::string end, to.AsString());
    WeeklyHours added;
    for (const std::string& day : days) {
      if (!added.Add(day, start, end)) {
        return item.Fault(
            "days of mon, tue, wed, thu, fri, sat, sun and times of one day in UTC are expected, "
            "such as from \"08:00\" to \"18:00\", at most \"24:00\"");
      }
    }
    if (!hours.Merge(added)) return item.Fault("the hours before cover all of these");
  }
  return hours;
}

absl::StatusOr<AddressRange> ReadAddresses(const YamlNode& node) {
  ASSIGN_OR_RETURN(const std::string text, node.AsString());
  if (const std::optional<AddressRange> range = AddressRange::Parse(text)) return *range;
  return node.Fault(
      "a range of addresses is expected, such as 192.0.2.0/24 or 2001:db8::/32, with no bits "
      "behind the prefix");
}

std::string_view NoResourceFor(Action action) {
  if (action == Action::kListKeys) return "ListKeys needs a resource tenants/{tenant}/keys/*";
  if (action == Action::kListPartnerKeys) {
    return "ListPartnerKeys needs a resource tenants/{tenant}/partnerKeys/*";
  }
  if (action == Action::kGetRetentionReport) {
    return "GetRetentionReport needs a resource tenants/{tenant}/tokenProfiles/*";
  }
  return "no resource of this rule is one for this action";
}

absl::Status CheckActionsMeetResources(const YamlNode& node, const Rule& rule) {
  ASSIGN_OR_RETURN(const YamlNode actions, node.Get("actions"));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> action_nodes, actions.Items());
  for (std::size_t i = 0; i < rule.actions.size(); ++i) {
    if (std::none_of(rule.resources.begin(), rule.resources.end(),
                     [&](const auto& pattern) { return Meet(rule.actions[i], pattern); })) {
      return action_nodes[i].Fault(NoResourceFor(rule.actions[i]));
    }
  }
  ASSIGN_OR_RETURN(const YamlNode resources, node.Get("resources"));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> resource_nodes, resources.Items());
  for (std::size_t i = 0; i < rule.resources.size(); ++i) {
    if (std::none_of(rule.actions.begin(), rule.actions.end(),
                     [&](Action action) { return Meet(action, rule.resources[i]); })) {
      return resource_nodes[i].Fault("no action of this rule is one on this resource");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Rule> ReadRule(const YamlNode& node) {
  RETURN_IF_ERROR(node.RequireKeys({"id", "roles", "actions", "resources", "purposes", "reveal",
                                    "limits", "hours", "addresses", "risk"}));
  Rule rule;
  ASSIGN_OR_RETURN(const YamlNode id, node.Get("id"));
  ASSIGN_OR_RETURN(rule.id, ReadName(id));
  ASSIGN_OR_RETURN(rule.roles, ReadList<std::string>(node, "roles", ReadName));
  ASSIGN_OR_RETURN(rule.actions, ReadList<Action>(node, "actions", ReadAction));
  ASSIGN_OR_RETURN(rule.resources, ReadList<std::string>(node, "resources", ReadPattern));
  if (const std::optional<YamlNode> purposes = node.Find("purposes")) {
    ASSIGN_OR_RETURN(rule.purposes, ReadList<std::string>(node, "purposes", ReadName));
    // No other call can state one, so that the rest of the rule could never decide.
    if (rule.actions != std::vector<Action>{Action::kDetokenize}) {
      return purposes->Fault("\"purposes\" goes with the action Detokenize alone");
    }
  }
  if (const std::optional<YamlNode> reveal = node.Find("reveal")) {
    ASSIGN_OR_RETURN(const std::string name, reveal->AsString());
    const std::optional<Reveal> named = RevealNamed(name);
    if (!named.has_value()) return reveal->Fault("last4, masked or full is expected");
    if (!Contains(rule.actions, Action::kDetokenize)) {
      return reveal->Fault("\"reveal\" goes with the action Detokenize only");
    }
    rule.reveal = *named;
  }
  if (const std::optional<YamlNode> risk = node.Find("risk")) {
    // No other call can state a score, so that the rest of the rule would be for the riskiest.
    if (rule.actions != std::vector<Action>{Action::kDetokenize}) {
      return risk->Fault("\"risk\" goes with the action Detokenize alone");
    }
    ASSIGN_OR_RETURN(rule.risk, ReadRisk(*risk, rule.reveal));
  }
  if (const std::optional<YamlNode> limits = node.Find("limits")) {
    ASSIGN_OR_RETURN(rule.limits, ReadLimits(*limits, rule.actions));
  }
  if (const std::optional<YamlNode> hours = node.Find("hours")) {
    ASSIGN_OR_RETURN(rule.hours, ReadHours(*hours));
  }
  if (node.Find("addresses").has_value()) {
    ASSIGN_OR_RETURN(rule.addresses, ReadList<AddressRange>(node, "addresses", ReadAddresses));
  }
  RETURN_IF_ERROR(CheckActionsMeetResources(node, rule));
  return rule;
}

absl::Status CheckRolesAndDuties(const YamlNode& node, const Rule& rule, const Policy& policy) {
  ASSIGN_OR_RETURN(const YamlNode roles, node.Get("roles"));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> role_nodes, roles.Items());
  for (std::size_t i = 0; i < rule.roles.size(); ++i) {
    if (std::none_of(policy.principals.begin(), policy.principals.end(),
                     [&](const auto& held) { return Contains(held.roles, rule.roles[i]); })) {
      return role_nodes[i].Fault("no principal has this role");
    }
  }
  ASSIGN_OR_RETURN(const YamlNode actions, node.Get("actions"));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> action_nodes, actions.Items());
  for (const Principal& principal : policy.principals) {
    if (!Holds(principal, rule)) continue;
    for (std::size_t i = 0; i < rule.actions.size(); ++i) {
      if (IsDutyOf(principal.kind, rule.actions[i])) continue;
      return action_nodes[i].Fault(kDuties.at(static_cast<std::size_t>(principal.kind)).fault);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<YamlNode>> ReadItems(const YamlNode& root, std::string_view key) {
  ASSIGN_OR_RETURN(const YamlNode list, root.Get(key));
  ASSIGN_OR_RETURN(std::vector<YamlNode> items, list.Items());
  if (items.empty()) return list.Fault("the list is empty");
  return items;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Policy>> ParsePolicy(std::string_view text,
                                                          std::string_view file_name) {
  ASSIGN_OR_RETURN(const YamlNode root, YamlNode::Parse(text, file_name, Reason::kPolicyInvalid));
  RETURN_IF_ERROR(root.RequireKeys({"version", "principals", "rules"}));
  ASSIGN_OR_RETURN(const YamlNode version, root.Get("version"));
  RETURN_IF_ERROR(version.AsInteger(1, 1).status());

  auto policy = std::make_shared<Policy>();
  policy->digest = absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(text))));
  ASSIGN_OR_RETURN(const std::vector<YamlNode> principals, ReadItems(root, "principals"));
  for (const YamlNode& node : principals) {
    ASSIGN_OR_RETURN(Principal principal, ReadPrincipal(node));
    for (const Principal& earlier : policy->principals) {
      if (earlier.name == principal.name) return node.Fault("a second principal of this name");
      if (earlier.identity == principal.identity) {
        return node.Fault("a second principal of this identity");
      }
    }
    policy->principals.push_back(std::move(principal));
  }

  ASSIGN_OR_RETURN(const std::vector<YamlNode> rules, ReadItems(root, "rules"));
  for (const YamlNode& node : rules) {
    ASSIGN_OR_RETURN(Rule rule, ReadRule(node));
    for (const Rule& earlier : policy->rules) {
      if (earlier.id == rule.id) return node.Fault("a second rule of this id");
    }
    RETURN_IF_ERROR(CheckRolesAndDuties(node, rule, *policy));
    policy->rules.push_back(std::move(rule));
    if (!CanDecide(*policy, policy->rules.size() - 1)) {
      return node.Fault("this rule can never decide: earlier rules cover all of it");
    }
  }
  return policy;
}

absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in.is_open() || !(text << in.rdbuf())) {
    return Error(Reason::kPolicyInvalid, absl::StrCat(path, ": cannot be read"));
  }
  return ParsePolicy(text.str(), path);
}

}  // namespace keysvc::policy
