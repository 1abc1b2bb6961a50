#ifndef KEYSVC_STORE_RECENT_TOKENS_H_
#define KEYSVC_STORE_RECENT_TOKENS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
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

  // Whether a row with this index may be in the store although a snapshot of `generation` lacks it.
  bool MayHave(std::uint64_t generation, std::string_view pan_index) const;

  // After the commit, before anybody hears of it.
  void Add(std::vector<std::string> pan_indexes);

  // Begins a new generation: snapshots of earlier ones count no more.
  void Forget();

  // How often rows that were there have been changed or removed, or may have been. A row that was
  // read after the present count was seen is right until it is another one.
  std::uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  // After such a commit, before anybody hears of it. Begins a new generation too.
  void ForgetRows();

 private:
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> pan_indexes_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_RECENT_TOKENS_H_
