#ifndef KEYSVC_TOKENIZER_SLIDING_COUNT_H_
#define KEYSVC_TOKENIZER_SLIDING_COUNT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/time/time.h"
#include "policy/limits.h"

namespace keysvc::tokenizer {

// How much happened in each minute of the last 24 hours. Takes 6 KiB whatever happens. A clock that
// goes back is taken to stand still. Not thread-safe.
class SlidingCount {
 public:
  void Add(absl::Time now, std::uint32_t events = 1);
  // What happened within the window before `now`, which is at most 24 hours: all of it, and what is
  // less than a minute older. So no window of that length holds more than was counted in it.
  std::uint64_t Within(absl::Duration window, absl::Time now);
  // How much more may happen now, as each of the budgets has it; without any there is no end.
  std::uint64_t Left(std::span<const policy::Budget> budgets, absl::Time now);

 private:
  static constexpr std::int64_t kMinutes = 24 * 60 + 1;

  std::uint32_t& CountOf(std::int64_t minute) {
    return counts_.at(static_cast<std::size_t>(minute % kMinutes));
  }
  void Advance(absl::Time now);

  std::int64_t newest_ = 0;  // minutes since 1970
  std::array<std::uint32_t, kMinutes> counts_ = {};
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_SLIDING_COUNT_H_
