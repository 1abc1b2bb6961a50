#ifndef KEYSVC_STORE_TOKEN_CACHE_H_
#define KEYSVC_STORE_TOKEN_CACHE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/recent_tokens.h"
#include "store/rows.h"

namespace keysvc::store {

// Rows of tokens that were read lately, under what they were looked up by: a row that is here costs
// neither SQLite nor the pages that it forgets with every snapshot (store/reader.h). They are as
// they were in the file, card data sealed: whoever uses one checks its MAC and opens it, each time
// anew. A row that a commit changes or removes is held no more from before anybody hears of the
// commit. Thread-safe.
template <typename Key>
class TokenCache {
 public:
  using Row = std::shared_ptr<const TokenRow>;

  // Holds at most `limit` rows, at least 1. `recent` outlives the cache and hears of every commit.
  TokenCache(const RecentTokens& recent, std::size_t limit) : recent_(recent), limit_(limit) {}

  // Row by row; null for what is not held.
  std::vector<Row> Find(std::span<const Key> keys) {
    std::vector<Row> rows(keys.size());
    const std::uint64_t changes = recent_.changes();
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto found = places_.find(keys[i]);
      if (found == places_.end()) continue;
      Place& place = ring_[found->second];
      if (recent_.MayHaveChangedSince(place.changes, place.row->handle)) continue;
      // Not to be asked again until there is another change; two that look may both say so.
      place.changes = std::max(place.changes, changes);
      place.used = true;
      rows[i] = place.row;
    }
    return rows;
  }

  // Holds a row that was read. `changes` is what RecentTokens::changes() said before that.
  void Keep(std::uint64_t changes, const Key& key, const TokenRow& row) {
    Place fresh{key, std::make_shared<const TokenRow>(row), changes};
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return Put(std::move(fresh));
    Place& held = ring_[found->second];
    // Of two that read it, the later one may come first.
    if (held.changes < changes) std::swap(held, fresh);
  }

 private:
  struct Place {
    Key key;
    Row row;
    std::uint64_t changes = 0;  // before it was read
    bool used = false;          // since the hand was here
  };

  // In place of the first one after the hand that was not used since the hand was there last. With
  // the lock held.
  void Put(Place fresh) {
    if (ring_.size() < limit_) {
      places_.emplace(fresh.key, ring_.size());
      ring_.push_back(std::move(fresh));
      return;
    }
    const auto step = [&] { return std::exchange(hand_, (hand_ + 1) % limit_); };
    std::size_t place = step();
    while (std::exchange(ring_[place].used, false)) place = step();
    places_.erase(ring_[place].key);
    places_.emplace(fresh.key, place);
    std::swap(ring_[place], fresh);
  }

  const RecentTokens& recent_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::vector<Place> ring_;
  std::size_t hand_ = 0;
  std::unordered_map<Key, std::size_t> places_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_TOKEN_CACHE_H_
