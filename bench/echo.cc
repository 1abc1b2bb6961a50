#include "bench/echo.h"

#include <signal.h>

#include <cstdio>

#include "absl/time/clock.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"
#include "keysvc/config.h"
#include "keysvc/rpc/server_settings.h"
#include "keysvc/server_files.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

class EchoCall final : public grpc::ServerGenericBidiReactor {
 public:
  EchoCall() { StartRead(&body_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
    StartWriteAndFinish(&body_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer body_;
};

class EchoService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new EchoCall;
  }
};

}  // namespace

absl::Status ServeEcho(const std::string& config) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  ASSIGN_OR_RETURN(const Config loaded, LoadConfig(config));
  ASSIGN_OR_RETURN(const rpc::ServerOptions options, LoadServerOptions(loaded));
  EchoService service;
  grpc::ServerBuilder builder;
  rpc::SetLimits(builder);
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", rpc::MutualTls(options), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return absl::UnavailableError("the echo cannot serve");
  std::fprintf(stderr, "serving on 127.0.0.1:%d\n", port);

  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
  server->Wait();
  return absl::OkStatus();
}

}  // namespace keysvc::bench
