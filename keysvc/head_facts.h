#ifndef KEYSVC_KEYSVC_HEAD_FACTS_H_
#define KEYSVC_KEYSVC_HEAD_FACTS_H_

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace keysvc {

// What the heads of the log say of the store, once it has been checked: a head must not bless what
// nobody has compared. Thread-safe.
class HeadFacts {
 public:
  using Facts = std::map<std::string, std::string>;

  // nullptr: nothing any more.
  void Attest(std::function<Facts()> source) {
    const std::lock_guard lock(mutex_);
    source_ = std::move(source);
  }
  Facts Get() const {
    const std::lock_guard lock(mutex_);
    return source_ ? source_() : Facts();
  }

 private:
  mutable std::mutex mutex_;
  std::function<Facts()> source_;
};

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_HEAD_FACTS_H_
