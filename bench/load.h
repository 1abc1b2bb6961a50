#ifndef KEYSVC_BENCH_LOAD_H_
#define KEYSVC_BENCH_LOAD_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bench/spread.h"
#include "bench/usage.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/byte_buffer.h"

namespace keysvc::bench {

using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

// What is called, with what, and what a right answer is. The functions are thread-safe.
struct Call {
  std::string method;                               // "/keysvc.v1.TokenService/Tokenize"
  std::function<grpc::ByteBuffer()> next;           // the body of the next request
  std::function<bool(grpc::ByteBuffer&)> is_right;  // looks at some of the answers
  std::size_t items = 1;                            // in one call
};

// One stretch of load.
struct Sample {
  double rate = 0;  // items that were answered, in a second
  Latencies latencies;
  std::uint64_t calls = 0;
  std::map<std::string, std::uint64_t> failures;  // by code and message
  // Microseconds of processor time for each call.
  double server_time = 0;
  double client_time = 0;
  std::map<std::string, double> server_threads;
};

// How long, after a start that is not counted.
struct Stretch {
  absl::Duration warm_up;
  absl::Duration counted;
};

// Keeps `in_flight` calls on their way, each followed by the next as soon as it is answered.
// `server` is the process whose processor time is counted, 0 when it is on another machine.
Sample RunClosed(const Channels& channels, const Call& call, std::size_t in_flight,
                 const Stretch& stretch, pid_t server);

// Begins `rate` calls a second whatever becomes of them. Latencies count from when a call was due,
// so that a stall of the service is seen by every call that it delayed.
Sample RunPaced(const Channels& channels, const Call& call, double rate, const Stretch& stretch,
                pid_t server);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_LOAD_H_
