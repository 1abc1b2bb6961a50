#ifndef KEYSVC_KEYSVC_RPC_FAIR_QUEUE_H_
#define KEYSVC_KEYSVC_RPC_FAIR_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keysvc::rpc {

// What waits, by whose it is. Turns go round among the owners, one item each, so that nobody's
// items wait for more than one of each other owner's before each of their own, however many those
// have. Among one owner's items the first come is the first served. Not thread-safe.
template <typename T>
class FairQueue {
 public:
  // `limit`: how many items of one owner may wait.
  explicit FairQueue(std::size_t limit) : limit_(limit) {}

  // False, with the item dropped, when as many of the owner's are waiting as may.
  [[nodiscard]] bool Push(std::string_view owner, T item) {
    const auto found = waiting_.find(owner);
    const std::size_t waiting = found == waiting_.end() ? 0 : found->second.size();
    if (waiting >= limit_) return false;
    ItemsOf(owner).push_back(std::move(item));
    return true;
  }

  // Before all that the owner has waiting, in their order and whatever the limit: for what was
  // accepted as one and goes on as several.
  void PushFirst(std::string_view owner, std::vector<T> items) {
    if (items.empty()) return;
    std::deque<T>& all = ItemsOf(owner);
    all.insert(all.begin(), std::make_move_iterator(items.begin()),
               std::make_move_iterator(items.end()));
  }

  bool empty() const { return turns_.empty(); }

  // The next item of the owner whose turn it is. Not of an empty queue.
  T Pop() {
    const Turn turn = turns_.front();
    turns_.pop_front();
    std::deque<T>& items = turn->second;
    T item = std::move(items.front());
    items.pop_front();
    if (items.empty()) {
      waiting_.erase(turn);
    } else {
      turns_.push_back(turn);
    }
    return item;
  }

  // Whether `is` holds of any owner's next item.
  template <typename Predicate>
  bool AnyNext(Predicate is) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const auto& owner) { return is(owner.second.front()); });
  }

 private:
  using ByOwner = std::map<std::string, std::deque<T>, std::less<>>;
  using Turn = typename ByOwner::iterator;

  // An owner who has nothing waiting yet comes last.
  std::deque<T>& ItemsOf(std::string_view owner) {
    const auto found = waiting_.find(owner);
    if (found != waiting_.end()) return found->second;
    const Turn added = waiting_.emplace(owner, std::deque<T>()).first;
    turns_.push_back(added);
    return added->second;
  }

  const std::size_t limit_;
  ByOwner waiting_;         // owners with something waiting only, which bounds them
  std::deque<Turn> turns_;  // each of them once
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_FAIR_QUEUE_H_
