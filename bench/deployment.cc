#include "bench/deployment.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(60);

// Whether callers get in each other's way is seen by two who do the same. Continues the rules of
// deploy/policy.example.yaml, with which the file ends.
constexpr char kSecondSigner[] = R"(
  - id: checkout-signs
    roles: [tokenizing]
    actions: [Sign]
    resources: [tenants/acme/keys/*]
)";

}  // namespace

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Make(const std::string& parent,
                                                             const std::string& maker,
                                                             const std::string& programs) {
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
  ASSIGN_OR_RETURN(deployment->config_, LoadConfig(deployment->config_file()));
  std::ofstream policy(deployment->config_.policy_file, std::ios::app);
  policy << kSecondSigner;
  policy.close();
  if (!policy) return absl::UnavailableError("the policy cannot be written to");
  return deployment;
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
