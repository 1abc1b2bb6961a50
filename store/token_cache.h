#ifndef KEYSVC_STORE_TOKEN_CACHE_H_
#define KEYSVC_STORE_TOKEN_CACHE_H_

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
// anew. A commit that changes or removes rows of tokens empties the cache before anybody hears of
// it. Thread-safe.
template <typename Key>
class TokenCache {
 public:
  using Row = std::shared_ptr<const TokenRow>;

  // Holds at most `limit` rows, at least 1. `recent` outlives the cache and hears of every commit.
  TokenCache(const RecentTokens& recent, std::size_t limit) : recent_(recent), limit_(limit) {}

  // Row by row; null for what is not held.
  std::vector<Row> Find(std::span<const Key> keys) {
    std::vector<Row> rows(keys.size());
    Kept outdated;  // goes after the lock
    const std::lock_guard lock(mutex_);
    EmptyIfChanged(outdated);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto found = kept_.places.find(keys[i]);
      if (found == kept_.places.end()) continue;
      Place& place = kept_.ring[found->second];
      place.used = true;
      rows[i] = place.row;
    }
    return rows;
  }

  // Holds a row that was read. `changes` is what RecentTokens::changes() said before that: with
  // another one since, the row may be outdated already, and is not held.
  void Keep(std::uint64_t changes, const Key& key, const TokenRow& row) {
    auto copy = std::make_shared<const TokenRow>(row);
    Kept outdated;
    const std::lock_guard lock(mutex_);
    if (changes != recent_.changes()) return;
    EmptyIfChanged(outdated);
    Put(key, std::move(copy));
  }

 private:
  struct Place {
    Key key;
    Row row;
    bool used = false;  // since the hand was here
  };
  struct Kept {
    std::uint64_t changes = 0;
    std::vector<Place> ring = {};
    std::size_t hand = 0;
    std::unordered_map<Key, std::size_t> places = {};
  };

  // With the lock held.
  void EmptyIfChanged(Kept& outdated) {
    const std::uint64_t changes = recent_.changes();
    if (changes != kept_.changes) outdated = std::exchange(kept_, Kept{.changes = changes});
  }

  // In place of the first one after the hand that was not used since the hand was there last.
  void Put(const Key& key, Row row) {
    std::vector<Place>& ring = kept_.ring;
    if (ring.size() < limit_) {
      if (kept_.places.emplace(key, ring.size()).second) ring.push_back({key, std::move(row)});
      return;
    }
    if (kept_.places.contains(key)) return;
    const auto step = [&] { return std::exchange(kept_.hand, (kept_.hand + 1) % limit_); };
    std::size_t place = step();
    while (std::exchange(ring[place].used, false)) place = step();
    kept_.places.erase(ring[place].key);
    kept_.places.emplace(key, place);
    ring[place] = {key, std::move(row)};
  }

  const RecentTokens& recent_;
  const std::size_t limit_;
  std::mutex mutex_;
  Kept kept_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_TOKEN_CACHE_H_
