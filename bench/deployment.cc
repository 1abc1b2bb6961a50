#include "bench/deployment.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/file.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(60);

// Whether callers get in each other's way is seen by two who do the same. Continues the rules of
// deploy/policy.example.yaml, with which the file ends.
constexpr char kRules[] = R"(
  - id: checkout-signs
    roles: [tokenizing]
    actions: [Sign]
    resources: [tenants/acme/keys/*]
  - id: settlement-reveals-measured
    roles: [settling]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/measured]
    purposes: [settlement]
    reveal: full
)";

constexpr std::string_view kModule = "\n  module: ";
constexpr std::string_view kProfiles = "\ntoken_profiles:\n";
constexpr char kMeasured[] = "  - tenant: acme\n    name: measured\n    number: 100\n";

std::string LinesOf(tokenizer::Family family) {
  switch (family) {
    case tokenizer::Family::kOpaque:
      break;
    case tokenizer::Family::kNumeric:
      return "    deterministic: true\n    family: numeric\n";
    case tokenizer::Family::kExternal:
      return "    deterministic: true\n    family: external\n";
    case tokenizer::Family::kEmv:
      return "    deterministic: false\n"
             "    family: emv\n"
             "    emv:\n"
             "      issued_range: {prefix: \"999901\", length: 16}\n"
             "      attestation: For measurements; no card has such a number\n"
             "      token_requestor_id: \"40010030273\"\n"
             "      months_valid: 36\n";
    case tokenizer::Family::kFf1:
      return "    deterministic: true\n"
             "    family: ff1\n"
             "    ff1: {shortest_card: 16, longest_card: 16, keep_first: 6, keep_last: 0, "
             "luhn_offset: 1}\n";
  }
  return "    deterministic: true\n";
}

constexpr std::size_t kConfigLimit = std::size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Make(const std::string& parent,
                                                             const std::string& maker,
                                                             const std::string& programs,
                                                             tokenizer::Family family,
                                                             const std::string& module) {
  std::string folder = parent + "/keysvc-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat("no folder can be made in ", parent));
  }
  std::unique_ptr<Deployment> deployment(new Deployment(std::move(folder), programs));
  setenv("KEYSVCD", (programs + "/keysvcd").c_str(), 1);
  setenv("SOFTHSM2_CONF", (deployment->folder_ + "/softhsm2.conf").c_str(), 1);
  // Port 0: the service chooses a free one and says which.
  ASSIGN_OR_RETURN(const auto making, ChildProcess::Start({maker, deployment->folder_, "0"},
                                                          deployment->folder_ + "/making.log"));
  RETURN_IF_ERROR(making->Wait());
  RETURN_IF_ERROR(deployment->Configure(family, module));
  ASSIGN_OR_RETURN(deployment->config_, LoadConfig(deployment->config_file()));
  std::ofstream policy(deployment->config_.policy_file, std::ios::app);
  policy << kRules;
  policy.close();
  if (!policy) return absl::UnavailableError("the policy cannot be written to");
  return deployment;
}

absl::Status Deployment::Configure(tokenizer::Family family, const std::string& module) {
  ASSIGN_OR_RETURN(std::string config, cli::ReadFile(config_file(), kConfigLimit));
  const auto found = config.find(kProfiles);
  if (found == std::string::npos) return absl::InternalError("the example has no token profiles");
  config.insert(found + kProfiles.size(), kMeasured + LinesOf(family));
  if (!module.empty()) {
    const auto line = config.find(kModule);
    if (line == std::string::npos) return absl::InternalError("the example names no module");
    const std::size_t path = line + kModule.size();
    config.replace(path, config.find('\n', path) - path, absl::StrCat("\"", module, "\""));
  }
  return cli::WriteFile(config_file(), config);
}

Deployment::~Deployment() {
  service_.reset();
  std::error_code gone;
  std::filesystem::remove_all(folder_, gone);
}

absl::Status Deployment::StartService() {
  ASSIGN_OR_RETURN(service_,
                   ChildProcess::Start({programs_ + "/keysvcd", "--config", config_file()},
                                       folder_ + "/keysvcd.log"));
  ASSIGN_OR_RETURN(address_, service_->AwaitLine("serving on ", kStartPatience));
  return absl::OkStatus();
}

absl::Status Deployment::StopService() {
  if (service_ == nullptr) return absl::OkStatus();
  const std::unique_ptr<ChildProcess> stopping = std::move(service_);
  return stopping->Stop();
}

}  // namespace keysvc::bench
