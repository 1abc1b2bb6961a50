// How gRPC is set up to serve. Apart from the server, so that the benchmark's bare echo has the
// same.
#ifndef KEYSVC_KEYSVC_RPC_SERVER_SETTINGS_H_
#define KEYSVC_KEYSVC_RPC_SERVER_SETTINGS_H_

#include <memory>
#include <string>

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace keysvc::rpc {

struct ServerOptions {
  std::string listen;             // "127.0.0.1:7443"; port 0 chooses a free one
  std::string certificate_chain;  // PEM
  std::string private_key;        // PEM
  std::string authorities;        // PEM: every trust domain's
};

// gRPC has no option for a lowest TLS version, but a variable that names its TLS 1.2 suites; one
// that can never be negotiated leaves only TLS 1.3. For the whole process; the first thing of main.
void RequireTls13();

// Abseil, as the distribution builds it, looks for cycles at every lock of gRPC's: a twentieth of
// the service's processor time, and the end of the process when it thinks it has found one. For the
// whole process; in main, before the first call.
void LookForNoLockCycles();

// TLS with a client certificate of one of the authorities.
std::shared_ptr<grpc::ServerCredentials> MutualTls(const ServerOptions& options);

// The bounds on messages, metadata, streams and connections.
void SetLimits(grpc::ServerBuilder& builder);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_SERVER_SETTINGS_H_
