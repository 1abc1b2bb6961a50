#include "store/reader_pool.h"

namespace keysvc::store {

ReaderPool::Lease::Lease(ReaderPool& from) : pool(from) {
  std::unique_lock lock(pool.mutex_);
  pool.returned_.wait(lock, [this] { return !pool.closed_ && !pool.places_.empty(); });
  // The last one in is the first one out: its cache is warm.
  reader = std::move(pool.places_.back());
  pool.places_.pop_back();
  ++pool.lent_;
}

ReaderPool::Lease::~Lease() {
  const std::lock_guard lock(pool.mutex_);
  // Under the lock, so that EndOldSnapshots() misses none.
  if (reader != nullptr) reader->EndOldSnapshot();
  // The place of a reader that is gone waits until all others are in use.
  const auto place = reader == nullptr ? pool.places_.begin() : pool.places_.end();
  pool.places_.insert(place, std::move(reader));
  --pool.lent_;
  pool.returned_.notify_all();
}

absl::Status ReaderPool::Lease::OpenReader() {
  if (reader != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(reader, pool.open_());
  return absl::OkStatus();
}

void ReaderPool::EndOldSnapshots() {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Reader>& reader : places_) {
    if (reader != nullptr) reader->EndOldSnapshot();
  }
}

absl::Status ReaderPool::WhileIdle(const std::function<absl::Status()>& change) {
  return Hold([](std::unique_ptr<Reader>& reader) { reader->EndSnapshot(); }, change);
}

absl::Status ReaderPool::WhileClosed(const std::function<absl::Status()>& change) {
  return Hold([](std::unique_ptr<Reader>& reader) { reader.reset(); }, change);
}

absl::Status ReaderPool::Hold(const std::function<void(std::unique_ptr<Reader>&)>& quieten,
                              const std::function<absl::Status()>& change) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  returned_.wait(lock, [this] { return lent_ == 0; });
  for (std::unique_ptr<Reader>& reader : places_) {
    if (reader != nullptr) quieten(reader);
  }
  lock.unlock();
  absl::Status status = change();
  lock.lock();
  closed_ = false;
  returned_.notify_all();
  return status;
}

}  // namespace keysvc::store
