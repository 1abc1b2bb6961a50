#include "keysvc/cli/policy_commands.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>

#include "keysvc/cli/file.h"
#include "policy/policy.h"
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
  const policy::Rule* rule = policy.Decide(*principal, *action, options.resource, options.purpose);
  Fields fields = {{"decision", rule != nullptr ? "allowed" : "denied"},
                   {"rule", rule != nullptr ? rule->id : "none matches"}};
  if (rule != nullptr && *action == policy::Action::kDetokenize) {
    fields.emplace_back("reveal", std::string(policy::NameOf(rule->reveal)));
  }
  output.Show(fields);
  return rule != nullptr ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace keysvc::cli
