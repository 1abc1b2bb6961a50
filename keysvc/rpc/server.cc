#include "keysvc/rpc/server.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "keysvc/rpc/grpc_log.h"
#include "keysvc/rpc/rpc_status.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

// The start of the paths that reach the dispatcher, which establishes the caller itself.
constexpr std::string_view kOwnPaths = "/keysvc.v1.";

}  // namespace

// Every path but that of gRPC's own services.
class Server::Dispatcher final : public grpc::CallbackGenericService {
 public:
  explicit Dispatcher(const Edge& edge) : edge_(edge) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return Call::Begin(*context, edge_);
  }

 private:
  const Edge& edge_;
};

// Establishes the caller for the paths that do not reach the dispatcher: the health service answers
// nobody whom the policy does not name. Sees every call, but neither its source nor a way to send
// error details, which is why the dispatcher's own calls pass.
class Server::HealthGate final : public grpc::AuthMetadataProcessor {
 public:
  explicit HealthGate(const Edge& edge) : edge_(edge) {}
  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* peer,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto path = metadata.find(":path");
    if (path != metadata.end() && path->second.starts_with({kOwnPaths.data(), kOwnPaths.size()})) {
      return grpc::Status::OK;
    }
    const absl::StatusOr<policy::Caller> caller = edge_.identity.Identify(*peer, "unknown");
    if (!caller.ok()) edge_.refusals.Count("unknown", WireReason(caller.status()));
    return ToWire(caller.status());
  }

 private:
  const Edge& edge_;
};

Server::Server(Edge edge) : edge_(edge), dispatcher_(std::make_unique<Dispatcher>(edge_)) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Edge edge,
                                                      std::function<absl::Status()> probe_hsm) {
  TakeOverGrpcLog();
  auto server = std::unique_ptr<Server>(new Server(edge));
  const auto credentials = MutualTls(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<HealthGate>(server->edge_));

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetLimits(builder);
  builder.AddListeningPort(options.listen, credentials, &server->port_);
  builder.RegisterCallbackGenericService(server->dispatcher_.get());
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return Error(Reason::kConfigInvalid,
                 absl::StrCat("cannot serve on ", options.listen,
                              ": the address is in use or not ours, or the TLS certificate and "
                              "key do not fit"));
  }
  server->health_ = std::make_unique<HealthMonitor>(*server->server_->GetHealthCheckService(),
                                                    edge.journal, std::move(probe_hsm));
  return server;
}

void Server::Stop(absl::Duration patience) {
  if (health_ != nullptr) health_->Stop();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + patience));
  server_->Wait();
}

}  // namespace keysvc::rpc
