#ifndef KEYSVC_AUDIT_CLOCK_QUALITY_H_
#define KEYSVC_AUDIT_CLOCK_QUALITY_H_

#include <map>
#include <string>

struct timex;

namespace keysvc::audit {

// What the kernel says of the wall clock, as details of a record: `clock` is "synchronized",
// "unsynchronized" or, where it may not be asked, "unknown"; `clock_error_ms` is by how much a
// synchronized one may be wrong. Thread-safe.
std::map<std::string, std::string> ClockQuality();

// The same from what adjtimex(2) gave: its result and what it filled in.
std::map<std::string, std::string> ClockQualityOf(int state, const timex& kernel);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CLOCK_QUALITY_H_
