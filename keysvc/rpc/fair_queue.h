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
// have. Of one owner's items, those that something begun goes on as come first, and of either kind
// the first come is the first served. Not thread-safe.
template <typename T>
class FairQueue {
 public:
  // `limit`: how many items of one owner may wait that nothing has begun.
  explicit FairQueue(std::size_t limit) : limit_(limit) {}

  // False, with the item dropped, when as many of the owner's are waiting as may.
  [[nodiscard]] bool Push(std::string_view owner, T item) {
    const auto found = owners_.find(owner);
    const std::size_t waiting = found == owners_.end() ? 0 : found->second.waiting.size();
    if (waiting >= limit_) return false;
    ItemsOf(owner).waiting.push_back(std::move(item));
    return true;
  }

  // What was accepted as one item and goes on as several: no limit applies, and none of it takes
  // the place of what is still to begin.
  void PushBegun(std::string_view owner, std::vector<T> items) {
    if (items.empty()) return;
    std::deque<T>& begun = ItemsOf(owner).begun;
    begun.insert(begun.end(), std::make_move_iterator(items.begin()),
                 std::make_move_iterator(items.end()));
  }

  bool empty() const { return turns_.empty(); }

  // The next item of the owner whose turn it is. Not of an empty queue.
  T Pop() {
    const Turn turn = turns_.front();
    turns_.pop_front();
    Items& items = turn->second;
    std::deque<T>& next = items.Next();
    T item = std::move(next.front());
    next.pop_front();
    if (items.begun.empty() && items.waiting.empty()) {
      owners_.erase(turn);
    } else {
      turns_.push_back(turn);
    }
    return item;
  }

  // Whether `is` holds of any owner's next item.
  template <typename Predicate>
  bool AnyNext(Predicate is) const {
    return std::any_of(owners_.begin(), owners_.end(),
                       [&](const auto& owner) { return is(owner.second.Next().front()); });
  }

 private:
  struct Items {
    std::deque<T> begun;
    std::deque<T> waiting;

    std::deque<T>& Next() { return begun.empty() ? waiting : begun; }
    const std::deque<T>& Next() const { return begun.empty() ? waiting : begun; }
  };
  using ByOwner = std::map<std::string, Items, std::less<>>;
  using Turn = typename ByOwner::iterator;

  // An owner who has nothing waiting yet comes last.
  Items& ItemsOf(std::string_view owner) {
    const auto found = owners_.find(owner);
    if (found != owners_.end()) return found->second;
    const Turn added = owners_.emplace(owner, Items()).first;
    turns_.push_back(added);
    return added->second;
  }

  const std::size_t limit_;
  ByOwner owners_;          // those with something waiting only, which bounds them
  std::deque<Turn> turns_;  // each of them once
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_FAIR_QUEUE_H_
