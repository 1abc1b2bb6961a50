#ifndef KEYSVC_CRYPTO_CONTEXT_POOL_H_
#define KEYSVC_CRYPTO_CONTEXT_POOL_H_

#include <mutex>
#include <utility>
#include <vector>

namespace keysvc::crypto {

// Keyed contexts that are not in use. Keying one costs more than using it, and OpenSSL allows one
// thread per context, so each use borrows one; there are never more than uses at the same time.
// Thread-safe.
template <typename Handle>
class ContextPool {
 public:
  // Calls `make` for a new context when none is idle (null when it fails), and `use` with the
  // context. A context whose use failed is dropped, since its state is unknown.
  template <typename Make, typename Use>
  bool With(Make make, Use use) const {
    Handle context = Take();
    if (context == nullptr) context = make();
    if (context == nullptr || !use(context.get())) return false;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
    return true;
  }

 private:
  Handle Take() const {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    Handle context = std::move(idle_.back());
    idle_.pop_back();
    return context;
  }

  mutable std::mutex mutex_;
  mutable std::vector<Handle> idle_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_CONTEXT_POOL_H_
