#ifndef KEYSVC_KEYSVC_CLI_IMPORT_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_IMPORT_COMMAND_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

struct ImportOptions {
  std::string profile;
  std::string file = "-";
  bool tokens = false;  // whether each line begins with one
  std::string results;
  // Of all:
  v1::TokenDomain domain;
  v1::TokenMetadata metadata;
};

// Brings cards into a profile, a hundred in a call, and writes what became of each line into the
// file of results before it goes on. The same command goes on where one was broken off.
ExitCode ImportTokens(const Connection& connection, const ImportOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_IMPORT_COMMAND_H_
