#include "store/recent_tokens.h"

#include <utility>

namespace keysvc::store {

bool RecentTokens::MayHave(std::uint64_t generation, std::string_view pan_index) const {
  const std::string wanted(pan_index);
  const std::lock_guard lock(mutex_);
  return generation != generation_.load(std::memory_order_relaxed) || pan_indexes_.contains(wanted);
}

void RecentTokens::Add(std::vector<std::string> pan_indexes) {
  if (pan_indexes.empty()) return;
  const std::lock_guard lock(mutex_);
  for (std::string& pan_index : pan_indexes) pan_indexes_.insert(std::move(pan_index));
}

void RecentTokens::Forget() {
  const std::lock_guard lock(mutex_);
  generation_.fetch_add(1, std::memory_order_release);
  pan_indexes_.clear();
}

void RecentTokens::ForgetRows() {
  // In this order: whoever sees the count then reads in no snapshot from before the change.
  Forget();
  changes_.fetch_add(1, std::memory_order_release);
}

}  // namespace keysvc::store
