#ifndef KEYSVC_BENCH_DEPLOYMENT_H_
#define KEYSVC_BENCH_DEPLOYMENT_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/child_process.h"
#include "keysvc/config.h"
#include "tokenizer/profile.h"

namespace keysvc::bench {

// A throw-away deployment in a new folder, with the service on it as a process of its own. Both go
// with the object. Not thread-safe.
class Deployment {
 public:
  static constexpr char kProfile[] = "tenants/acme/tokenProfiles/measured";

  // `parent`: where the folder is made; its disk is what is measured. `maker`: the path of
  // deploy/development. `programs`: the folder of keysvcd. `module`: that of
  // the configuration, SoftHSM2 when empty. Declares the profile kProfile of the family. Sets
  // SOFTHSM2_CONF for this process, so that the ceilings can use the same token.
  static absl::StatusOr<std::unique_ptr<Deployment>> Make(const std::string& parent,
                                                          const std::string& maker,
                                                          const std::string& programs,
                                                          tokenizer::Family family,
                                                          const std::string& module);
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  absl::Status StartService();
  absl::Status StopService();

  const std::string& folder() const { return folder_; }
  std::string config_file() const { return folder_ + "/config.yaml"; }
  const Config& config() const { return config_; }
  // While the service runs: host:port and the process.
  const std::string& address() const { return address_; }
  pid_t service() const { return service_ == nullptr ? 0 : service_->id(); }

 private:
  absl::Status Configure(tokenizer::Family family, const std::string& module);
  explicit Deployment(std::string folder, std::string programs)
      : folder_(std::move(folder)), programs_(std::move(programs)) {}

  const std::string folder_;
  const std::string programs_;
  Config config_;
  std::string address_;
  std::unique_ptr<ChildProcess> service_;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_DEPLOYMENT_H_
