#include "keysvc/rpc/lane.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace keysvc::rpc {

Lane::Lane(std::size_t threads, std::size_t queue_limit, std::string name,
           std::size_t spare_threads, absl::Duration stuck_after)
    : name_(std::move(name)),
      thread_limit_(threads + spare_threads),
      stuck_after_(absl::ToChronoNanoseconds(stuck_after)),
      queue_(queue_limit) {
  threads_.reserve(thread_limit_);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Lane::~Lane() { Stop(); }

bool Lane::Submit(std::string_view principal, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    const auto now = std::chrono::steady_clock::now();
    const auto is_stuck = [&](const Waiting& next) { return now - next.since >= stuck_after_; };
    // Before the limit: a queue that is full because its threads hang must get out of it too.
    if (queue_.AnyNext(is_stuck)) AddThreadLocked();
    if (!queue_.Push(principal, {std::move(work), now})) return false;
  }
  wake_.notify_one();
  return true;
}

void Lane::Continue(std::string_view principal, std::vector<Work> pieces) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<Waiting> waiting;
  waiting.reserve(pieces.size());
  for (Work& piece : pieces) waiting.push_back({std::move(piece), now});
  {
    const std::lock_guard lock(mutex_);
    queue_.PushBegun(principal, std::move(waiting));
  }
  wake_.notify_all();
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
    Work work = queue_.Pop().work;
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace keysvc::rpc
