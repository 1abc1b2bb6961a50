#include "tokenizer/sliding_count.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

namespace keysvc::tokenizer {
namespace {

constexpr std::uint64_t kNone = 0;
constexpr std::plus<std::uint64_t> kPlus;

}  // namespace

void SlidingCount::Add(absl::Time now, std::uint32_t events) {
  Advance(now);
  CountOf(newest_) += events;
}

std::uint64_t SlidingCount::Within(absl::Duration window, absl::Time now) {
  Advance(now);
  const std::int64_t minutes = std::min(window / absl::Minutes(1), kMinutes - 1) + 1;
  const std::int64_t end = newest_ % kMinutes + 1;
  const auto first = counts_.begin();
  if (minutes <= end) return std::reduce(first + (end - minutes), first + end, kNone, kPlus);
  return std::reduce(first, first + end, kNone, kPlus) +
         std::reduce(counts_.end() - (minutes - end), counts_.end(), kNone, kPlus);
}

std::uint64_t SlidingCount::Left(std::span<const policy::Budget> budgets, absl::Time now) {
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  for (const policy::Budget& budget : budgets) {
    const std::uint64_t within = Within(budget.window, now);
    left = std::min(left, budget.count - std::min<std::uint64_t>(budget.count, within));
  }
  return left;
}

void SlidingCount::Advance(absl::Time now) {
  const std::int64_t minute = absl::ToUnixSeconds(now) / 60;
  if (minute <= newest_) return;
  if (minute - newest_ >= kMinutes) {
    counts_.fill(0);
  } else {
    for (std::int64_t ended = newest_ + 1; ended <= minute; ++ended) CountOf(ended) = 0;
  }
  newest_ = minute;
}

}  // namespace keysvc::tokenizer
