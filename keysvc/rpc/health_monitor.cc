#include "keysvc/rpc/health_monitor.h"

#include <utility>

namespace keysvc::rpc {

HealthMonitor::HealthMonitor(grpc::HealthCheckServiceInterface& health,
                             const audit::Journal& journal, std::function<absl::Status()> probe_hsm,
                             absl::Duration interval)
    : health_(health), journal_(journal), probe_hsm_(std::move(probe_hsm)), interval_(interval) {
  Look();
  thread_ = std::thread([this] { Run(); });
}

HealthMonitor::~HealthMonitor() { Stop(); }

void HealthMonitor::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  health_.Shutdown();
}

void HealthMonitor::Look() {
  const bool records = journal_.healthy();
  const bool signs = records && probe_hsm_().ok();
  for (const char* service : {"keysvc.v1.TokenService", "keysvc.v1.AuditService"}) {
    health_.SetServingStatus(service, records);
  }
  for (const char* service : {"keysvc.v1.SigningService", "keysvc.v1.KeyService", ""}) {
    health_.SetServingStatus(service, signs);
  }
}

void HealthMonitor::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto pause = absl::ToChronoNanoseconds(interval_);
      if (wake_.wait_for(lock, pause, [this] { return stopping_; })) return;
    }
    Look();
  }
}

}  // namespace keysvc::rpc
