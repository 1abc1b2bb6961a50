#include "keysvc/rpc/lane.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace keysvc::rpc {

Lane::Lane(std::size_t threads, std::size_t queue_limit, std::string name,
           std::size_t spare_threads, absl::Duration stuck_after)
    : queue_limit_(queue_limit),
      name_(std::move(name)),
      thread_limit_(threads + spare_threads),
      stuck_after_(absl::ToChronoNanoseconds(stuck_after)) {
  threads_.reserve(thread_limit_);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Lane::~Lane() { Stop(); }

bool Lane::Submit(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    const auto now = std::chrono::steady_clock::now();
    // Before the limit: a queue that is full because its threads hang must get out of it too.
    if (!queue_.empty() && now - queue_.front().since >= stuck_after_) AddThreadLocked();
    if (queue_.size() >= queue_limit_) return false;
    queue_.push_back({std::move(work), now});
  }
  wake_.notify_one();
  return true;
}

void Lane::AddThreadLocked() {
  if (threads_.size() >= thread_limit_) return;
  try {
    threads_.emplace_back([this] { Run(); });
  } catch (const std::system_error&) {
    // A system without threads to spare: the lane goes on with those it has.
  }
}

void Lane::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Lane::Run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Work work = std::move(queue_.front().work);
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace keysvc::rpc
