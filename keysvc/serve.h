#ifndef KEYSVC_KEYSVC_SERVE_H_
#define KEYSVC_KEYSVC_SERVE_H_

#include "absl/status/status.h"
#include "keysvc/config.h"

namespace keysvc {

// Serves a deployment until SIGTERM or SIGINT; SIGHUP loads the policy again. On the process's
// first thread, before any other is started. Returns once every accepted call is finished and the
// log is closed; an error when it could not start.
absl::Status Serve(const Config& config);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_SERVE_H_
