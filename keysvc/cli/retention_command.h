#ifndef KEYSVC_KEYSVC_CLI_RETENTION_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_RETENTION_COMMAND_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

// Shows what the tokens of "tenants/{tenant}" keep of cards; on a terminal also how far the reading
// is. kNo when cards should have been erased that were not.
ExitCode ReportRetention(const Connection& connection, const std::string& tenant, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_RETENTION_COMMAND_H_
