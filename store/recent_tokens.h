#ifndef KEYSVC_STORE_RECENT_TOKENS_H_
#define KEYSVC_STORE_RECENT_TOKENS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace keysvc::store {

// Which token rows were committed since the readers' snapshots began, so that a reader may keep its
// snapshot: SQLite forgets a connection's whole page cache when a new snapshot sees another
// connection's commit, and reading a page again means decrypting and authenticating it again.
// Generations bound how much is remembered and how old a snapshot gets. Thread-safe.
class RecentTokens {
 public:
  // A snapshot belongs to the generation that was present before it began.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Whether a row with this key, which is its pan_index or its digits, may be in the store although
  // a snapshot of `generation` lacks it.
  bool MayHave(std::uint64_t generation, std::string_view key) const;
  // Whether one of these rows may be another in the store, or gone, than in a snapshot of
  // `generation`.
  bool MayHaveChanged(std::uint64_t generation, std::span<const std::int64_t> handles) const;

  // How many commits have changed or removed rows, or may have.
  std::uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  // Whether the row may be another in the store, or gone, than it was read after changes() was
  // `changes`.
  bool MayHaveChangedSince(std::uint64_t changes, std::int64_t handle) const;

  // After the commit, before anybody hears of it; the keys of rows that it added, or that it may
  // have given to rows which it changed.
  void Add(std::vector<std::string> keys);
  void AddChanged(const std::vector<std::int64_t>& handles);
  // Any row may have changed. Begins a new generation too.
  void AddUnknown();

  // Begins a new generation: snapshots of earlier ones count no more. What was read from them is
  // as right as before.
  void Forget();

 private:
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> keys_;
  std::unordered_map<std::int64_t, std::uint64_t> changed_at_;  // by handle, what changes() became
  std::uint64_t all_changed_at_ = 0;  // the same of all rows that are not among them
  std::unordered_set<std::int64_t> changed_;
  std::atomic<bool> any_changed_ = false;  // most look-ups need no lock
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_RECENT_TOKENS_H_
