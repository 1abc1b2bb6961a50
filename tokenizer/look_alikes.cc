#include "tokenizer/look_alikes.h"

#include <algorithm>
#include <functional>

namespace keysvc::tokenizer {
namespace {

constexpr std::uint64_t kLastFours = 10'000;
constexpr std::uint64_t kTimesExplained = 5;
// More than a caller has; of a BIN beyond them nothing is explained.
constexpr std::size_t kMostBins = 20'000;

std::uint64_t BinOf(std::uint64_t masked) { return masked / kLastFours; }

}  // namespace

bool LookAlikes::Admit(std::string_view card, std::uint64_t masked, const policy::GuessLimit& limit,
                       absl::Time now) {
  Advance(now);
  std::uint64_t look_alikes = 0;
  std::uint64_t of_bin = 0;
  std::uint64_t all = 0;
  for (const HalfDay& half_day : half_days_) {
    look_alikes += half_day.of_masked.Count(masked);
    const auto bin = half_day.of_bin.find(BinOf(masked));
    if (bin != half_day.of_bin.end()) of_bin += bin->second;
    all += half_day.all;
  }
  const std::uint64_t explained = kTimesExplained * of_bin / kLastFours;
  // By so much the sketch may count too many, which the caller must not pay for.
  const std::uint64_t counted_too_many = all / CountMinSketch::kWidth;
  const std::uint64_t most = std::max<std::uint64_t>(limit.count, explained) + counted_too_many;
  if (look_alikes > most) return false;
  if (cards_.contains(std::hash<std::string_view>()(card))) return true;
  if (look_alikes < most) return true;
  Newest().of_masked.Add(masked);  // which closes the view
  return false;
}

void LookAlikes::Add(std::string_view card, std::uint64_t masked, absl::Time now) {
  Advance(now);
  const std::size_t stand_in = std::hash<std::string_view>()(card);
  // Who tries a card again learns nothing new, however long ago it was tried.
  if (cards_.contains(stand_in)) return;
  if (cards_.size() >= kMostCards) cards_.clear();
  cards_.insert(stand_in);
  HalfDay& newest = Newest();
  newest.of_masked.Add(masked);
  const std::uint64_t bin = BinOf(masked);
  if (newest.of_bin.size() < kMostBins || newest.of_bin.contains(bin)) ++newest.of_bin[bin];
  ++newest.all;
}

void LookAlikes::Advance(absl::Time now) {
  const std::int64_t half_day = (now - absl::UnixEpoch()) / (kWindow / 2);
  if (half_day - newest_ >= static_cast<std::int64_t>(half_days_.size())) {
    half_days_ = {};
    newest_ = half_day;
  }
  while (newest_ < half_day) {
    ++newest_;
    Newest() = {};
  }
}

}  // namespace keysvc::tokenizer
