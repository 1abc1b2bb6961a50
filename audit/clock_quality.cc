#include "audit/clock_quality.h"

#include <sys/timex.h>

namespace keysvc::audit {

std::map<std::string, std::string> ClockQuality() {
  timex kernel{};  // no modes: asks and sets nothing
  const int state = adjtimex(&kernel);
  return ClockQualityOf(state, kernel);
}

std::map<std::string, std::string> ClockQualityOf(int state, const timex& kernel) {
  constexpr long kMicrosecondsInMillisecond = 1000;
  if (state < 0) return {{"clock", "unknown"}};
  if (state == TIME_ERROR || (kernel.status & STA_UNSYNC) != 0) {
    return {{"clock", "unsynchronized"}};
  }
  const long error =
      (kernel.maxerror + kMicrosecondsInMillisecond - 1) / kMicrosecondsInMillisecond;
  return {{"clock", "synchronized"}, {"clock_error_ms", std::to_string(error)}};
}

}  // namespace keysvc::audit
