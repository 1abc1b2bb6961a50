#include "keysvc/keys/use_reservations.h"

#include <condition_variable>
#include <mutex>

#include "status/macros.h"

namespace keysvc::keys {

absl::StatusOr<std::unique_ptr<UseReservations>> UseReservations::Start(KeyRegistry& registry,
                                                                        absl::Duration retry) {
  for (const KeyVersionName& version : registry.VersionsWithoutUses()) {
    RETURN_IF_ERROR(registry.ReserveUses(version));
  }
  return std::unique_ptr<UseReservations>(new UseReservations(registry, retry));
}

UseReservations::UseReservations(KeyRegistry& registry, absl::Duration retry)
    : registry_(registry),
      retry_(retry),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

UseReservations::~UseReservations() = default;

void UseReservations::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (true) {
    const std::set<KeyVersionName> wanted = registry_.uses().wanted().Await(stop);
    bool failed = false;
    for (const KeyVersionName& version : wanted) {
      if (stop.stop_requested()) return;
      if (registry_.ReserveUses(version).ok()) continue;
      registry_.uses().wanted().Add(version);
      failed = true;
    }
    if (stop.stop_requested()) return;
    if (!failed) continue;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, absl::ToChronoNanoseconds(retry_), [] { return false; });
  }
}

}  // namespace keysvc::keys
