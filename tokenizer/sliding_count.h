#ifndef KEYSVC_TOKENIZER_SLIDING_COUNT_H_
#define KEYSVC_TOKENIZER_SLIDING_COUNT_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace keysvc::tokenizer {

// How much happened within the last `window`, in sixtieths of it: an event counts for the whole
// window and for at most a sixtieth longer, so that no window of that length ever holds more than
// what was counted. Takes the same memory whatever happens. A clock that goes back is taken to
// stand still. Not thread-safe.
class SlidingCount {
 public:
  explicit SlidingCount(absl::Duration window) : step_(window / kSteps) {}

  void Add(absl::Time now, std::uint64_t events = 1);
  std::uint64_t At(absl::Time now);

 private:
  static constexpr std::size_t kSteps = 60;

  std::uint64_t& CountOf(std::int64_t step) {
    return counts_.at(static_cast<std::size_t>(step) % counts_.size());
  }
  void Advance(absl::Time now);

  absl::Duration step_;
  std::int64_t newest_ = 0;  // steps since 1970
  std::array<std::uint64_t, kSteps + 1> counts_ = {};
  std::uint64_t total_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_SLIDING_COUNT_H_
