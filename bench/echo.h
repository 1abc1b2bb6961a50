#ifndef KEYSVC_BENCH_ECHO_H_
#define KEYSVC_BENCH_ECHO_H_

#include <string>

#include "absl/status/status.h"

namespace keysvc::bench {

// Serves, until SIGTERM, what gRPC can do at best: every call is answered with its own bytes, by
// the same raw path, TLS and settings as the service's, and nothing else is done. Prints "serving
// on ADDRESS". `config` is the service's configuration file, for its certificate.
absl::Status ServeEcho(const std::string& config);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_ECHO_H_
