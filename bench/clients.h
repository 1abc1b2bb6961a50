#ifndef KEYSVC_BENCH_CLIENTS_H_
#define KEYSVC_BENCH_CLIENTS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load.h"
#include "grpcpp/channel.h"

namespace keysvc::bench {

// The callers of a run, each over connections of its own. Thread-safe.
struct Clients {
  Channels tokenizing;                     // checkout
  Channels revealing;                      // settlement, which also signs
  std::shared_ptr<grpc::Channel> officer;  // makes the signing keys

  // Reads the client profiles checkout.ini, settlement.ini and officer-1.ini of a folder, as
  // deploy/development makes them. `server`: host:port, instead of what they say. Errors:
  // INVALID_ARGUMENT/CONFIG_INVALID, UNAVAILABLE for a file that cannot be read.
  static absl::StatusOr<Clients> Open(const std::string& folder, const std::string& server);
};

// Two connections as one of the callers: few share the cost of TLS records and frames better than
// many. `profile` is a client profile file.
absl::StatusOr<Channels> OpenChannels(const std::string& profile, const std::string& server);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_CLIENTS_H_
