#ifndef KEYSVC_KEYSVC_RPC_REFUSAL_COUNTER_H_
#define KEYSVC_KEYSVC_RPC_REFUSAL_COUNTER_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "audit/journal.h"
#include "status/reason.h"

namespace keysvc::rpc {

// Counts what is refused before a caller is known or before work began (no identity, overload,
// failed handshakes), by source and reason, so that a flood costs one record a tick instead of one
// a call. Each tick with refusals becomes one record "Edge.Refusals" whose details are
// "<source> <REASON>" = count; while the journal is away they are kept and added up. Thread-safe.
class RefusalCounter {
 public:
  // A refusal is durable within about two ticks.
  explicit RefusalCounter(audit::Journal& journal, absl::Duration tick = absl::Milliseconds(500));
  // Stop(), if nobody did.
  ~RefusalCounter();
  RefusalCounter(const RefusalCounter&) = delete;
  RefusalCounter& operator=(const RefusalCounter&) = delete;

  // `source` is the peer's address. Of very many sources only the first are told apart.
  void Count(std::string_view source, Reason reason);

  // Records what is left and ends the thread. Before the journal stops. Idempotent.
  void Stop();

 private:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  void Run();
  void Add(std::string key, std::uint64_t count);
  void Flush();

  audit::Journal& journal_;
  const absl::Duration tick_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_REFUSAL_COUNTER_H_
