#include "tokenizer/sliding_count.h"

#include <algorithm>
#include <numeric>

namespace keysvc::tokenizer {

void SlidingCount::Add(absl::Time now, std::uint64_t events) {
  Advance(now);
  CountOf(newest_) += events;
  total_ += events;
}

std::uint64_t SlidingCount::At(absl::Time now) {
  Advance(now);
  return total_;
}

void SlidingCount::Advance(absl::Time now) {
  const std::int64_t step = (now - absl::UnixEpoch()) / step_;
  if (step <= newest_) return;
  if (step - newest_ >= static_cast<std::int64_t>(counts_.size())) {
    counts_.fill(0);
  } else {
    for (std::int64_t ended = newest_ + 1; ended <= step; ++ended) CountOf(ended) = 0;
  }
  newest_ = step;
  total_ = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

}  // namespace keysvc::tokenizer
