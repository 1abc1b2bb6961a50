#include "keysvc/rpc/grpc_log.h"

#include <atomic>
#include <cstdio>
#include <string_view>

#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"

namespace keysvc::rpc {
namespace {

// gRPC takes a plain function, so what it counts has to be of the process.
std::atomic<std::uint64_t> failed_handshakes = 0;

void OnGrpcLog(gpr_log_func_args* line) {
  if (line->severity != GPR_LOG_SEVERITY_ERROR) return;
  const std::string_view message(line->message);
  if (message.starts_with("Handshake failed")) {
    failed_handshakes.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const std::string_view path(line->file);
  const std::string_view file = path.substr(path.rfind('/') + 1);
  std::fprintf(stderr, "gRPC error at %.*s:%d\n", static_cast<int>(file.size()), file.data(),
               line->line);
}

}  // namespace

void TakeOverGrpcLog() {
  gpr_set_log_function(OnGrpcLog);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  google::protobuf::SetLogHandler(nullptr);
}

std::uint64_t TakeFailedHandshakes() {
  return failed_handshakes.exchange(0, std::memory_order_relaxed);
}

}  // namespace keysvc::rpc
