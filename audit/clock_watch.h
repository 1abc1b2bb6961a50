#ifndef KEYSVC_AUDIT_CLOCK_WATCH_H_
#define KEYSVC_AUDIT_CLOCK_WATCH_H_

#include <optional>

#include "absl/time/time.h"

namespace keysvc::audit {

// Time since the machine started, sleep included: a clock that nobody sets.
absl::Duration SinceBoot();

// Notices when the wall clock is set to another time (PCI DSS 10.6.3), by the clock that nobody
// sets. Slewing, by which a time service corrects a clock without a step, is none. Not thread-safe.
class ClockWatch {
 public:
  struct Reading {
    absl::Time wall;
    absl::Duration steady;
  };
  struct Step {
    absl::Time from;  // what the wall clock would show without it
    absl::Time to;
  };

  explicit ClockWatch(const Reading& start) : accepted_(start) {}

  // The step of more than a second between the accepted reading and this one.
  std::optional<Step> StepBefore(const Reading& now) const;
  // What later readings are compared with.
  void Accept(const Reading& now);
  // The wall clock without the steps that set it forward: to judge by what is not to end early
  // because somebody set the clock. A step back takes an earlier one forward back.
  absl::Time Unstepped(const Reading& now) const;
  // The wall clock without any of the steps, forward or back: for how much time has passed.
  absl::Time Steady(const Reading& now) const;

 private:
  absl::Duration SteppedUntil(const Reading& now) const;

  Reading accepted_;
  absl::Duration stepped_;  // by all accepted steps
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CLOCK_WATCH_H_
