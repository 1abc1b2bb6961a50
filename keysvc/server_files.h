#ifndef KEYSVC_KEYSVC_SERVER_FILES_H_
#define KEYSVC_KEYSVC_SERVER_FILES_H_

#include "absl/status/statusor.h"
#include "keysvc/config.h"
#include "keysvc/rpc/caller_identity.h"
#include "keysvc/rpc/server.h"

namespace keysvc {

// The authority of each trust domain. CONFIG_INVALID names the file that is none.
absl::StatusOr<rpc::CallerIdentity::Authorities> LoadAuthorities(const Config& config);

// Where to listen, with the server's certificate, its private key and the authorities that callers'
// certificates may come from. CONFIG_INVALID names a file that cannot be read.
absl::StatusOr<rpc::ServerOptions> LoadServerOptions(const Config& config);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_SERVER_FILES_H_
