#ifndef KEYSVC_KEYSVC_CLI_AUDIT_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_AUDIT_COMMANDS_H_

#include <cstdint>
#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct ExportOptions {
  std::string out;
  std::uint64_t from = 0;
  std::string verifier_key_out;
};
ExitCode ExportAudit(const Connection& connection, const ExportOptions& options, Output& output);

struct VerifyOptions {
  std::string export_file;
  std::string verifier_key_file;
  // A checkpoint that the auditor kept; may be empty.
  std::string checkpoint_file;
  // The key that verifies that checkpoint, when it is older than a restoration; may be empty.
  std::string checkpoint_key_file;
};
// Offline. kNo when anything was changed.
ExitCode VerifyAudit(const VerifyOptions& options, Output& output);

struct CheckpointOptions {
  std::string out = "-";
  std::string verifier_key_out;
};
ExitCode GetCheckpoint(const Connection& connection, const CheckpointOptions& options);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_AUDIT_COMMANDS_H_
