#include "tokenizer/look_alikes.h"

#include <algorithm>
#include <functional>

namespace keysvc::tokenizer {
namespace {

constexpr std::uint64_t kLastFours = 10'000;
constexpr std::uint64_t kTimesExplained = 5;

using Counts = std::unordered_map<std::uint64_t, std::uint32_t>;

std::uint64_t CountOf(const Counts& counts, std::uint64_t key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

void TakeOne(Counts& counts, std::uint64_t key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

std::uint64_t BinOf(std::uint64_t masked) { return masked / kLastFours; }

}  // namespace

bool LookAlikes::Admit(std::string_view card, std::uint64_t masked, const policy::GuessLimit& limit,
                       absl::Time now) {
  Forget(now);
  if (cards_.contains(std::hash<std::string_view>()(card))) return true;
  const std::uint64_t explained = kTimesExplained * CountOf(of_bin_, BinOf(masked)) / kLastFours;
  return CountOf(of_masked_, masked) < std::max<std::uint64_t>(limit.count, explained);
}

void LookAlikes::Add(std::string_view card, std::uint64_t masked, absl::Time now) {
  Forget(now);
  if (!cards_.insert(std::hash<std::string_view>()(card)).second) return;
  // A clock that goes back must not put a card before older ones.
  seen_.push_back({seen_.empty() ? now : std::max(now, seen_.back().at),
                   std::hash<std::string_view>()(card), masked});
  ++of_masked_[masked];
  ++of_bin_[BinOf(masked)];
  if (seen_.size() > kMostCards) ForgetOldest();
}

void LookAlikes::Forget(absl::Time now) {
  while (!seen_.empty() && now - seen_.front().at >= kWindow) ForgetOldest();
}

void LookAlikes::ForgetOldest() {
  const Seen& oldest = seen_.front();
  cards_.erase(oldest.card);
  TakeOne(of_masked_, oldest.masked);
  TakeOne(of_bin_, BinOf(oldest.masked));
  seen_.pop_front();
}

}  // namespace keysvc::tokenizer
