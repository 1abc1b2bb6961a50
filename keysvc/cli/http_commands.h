#ifndef KEYSVC_KEYSVC_CLI_HTTP_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_HTTP_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct HttpSignatureOptions {
  std::string key;
  std::string message_file = "-";
  std::string scheme = "https";
  // What is covered; of Verify, what has to be.
  std::vector<std::string> components;
  std::string label;
  std::int64_t valid_seconds = 0;
  std::string nonce;
  std::string tag;
  std::string out = "-";
  std::int64_t max_age_seconds = 0;
  bool accept_once = false;
  std::string request_id;
};
// Writes the fields to add to the message, one in a line.
ExitCode SignHttpMessage(const Connection& connection, const HttpSignatureOptions& options);
// kNo for one that is not accepted.
ExitCode VerifyHttpMessage(const Connection& connection, const HttpSignatureOptions& options,
                           Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_HTTP_COMMANDS_H_
