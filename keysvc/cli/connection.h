#ifndef KEYSVC_KEYSVC_CLI_CONNECTION_H_
#define KEYSVC_KEYSVC_CLI_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace keysvc::cli {

// Where the service is and who we are to it.
struct Endpoint {
  std::string server = "127.0.0.1:7443";
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  // The name to expect in the server's certificate, when it is not the host's.
  std::string server_name;
  std::optional<absl::Duration> timeout;
};

// Restricts TLS to version 1.3, which this version of gRPC can do only through the environment and
// only before it starts. First in main.
void RequireTls13();

// One channel to the service over mutual TLS. Thread-safe.
class Connection {
 public:
  // Reads the files; does not connect yet. INVALID_ARGUMENT/CONFIG_INVALID when one is not given.
  static absl::StatusOr<Connection> Open(const Endpoint& endpoint);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // The context of one call, which ends within --timeout, or else within `otherwise`.
  std::unique_ptr<grpc::ClientContext> Call(absl::Duration otherwise = absl::Seconds(10)) const;

 private:
  Connection(std::shared_ptr<grpc::Channel> channel, std::optional<absl::Duration> timeout)
      : channel_(std::move(channel)), timeout_(timeout) {}

  std::shared_ptr<grpc::Channel> channel_;
  std::optional<absl::Duration> timeout_;
};

// What the service answered, with the reason and the field of its google.rpc details.
absl::Status FromWire(const grpc::Status& status);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_CONNECTION_H_
