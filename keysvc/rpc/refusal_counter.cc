#include "keysvc/rpc/refusal_counter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "keysvc/rpc/grpc_log.h"
#include "status/abseil.h"

namespace keysvc::rpc {
namespace {

// Bounds the memory that strangers can make us use, and the size of a record.
constexpr std::size_t kSourcesToldApart = 256;

}  // namespace

RefusalCounter::RefusalCounter(audit::Journal& journal, absl::Duration tick)
    : journal_(journal), tick_(tick), thread_([this] { Run(); }) {}

RefusalCounter::~RefusalCounter() { Stop(); }

void RefusalCounter::Count(std::string_view source, Reason reason) {
  const std::string_view name = InfoOf(reason).name;
  std::string key = absl::StrCat(ToAbsl(source), " ", ToAbsl(name));
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= kSourcesToldApart && !counts_.contains(key)) {
    key = absl::StrCat("others ", ToAbsl(name));
  }
  Add(std::move(key), 1);
}

void RefusalCounter::Add(std::string key, std::uint64_t count) { counts_[std::move(key)] += count; }

void RefusalCounter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void RefusalCounter::Run() {
  bool last = false;
  while (!last) {
    {
      std::unique_lock lock(mutex_);
      last = wake_.wait_for(lock, absl::ToChronoNanoseconds(tick_), [this] { return stopping_; });
    }
    Flush();
  }
}

void RefusalCounter::Flush() {
  Counts counts;
  {
    const std::lock_guard lock(mutex_);
    // gRPC does not tell where a failed handshake came from.
    const std::uint64_t handshakes = TakeFailedHandshakes();
    if (handshakes > 0) Add("unknown TLS_HANDSHAKE", handshakes);
    counts.swap(counts_);
  }
  if (counts.empty()) return;

  audit::Entry entry;
  entry.action = "Edge.Refusals";
  entry.outcome = audit::Outcome::kDenied;
  entry.actor = "unknown";
  for (const auto& [key, count] : counts) entry.details[key] = absl::StrCat(count);
  if (journal_.Record(std::move(entry)).ok()) return;

  const std::lock_guard lock(mutex_);
  for (auto& [key, count] : counts) Add(key, count);
}

}  // namespace keysvc::rpc
