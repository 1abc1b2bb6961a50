#ifndef KEYSVC_KEYSVC_CLI_UPDATE_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_UPDATE_COMMAND_H_

#include <string>
#include <vector>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct UpdateOptions {
  std::vector<std::string> names;
  std::string file = "-";
  std::string request_id;
  std::string profile;
};

// Puts a card behind each token, as many as there are. Reads all of them before it changes any.
ExitCode UpdateTokenCards(const Connection& connection, const UpdateOptions& options,
                          Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_UPDATE_COMMAND_H_
