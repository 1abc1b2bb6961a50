#include "keysvc/keys/use_reservations.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "status/macros.h"

namespace keysvc::keys {

absl::StatusOr<std::unique_ptr<UseReservations>> UseReservations::Start(KeyRegistry& registry,
                                                                        Alarm alarm,
                                                                        absl::Duration retry) {
  std::unique_ptr<UseReservations> reservations(
      new UseReservations(registry, std::move(alarm), retry));
  for (const KeyVersion& version : registry.CountedVersions()) {
    const auto uses = registry.uses().Find(version.name);
    if (version.parameters.purpose == Purpose::kData && uses->empty()) {
      RETURN_IF_ERROR(reservations->Reserve(version.name));
    } else if (!uses->exhausted()) {
      reservations->WarnDue(version.name, *uses);
    }
    reservations->WarnExhausted(version.name, *uses);
  }
  UseReservations* started = reservations.get();
  started->thread_ = std::jthread([started](const std::stop_token& stop) { started->Run(stop); });
  return reservations;
}

UseReservations::UseReservations(KeyRegistry& registry, Alarm alarm, absl::Duration retry)
    : registry_(registry), alarm_(std::move(alarm)), retry_(retry) {}

UseReservations::~UseReservations() = default;

absl::Status UseReservations::Reserve(const KeyVersionName& version) {
  const auto uses = registry_.uses().Find(version);
  const std::uint64_t before = uses->reserved();
  RETURN_IF_ERROR(registry_.ReserveUses(version));
  if (uses->reserved() > before) WarnDue(version, *uses);
  WarnExhausted(version, *uses);
  return absl::OkStatus();
}

void UseReservations::WarnDue(const KeyVersionName& version, const KeyUses& uses) const {
  if (uses.reserved() >= uses.limits().due()) alarm_("KEY_USES_DUE", version.ToString());
}

void UseReservations::WarnExhausted(const KeyVersionName& version, const KeyUses& uses) {
  if (uses.exhausted() && exhausted_.insert(version).second) {
    alarm_("KEY_USES_EXHAUSTED", version.ToString());
  }
}

void UseReservations::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (true) {
    const std::set<KeyVersionName> wanted = registry_.uses().wanted().Await(stop);
    bool failed = false;
    for (const KeyVersionName& version : wanted) {
      // What is not reserved any more here is wanted all the same.
      if (!stop.stop_requested() && Reserve(version).ok()) continue;
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
