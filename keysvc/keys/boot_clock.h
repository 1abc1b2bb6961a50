#ifndef KEYSVC_KEYSVC_KEYS_BOOT_CLOCK_H_
#define KEYSVC_KEYSVC_KEYS_BOOT_CLOCK_H_

#include "absl/time/time.h"

namespace keysvc::keys {

// The time since the machine started, during which it may have slept. Nobody can set this clock, so
// that a jump of the wall clock stretches no lifetime. Thread-safe.
absl::Duration TimeSinceBoot();

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_BOOT_CLOCK_H_
