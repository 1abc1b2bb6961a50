#ifndef KEYSVC_KEYSVC_CLI_COSE_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_COSE_COMMANDS_H_

#include <cstdint>
#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct CoseOptions {
  std::string key;
  std::string in = "-";  // the payload; of Verify, a detached message's
  std::string cose_file;
  std::string external_aad_file;
  std::string out = "-";
  bool detached = false;
  bool without_issue_time = false;
  bool accept_once = false;
  std::int64_t max_age_seconds = 0;
  std::string request_id;
};
// Writes the COSE_Sign1, which is binary.
ExitCode SignCose(const Connection& connection, const CoseOptions& options);
// kNo for one that is not accepted.
ExitCode VerifyCose(const Connection& connection, const CoseOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_COSE_COMMANDS_H_
