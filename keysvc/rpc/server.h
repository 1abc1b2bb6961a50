#ifndef KEYSVC_KEYSVC_RPC_SERVER_H_
#define KEYSVC_KEYSVC_RPC_SERVER_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "keysvc/rpc/call.h"
#include "keysvc/rpc/health_monitor.h"
#include "keysvc/rpc/server_settings.h"

namespace keysvc::rpc {

// The edge: TLS 1.3 with a client certificate of a known authority, then identity, limits and the
// method table for every call. Thread-safe.
class Server {
 public:
  // Serves from then on. UNAVAILABLE/... CONFIG_INVALID when the address cannot be listened on or
  // certificate and key do not fit. What `edge` names must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, Edge edge,
                                                       std::function<absl::Status()> probe_hsm);
  // Stop(), if nobody did.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }

  // Takes no new calls, finishes those it accepted, and cancels what is left after `patience`.
  // Idempotent.
  void Stop(absl::Duration patience = absl::Seconds(10));

 private:
  class Dispatcher;
  class HealthGate;

  explicit Server(Edge edge);

  const Edge edge_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HealthMonitor> health_;
  int port_ = 0;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_SERVER_H_
