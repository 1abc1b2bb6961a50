#ifndef KEYSVC_KEYSVC_RPC_GRPC_LOG_H_
#define KEYSVC_KEYSVC_RPC_GRPC_LOG_H_

#include <cstdint>

namespace keysvc::rpc {

// Takes gRPC's log over for the whole process; call it before anything else of gRPC. Of an error
// only the place in gRPC's sources reaches stderr, never its text, which may hold what a peer sent.
// Failed TLS handshakes are counted and not printed. Protobuf's log, which complains about what
// peers send, is closed. Idempotent; thread-safe.
void TakeOverGrpcLog();

// The TLS handshakes that failed since the last call. Thread-safe.
std::uint64_t TakeFailedHandshakes();

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_GRPC_LOG_H_
