#include "tokenizer/distinct_cards.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace keysvc::tokenizer {

bool DistinctCards::Admit(std::string_view token, const policy::Budget& budget, absl::Time now) {
  const std::int64_t oldest = Advance(budget, now);
  const auto found = minute_of_.find(absl::HashOf(token));
  if (found != minute_of_.end() && found->second >= oldest) return true;
  if (minute_of_.size() >= budget.count) ForgetBefore(oldest);
  return minute_of_.size() < budget.count;
}

void DistinctCards::Add(std::string_view token, const policy::Budget& budget, absl::Time now) {
  const std::int64_t oldest = Advance(budget, now);
  const std::size_t card = absl::HashOf(token);
  if (minute_of_.size() >= policy::kMostDistinctCards && !minute_of_.contains(card)) {
    ForgetBefore(oldest);
    // With so many in the window no budget admits another one.
    if (minute_of_.size() >= policy::kMostDistinctCards) return;
  }
  minute_of_[card] = newest_;
}

std::int64_t DistinctCards::Advance(const policy::Budget& budget, absl::Time now) {
  newest_ = std::max(newest_, absl::ToUnixSeconds(now) / 60);
  return newest_ - budget.window / absl::Minutes(1);
}

void DistinctCards::ForgetBefore(std::int64_t oldest) {
  if (swept_ == newest_) return;
  swept_ = newest_;
  std::erase_if(minute_of_, [oldest](const auto& card) { return card.second < oldest; });
}

}  // namespace keysvc::tokenizer
