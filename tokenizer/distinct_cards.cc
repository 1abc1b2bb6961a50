#include "tokenizer/distinct_cards.h"

#include <algorithm>
#include <functional>

namespace keysvc::tokenizer {

bool DistinctCards::Admit(std::string_view token, const policy::Budget& budget, absl::Time now) {
  const std::int64_t oldest = Advance(now) - budget.window / absl::Minutes(1);
  const auto found = minute_of_.find(std::hash<std::string_view>()(token));
  if (found != minute_of_.end() && found->second >= oldest) return true;
  // Once a minute, since it looks at every card.
  if (minute_of_.size() >= budget.count && swept_ < newest_) {
    swept_ = newest_;
    std::erase_if(minute_of_, [oldest](const auto& card) { return card.second < oldest; });
  }
  return minute_of_.size() < budget.count;
}

void DistinctCards::Add(std::string_view token, absl::Time now) {
  const std::int64_t minute = Advance(now);
  const std::size_t card = std::hash<std::string_view>()(token);
  // With so many no budget admits another one.
  if (minute_of_.size() >= policy::kMostDistinctCards && !minute_of_.contains(card)) return;
  minute_of_[card] = minute;
}

std::int64_t DistinctCards::Advance(absl::Time now) {
  newest_ = std::max(newest_, absl::ToUnixSeconds(now) / 60);
  return newest_;
}

}  // namespace keysvc::tokenizer
