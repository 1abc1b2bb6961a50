#include "store/recent_tokens.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace keysvc::store {
namespace {

// So many changed rows are told apart; with more of them all count as changed.
constexpr std::size_t kMostChanged = std::size_t{1} << 16;

}  // namespace

bool RecentTokens::MayHave(std::uint64_t generation, std::string_view key) const {
  const std::string wanted(key);
  const std::lock_guard lock(mutex_);
  return generation != generation_.load(std::memory_order_relaxed) || keys_.contains(wanted);
}

bool RecentTokens::MayHaveChanged(std::uint64_t generation,
                                  std::span<const std::int64_t> handles) const {
  // In this order: Forget() begins the new generation before it says that nothing has changed.
  const bool any_changed = any_changed_.load(std::memory_order_acquire);
  if (!any_changed && generation == generation_.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(mutex_);
  return generation != generation_.load(std::memory_order_relaxed) ||
         std::ranges::any_of(handles,
                             [this](std::int64_t handle) { return changed_.contains(handle); });
}

void RecentTokens::Add(std::vector<std::string> keys) {
  if (keys.empty()) return;
  const std::lock_guard lock(mutex_);
  for (std::string& key : keys) keys_.insert(std::move(key));
}

void RecentTokens::AddChanged(const std::vector<std::int64_t>& handles) {
  if (handles.empty()) return;
  const std::lock_guard lock(mutex_);
  const std::uint64_t at = changes_.load(std::memory_order_relaxed) + 1;
  if (changed_at_.size() + handles.size() > kMostChanged) {
    changed_at_.clear();
    all_changed_at_ = at;
  } else {
    for (const std::int64_t handle : handles) changed_at_[handle] = at;
  }
  changed_.insert(handles.begin(), handles.end());
  any_changed_.store(true, std::memory_order_release);
  // Last: whoever sees the count, and keeps what it reads under it, then reads in no snapshot from
  // before the change.
  changes_.store(at, std::memory_order_release);
}

void RecentTokens::AddUnknown() {
  // In this order: whoever sees the count then reads in no snapshot from before the change.
  Forget();
  const std::lock_guard lock(mutex_);
  changed_at_.clear();
  all_changed_at_ = changes_.load(std::memory_order_relaxed) + 1;
  changes_.store(all_changed_at_, std::memory_order_release);
}

bool RecentTokens::MayHaveChangedSince(std::uint64_t changes, std::int64_t handle) const {
  if (changes == changes_.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(mutex_);
  if (changes < all_changed_at_) return true;
  const auto found = changed_at_.find(handle);
  return found != changed_at_.end() && changes < found->second;
}

void RecentTokens::Forget() {
  const std::lock_guard lock(mutex_);
  generation_.fetch_add(1, std::memory_order_release);
  keys_.clear();
  changed_.clear();
  any_changed_.store(false, std::memory_order_release);
}

}  // namespace keysvc::store
