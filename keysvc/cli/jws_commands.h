#ifndef KEYSVC_KEYSVC_CLI_JWS_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_JWS_COMMANDS_H_

#include <cstdint>
#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct JwsOptions {
  std::string key;
  std::string in = "-";  // the payload; of Verify, a detached JWS's
  std::string jws_file;
  std::string out = "-";
  std::string type;
  bool detached = false;
  bool unencoded = false;
  bool without_issue_time = false;
  bool with_certificates = false;
  bool accept_once = false;
  std::string open_banking_issuer;  // both empty: no Open Banking
  std::string open_banking_trust_anchor;
  std::int64_t max_age_seconds = 0;
  std::string request_id;
};
// Writes the JWS, followed by a line feed.
ExitCode SignJws(const Connection& connection, const JwsOptions& options);
// kNo for one that is not accepted.
ExitCode VerifyJws(const Connection& connection, const JwsOptions& options, Output& output);

struct JwksOptions {
  std::string name;
  std::string out = "-";
};
// Writes the JWK set of a key; into a file, also shows for how long verifiers may keep it.
ExitCode GetJwks(const Connection& connection, const JwksOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_JWS_COMMANDS_H_
