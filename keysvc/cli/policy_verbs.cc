#include <memory>
#include <string>

#include "keysvc/cli/policy_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddCheck(Verbs& verbs, CLI::App& policy) {
  const auto file = std::make_shared<std::string>();
  CLI::App& verb = verbs.Local(policy, "check", "Reads a policy file; says where it is wrong.",
                               "keysvc policy check policy.yaml", With(file, CheckPolicy));
  AddFile(verb, "file", *file, "The policy")->required();
}

void AddExplain(Verbs& verbs, CLI::App& policy) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App& verb = verbs.Local(
      policy, "explain", "Says which rule decides. Exits with 1 when it is denied.",
      "keysvc policy explain --policy policy.yaml --principal checkout --action Tokenize "
      "--resource tenants/acme/tokenProfiles/cards",
      With(options, ExplainPolicy));
  const auto option = [&](const char* name, std::string& target, const char* help) {
    return verb.add_option(name, target, help)->option_text("TEXT");
  };
  option("--policy", options->policy_file, "The policy file")->required();
  option("--principal", options->principal, "Who, by name or certificate identity")->required();
  option("--action", options->action, "What, such as Detokenize")->required();
  option("--resource", options->resource, "On what, a resource name")->required();
  option("--purpose", options->purpose, "What for");
  option("--at", options->at, "When, such as 2026-01-05T10:00:00Z; now if not given");
  option("--address", options->address, "The caller's address");
  AddRiskScore(verb, options->risk_score);
}

void AddTest(Verbs& verbs, CLI::App& policy) {
  const auto options = std::make_shared<TestPolicyOptions>();
  CLI::App& verb = verbs.Local(
      policy, "test", "Runs a file of cases. Exits with 1 when the policy decides any otherwise.",
      "keysvc policy test --policy policy.yaml --cases policy.cases.yaml",
      With(options, TestPolicy));
  AddFile(verb, "--policy", options->policy_file, "The policy file")->required();
  AddFile(verb, "--cases", options->cases_file, "The cases")->required();
}

}  // namespace

void AddPolicyVerbs(Verbs& verbs) {
  CLI::App& policy = verbs.Group("policy", "Checks and explains policy files, offline.");
  AddCheck(verbs, policy);
  AddExplain(verbs, policy);
  AddTest(verbs, policy);
}

}  // namespace keysvc::cli
