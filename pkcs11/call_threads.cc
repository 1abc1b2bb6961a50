#include "pkcs11/call_threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::chrono::seconds kLastPatience(2);

std::chrono::steady_clock::time_point After(absl::Duration duration) {
  return std::chrono::steady_clock::now() +
         absl::ToChronoNanoseconds(std::min(duration, absl::Hours(1)));
}

struct Task {
  absl::AnyInvocable<void()> work;
  std::condition_variable done_changed;
  bool done = false;
  bool given_up = false;
};

struct Worker {
  std::thread thread;
  bool ended = false;
};

absl::Status Silent() { return Error(Reason::kHsmUnavailable, "the token does not answer"); }

}  // namespace

struct CallThreads::State {
  State(std::size_t calls, absl::Duration patience)
      : at_once(std::max<std::size_t>(calls, 1)), wait(patience) {}

  // Whether a call that is not the first may hope for an answer.
  bool MayTry() const { return !silent || running == 0; }
  bool HasRoom() const { return running < at_once && running + hung < 2 * at_once; }

  const std::size_t at_once;
  const absl::Duration wait;
  std::mutex mutex;
  std::condition_variable work_changed;
  std::condition_variable room_changed;
  std::condition_variable workers_changed;
  std::deque<std::shared_ptr<Task>> queue;
  std::list<Worker> workers;  // none ends before the last call
  std::size_t working = 0;    // of them
  std::size_t idle = 0;
  std::size_t running = 0;           // tasks whose callers wait for them
  std::size_t hung = 0;              // tasks that were given up and are not back
  std::atomic<bool> silent = false;  // since the last task was given up, none has come back
  bool stopping = false;
};

CallThreads::CallThreads(std::size_t at_once, absl::Duration wait)
    : state_(std::make_shared<State>(at_once, wait)) {}

CallThreads::~CallThreads() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->work_changed.notify_all();
  state_->workers_changed.wait_for(lock, kLastPatience, [this] { return state_->working == 0; });
  // Those that ended are waited for to their last instruction: what a token's library, and OpenSSL
  // in it, do at the end of a thread must not meet the library's own end, or the process's.
  std::list<Worker> ended;
  for (auto worker = state_->workers.begin(); worker != state_->workers.end();) {
    const auto next = std::next(worker);
    if (worker->ended) {
      ended.splice(ended.end(), state_->workers, worker);
    } else {
      worker->thread.detach();
    }
    worker = next;
  }
  lock.unlock();
  for (Worker& worker : ended) worker.thread.join();
}

bool CallThreads::silent() const { return state_->silent; }

absl::Status CallThreads::Perform(Work work, absl::Duration patience) {
  State& state = *state_;
  const auto task = std::make_shared<Task>();
  task->work = std::move(work);

  std::unique_lock lock(state.mutex);
  const bool turn = state.room_changed.wait_until(lock, After(state.wait), [&] {
    return !state.MayTry() || state.HasRoom() || state.hung >= 2 * state.at_once;
  });
  if (!turn) return Error(Reason::kHsmUnavailable, "no session of the token came free");
  if (!state.MayTry() || !state.HasRoom()) return Silent();
  if (state.idle <= state.queue.size()) {
    Worker& worker = state.workers.emplace_back();
    try {
      worker.thread = std::thread([state = state_, &worker] {
        Serve(*state);
        const std::lock_guard ending(state->mutex);
        worker.ended = true;
        --state->working;
        state->workers_changed.notify_all();
      });
    } catch (const std::system_error&) {
      state.workers.pop_back();
      return Error(Reason::kHsmUnavailable, "no thread is left to call the token");
    }
    ++state.working;
  }
  ++state.running;
  state.queue.push_back(task);
  state.work_changed.notify_one();

  if (task->done_changed.wait_until(lock, After(patience), [&] { return task->done; })) {
    return absl::OkStatus();
  }
  task->given_up = true;
  --state.running;
  ++state.hung;
  state.silent = true;
  state.room_changed.notify_all();
  return Silent();
}

void CallThreads::Serve(State& state) {
  std::unique_lock lock(state.mutex);
  for (;;) {
    ++state.idle;
    state.work_changed.wait(lock, [&] { return state.stopping || !state.queue.empty(); });
    --state.idle;
    if (state.queue.empty()) return;
    const std::shared_ptr<Task> task = std::move(state.queue.front());
    state.queue.pop_front();
    lock.unlock();
    task->work();
    task->work = nullptr;
    lock.lock();
    task->done = true;
    --(task->given_up ? state.hung : state.running);
    state.silent = false;
    task->done_changed.notify_one();
    state.room_changed.notify_one();
  }
}

}  // namespace keysvc::pkcs11
