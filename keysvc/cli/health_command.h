#ifndef KEYSVC_KEYSVC_CLI_HEALTH_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_HEALTH_COMMAND_H_

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

// Asks grpc.health.v1.Health/Check for the whole service. kUnavailable when it does not serve.
ExitCode CheckHealth(const Connection& connection, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_HEALTH_COMMAND_H_
