#ifndef KEYSVC_KEYSVC_RPC_HEALTH_MONITOR_H_
#define KEYSVC_KEYSVC_RPC_HEALTH_MONITOR_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "grpcpp/health_check_service_interface.h"

namespace keysvc::rpc {

// Keeps the standard health service in step with what the services stand on: all of them need the
// journal, and SigningService, KeyService and the whole ("") also the HSM, which is asked for one
// real operation. Thread-safe.
class HealthMonitor {
 public:
  // `probe_hsm` may block. The first look is taken before the constructor returns.
  HealthMonitor(grpc::HealthCheckServiceInterface& health, const audit::Journal& journal,
                std::function<absl::Status()> probe_hsm,
                absl::Duration interval = absl::Seconds(5));
  // Stop(), if nobody did.
  ~HealthMonitor();
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // Says NOT_SERVING for good. Idempotent.
  void Stop();

 private:
  void Look();
  void Run();

  grpc::HealthCheckServiceInterface& health_;
  const audit::Journal& journal_;
  const std::function<absl::Status()> probe_hsm_;
  const absl::Duration interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_HEALTH_MONITOR_H_
