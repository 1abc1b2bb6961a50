#include "keysvc/cli/policy_commands.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "keysvc/cli/file.h"
#include "policy/limits.h"
#include "policy/name.h"
#include "policy/policy.h"
#include "policy/policy_cases.h"
#include "policy/risk.h"
#include "status/macros.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kPolicyLimit = std::size_t{4} << 20;

absl::StatusOr<std::shared_ptr<const policy::Policy>> Load(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kPolicyLimit));
  return policy::ParsePolicy(text, file);
}

ExitCode BadArgument(std::string_view what) {
  std::cerr << "error: " << what << std::endl;
  return ExitCode::kUsage;
}

// What a score does under a rule with thresholds: "70: masked from 40, last4 from 60".
std::string RiskText(const policy::Rule& rule, std::optional<std::uint32_t> score) {
  const std::string asserted = score.has_value()
                                   ? absl::StrCat(*score)
                                   : absl::StrCat("none stated, so ", policy::kHighestRisk);
  return absl::StrCat(asserted, ": ", policy::Describe(rule.risk));
}

}  // namespace

ExitCode CheckPolicy(const std::string& file, Output& output) {
  const auto policy = Load(file);
  if (!policy.ok()) return Report(policy.status());
  output.Show({{"principals", static_cast<std::int64_t>((*policy)->principals.size())},
               {"rules", static_cast<std::int64_t>((*policy)->rules.size())},
               {"digest", (*policy)->digest}});
  return ExitCode::kOk;
}

ExitCode ExplainPolicy(const ExplainOptions& options, Output& output) {
  const auto loaded = Load(options.policy_file);
  if (!loaded.ok()) return Report(loaded.status());
  const policy::Policy& policy = **loaded;
  const std::optional<policy::Action> action = policy::ActionNamed(options.action);
  if (!action.has_value()) return BadArgument("--action names no action");
  const auto principal =
      std::find_if(policy.principals.begin(), policy.principals.end(), [&](const auto& candidate) {
        return candidate.name == options.principal || candidate.identity == options.principal;
      });
  if (principal == policy.principals.end()) {
    return BadArgument("--principal names nobody in this policy");
  }
  absl::Time at = absl::Now();
  if (!options.at.empty() && !absl::ParseTime(absl::RFC3339_full, options.at, &at, nullptr)) {
    return BadArgument("--at is no time such as 2026-01-05T10:00:00Z");
  }
  if (!options.address.empty() && !policy::ParseAddress(options.address).has_value()) {
    return BadArgument("--address is no address such as 192.0.2.7");
  }
  const auto decided = [&](const std::string& resource,
                           const policy::Circumstances& circumstances) {
    return policy.Decide(*principal, *action, resource, options.purpose, circumstances);
  };
  const policy::Rule* rule = decided(options.resource, {at, options.address});
  if (rule == nullptr) {
    Fields fields = {{"decision", "denied"}, {"rule", "none matches"}};
    if (const policy::Rule* elsewhere =
            decided(options.resource, {.time = std::nullopt, .address = {}, .open = true});
        elsewhere != nullptr) {
      fields.emplace_back("but_for", "the hours or addresses of " + elsewhere->id);
    }
    output.Show(fields);
    return ExitCode::kNo;
  }
  // Before a token has told its profile the rule's thresholds say nothing.
  const std::optional<policy::Reveal> reveal =
      policy::NamesUndecidedTokens(options.resource)
          ? rule->reveal
          : policy::Narrowed(rule->reveal, rule->risk, options.risk_score);
  Fields fields = {{"decision", reveal.has_value() ? "allowed" : "denied"}, {"rule", rule->id}};
  if (*action == policy::Action::kDetokenize) {
    if (reveal.has_value()) fields.emplace_back("reveal", std::string(policy::NameOf(*reveal)));
    if (!rule->risk.empty()) fields.emplace_back("risk", RiskText(*rule, options.risk_score));
  }
  if (!reveal.has_value()) {
    output.Show(fields);
    return ExitCode::kNo;
  }
  policy::Limits limits = rule->limits;
  // Misses are held against the rule that lets the call in, before the token's profile is known.
  if (const auto profile = options.resource.find("/tokenProfiles/");
      policy::NamesTokens(*action) && profile != std::string::npos) {
    const policy::Rule* first =
        decided(options.resource.substr(0, profile) + "/tokens", {at, options.address});
    if (first != nullptr) limits.misses = first->limits.misses;
  }
  if (const std::string text = policy::Describe(limits, *action); !text.empty()) {
    fields.emplace_back("limits", text);
  }
  output.Show(fields);
  return ExitCode::kOk;
}

ExitCode TestPolicy(const TestPolicyOptions& options, Output& output) {
  const auto policy = Load(options.policy_file);
  if (!policy.ok()) return Report(policy.status());
  const auto text = ReadFile(options.cases_file, kPolicyLimit);
  if (!text.ok()) return Report(text.status());
  const auto cases = policy::ParsePolicyCases(*text, options.cases_file);
  if (!cases.ok()) return Report(cases.status());
  std::int64_t failed = 0;
  for (const policy::PolicyCase& expected : *cases) {
    const std::optional<std::string> fault = policy::FaultOf(expected, **policy);
    if (!fault.has_value()) continue;
    std::cerr << *fault << std::endl;
    ++failed;
  }
  output.Show({{"cases", static_cast<std::int64_t>(cases->size())}, {"failed", failed}});
  return failed == 0 ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace keysvc::cli
