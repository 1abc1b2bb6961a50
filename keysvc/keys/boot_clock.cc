#include "keysvc/keys/boot_clock.h"

#include <time.h>

namespace keysvc::keys {

absl::Duration TimeSinceBoot() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace keysvc::keys
