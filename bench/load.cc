#include "bench/load.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"

namespace keysvc::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Stub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;

constexpr std::chrono::seconds kDeadline(30);
constexpr std::chrono::seconds kLongestStretch(10);
// Of a paced load: a service this far behind is not at half of its peak any more.
constexpr std::size_t kMostPaced = 8192;
constexpr absl::Duration kTick = absl::Milliseconds(1);

// What all the calls of a stretch share.
struct Shared {
  Shared(const Channels& channels, const Call& of) : call(of) {
    for (const auto& channel : channels) stubs.emplace_back(channel);
  }

  void Fail(const std::string& why) {
    const std::lock_guard lock(mutex);
    ++failures[why];
  }
  void Ended() {
    const std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  }
  void AwaitAll() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return running == 0; });
  }

  const Call& call;
  std::vector<Stub> stubs;
  std::atomic<bool> counting = false;
  std::atomic<bool> counted = false;  // whether any call was
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t running = 0;  // slots, or paced calls
  std::map<std::string, std::uint64_t> failures;
};

// One place in flight: a call, then the next. Used by one callback at a time.
class Slot {
 public:
  Slot(Shared& shared, std::size_t number)
      : shared_(shared), stub_(shared.stubs[number % shared.stubs.size()]) {}

  void Start() { StartDue(Clock::now()); }
  void StartDue(Clock::time_point due) {
    due_ = due;
    context_.emplace();
    context_->set_deadline(std::chrono::system_clock::now() + kDeadline);
    request_ = shared_.call.next();
    response_.Clear();
    stub_.UnaryCall(&*context_, shared_.call.method, grpc::StubOptions(), &request_, &response_,
                    [this](const grpc::Status& status) { OnDone(status); });
  }

  std::vector<std::uint32_t>& latencies() { return latencies_; }
  void set_once() { once_ = true; }
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  void set_busy() { busy_.store(true, std::memory_order_relaxed); }

 private:
  void OnDone(const grpc::Status& status) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - due_);
    if (!status.ok()) {
      shared_.Fail(
          absl::StrCat(static_cast<int>(status.error_code()), " ", status.error_message()));
    } else if (!looked_) {
      // One answer of each slot is read whole: reading all of them would cost what is measured.
      looked_ = true;
      if (!shared_.call.is_right(response_)) shared_.Fail("a wrong answer");
    }
    if (status.ok() && shared_.counting.load(std::memory_order_relaxed)) {
      latencies_.push_back(static_cast<std::uint32_t>(took.count()));
      if (!shared_.counted.load(std::memory_order_relaxed)) shared_.counted = true;
    }
    if (once_) {
      busy_.store(false, std::memory_order_release);
      shared_.Ended();
    } else if (shared_.stopping.load(std::memory_order_relaxed) || !status.ok()) {
      shared_.Ended();
    } else {
      Start();
    }
  }

  Shared& shared_;
  Stub& stub_;
  bool once_ = false;
  bool looked_ = false;
  std::atomic<bool> busy_ = false;
  Clock::time_point due_;
  std::optional<grpc::ClientContext> context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::vector<std::uint32_t> latencies_;
};

using Slots = std::vector<std::unique_ptr<Slot>>;

// Counts from its making to Finish().
class Meter {
 public:
  Meter(Shared& shared, pid_t server)
      : shared_(shared),
        server_(server),
        server_before_(ProcessorTimeOf(server)),
        client_before_(ProcessorTimeOf(getpid())),
        began_(Clock::now()) {
    shared.counting = true;
  }

  void Stop() {
    shared_.counting = false;
    seconds_ = std::chrono::duration<double>(Clock::now() - began_).count();
    server_used_ = ProcessorTimeOf(server_) - server_before_;
    client_used_ = ProcessorTimeOf(getpid()) - client_before_;
  }

  // Once all calls have ended.
  Sample Result(const Slots& slots) const {
    std::vector<std::uint32_t> latencies;
    for (const auto& slot : slots) {
      latencies.insert(latencies.end(), slot->latencies().begin(), slot->latencies().end());
    }
    Sample sample;
    sample.failures = shared_.failures;
    sample.calls = latencies.size();
    if (sample.calls == 0) return sample;
    const auto calls = static_cast<double>(sample.calls);
    sample.rate = calls * static_cast<double>(shared_.call.items) / seconds_;
    sample.latencies = LatenciesOf(std::move(latencies));
    sample.server_time = server_used_.total / calls;
    sample.client_time = client_used_.total / calls;
    for (const auto& [name, time] : server_used_.by_thread) {
      if (time > 0) sample.server_threads[name] = time / calls;
    }
    return sample;
  }

 private:
  Shared& shared_;
  const pid_t server_;
  const ProcessorTime server_before_;
  const ProcessorTime client_before_;
  const Clock::time_point began_;
  double seconds_ = 0;
  ProcessorTime server_used_;
  ProcessorTime client_used_;
};

}  // namespace

Sample RunClosed(const Channels& channels, const Call& call, std::size_t in_flight,
                 const Stretch& stretch, pid_t server) {
  Shared shared(channels, call);
  Slots slots;
  for (std::size_t i = 0; i < in_flight; ++i) slots.push_back(std::make_unique<Slot>(shared, i));
  shared.running = in_flight;
  for (const auto& slot : slots) slot->Start();
  absl::SleepFor(stretch.warm_up);
  Meter meter(shared, server);
  absl::SleepFor(stretch.counted);
  // A short stretch on a busy machine may end before the first answer.
  const auto patience = Clock::now() + kLongestStretch;
  while (!shared.counted && Clock::now() < patience) absl::SleepFor(kTick);
  meter.Stop();
  shared.stopping = true;
  shared.AwaitAll();
  return meter.Result(slots);
}

Sample RunPaced(const Channels& channels, const Call& call, double rate, const Stretch& stretch,
                pid_t server) {
  Shared shared(channels, call);
  Slots slots;
  for (std::size_t i = 0; i < kMostPaced; ++i) {
    slots.push_back(std::make_unique<Slot>(shared, i));
    slots.back()->set_once();
  }
  const auto began = Clock::now();
  const auto counted_from = began + absl::ToChronoNanoseconds(stretch.warm_up);
  const auto end = counted_from + absl::ToChronoNanoseconds(stretch.counted);
  std::optional<Meter> meter;
  std::uint64_t started = 0;
  std::size_t next = 0;
  // As in RunClosed.
  const auto patience = end + kLongestStretch;
  for (auto now = Clock::now(); now < end || (!shared.counted && now < patience);
       now = Clock::now()) {
    if (!meter.has_value() && now >= counted_from) meter.emplace(shared, server);
    const double elapsed = std::chrono::duration<double>(now - began).count();
    for (; static_cast<double>(started) < elapsed * rate; ++started) {
      const auto due =
          began + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(started) / rate));
      Slot& slot = *slots[next++ % slots.size()];
      if (slot.busy()) {
        shared.Fail("the service is too far behind");
        continue;
      }
      slot.set_busy();
      {
        const std::lock_guard lock(shared.mutex);
        ++shared.running;
      }
      slot.StartDue(due);
    }
    absl::SleepFor(kTick);
  }
  meter->Stop();
  shared.AwaitAll();
  return meter->Result(slots);
}

}  // namespace keysvc::bench
