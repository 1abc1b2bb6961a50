#include "tokenizer/count_min_sketch.h"

#include <algorithm>
#include <limits>

#include "absl/hash/hash.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint16_t kMost = std::numeric_limits<std::uint16_t>::max();

}  // namespace

void CountMinSketch::Add(std::uint64_t key) {
  counts_.resize(kRows * kWidth);
  const auto places = PlacesOf(key);
  const auto raised = static_cast<std::uint16_t>(std::min<std::uint64_t>(Count(key) + 1, kMost));
  // Only what is lower is raised: the rows that other keys share count those already.
  for (const std::size_t place : places) counts_[place] = std::max(counts_[place], raised);
}

std::uint64_t CountMinSketch::Count(std::uint64_t key) const {
  if (counts_.empty()) return 0;
  std::uint16_t least = kMost;
  for (const std::size_t place : PlacesOf(key)) least = std::min(least, counts_[place]);
  return least;
}

std::array<std::size_t, CountMinSketch::kRows> CountMinSketch::PlacesOf(std::uint64_t key) {
  std::uint64_t hash = absl::HashOf(key);
  std::array<std::size_t, kRows> places = {};
  for (std::size_t row = 0; row < kRows; ++row, hash /= kWidth) {
    places[row] = row * kWidth + hash % kWidth;
  }
  return places;
}

}  // namespace keysvc::tokenizer
