#ifndef KEYSVC_STORE_READER_POOL_H_
#define KEYSVC_STORE_READER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "status/macros.h"
#include "store/reader.h"

namespace keysvc::store {

// The readers of a store: few, because each holds a page cache of its own. A caller waits for a
// free one. A reader whose call failed is thrown away and another is opened for the next caller.
// Thread-safe.
class ReaderPool {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<Reader>>()>;
  ReaderPool(std::size_t count, Open open) : open_(std::move(open)), places_(count) {}
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // Runs `read(Reader&)` and returns what it does, a StatusOr.
  template <typename Read>
  auto Use(const Read& read) -> decltype(read(std::declval<Reader&>())) {
    Lease lease(*this);
    RETURN_IF_ERROR(lease.OpenReader());
    auto answer = read(*lease.reader);
    if (!answer.ok()) lease.reader.reset();
    return answer;
  }

  // Lets go of the snapshots of earlier generations, also of those in use once they come back.
  void EndOldSnapshots();

  // Waits until no reader is in use, ends all their snapshots and runs `change` before another
  // may read. Called by one thread at a time, as WhileClosed().
  absl::Status WhileIdle(const std::function<absl::Status()>& change);
  // Waits until no reader is in use, closes them all and runs `change` before another may open.
  // Called by one thread at a time.
  absl::Status WhileClosed(const std::function<absl::Status()>& change);

 private:
  absl::Status Hold(const std::function<void(std::unique_ptr<Reader>&)>& quieten,
                    const std::function<absl::Status()>& change);

  struct Lease {
    explicit Lease(ReaderPool& from);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    absl::Status OpenReader();
    ReaderPool& pool;
    std::unique_ptr<Reader> reader;
  };

  const Open open_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> places_;  // the free ones; null where none is open yet
  std::size_t lent_ = 0;
  bool closed_ = false;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_READER_POOL_H_
