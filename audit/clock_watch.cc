#include "audit/clock_watch.h"

#include <time.h>

#include <algorithm>

namespace keysvc::audit {
namespace {

constexpr absl::Duration kTolerance = absl::Seconds(1);
// Twice what a time service slews by at most (500 in a million).
constexpr double kSlew = 0.001;

}  // namespace

absl::Duration SinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

std::optional<ClockWatch::Step> ClockWatch::StepBefore(const Reading& now) const {
  const absl::Duration passed = now.steady - accepted_.steady;
  const absl::Time expected = accepted_.wall + passed;
  if (absl::AbsDuration(now.wall - expected) <= kTolerance + kSlew * passed) return std::nullopt;
  return Step{expected, now.wall};
}

void ClockWatch::Accept(const Reading& now) {
  if (const auto step = StepBefore(now); step.has_value()) stepped_ += step->to - step->from;
  accepted_ = now;
}

absl::Time ClockWatch::Unstepped(const Reading& now) const {
  return now.wall - std::max(SteppedUntil(now), absl::ZeroDuration());
}

absl::Time ClockWatch::Steady(const Reading& now) const { return now.wall - SteppedUntil(now); }

absl::Duration ClockWatch::SteppedUntil(const Reading& now) const {
  const auto step = StepBefore(now);
  return stepped_ + (step.has_value() ? step->to - step->from : absl::ZeroDuration());
}

}  // namespace keysvc::audit
