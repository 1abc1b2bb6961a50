#ifndef KEYSVC_KEYSVC_CLI_RECOVERY_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_RECOVERY_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct RecoveryInitOptions {
  std::string deployment;
  std::string environment;
  std::uint8_t threshold = 0;
  std::uint8_t shares = 0;
  std::string out;  // a folder
};
// Offline. Makes a recovery key in memory, shares it, tries every share and the certificate once,
// and writes "recovery.pem" and "share-1" to "share-N" (mode 0600). Overwrites nothing, and leaves
// nothing behind when it fails.
ExitCode InitRecovery(const RecoveryInitOptions& options, Output& output);

struct RecoveryShowOptions {
  std::vector<std::string> share_files;
  std::string certificate_file;  // may be empty
};
// Offline. Says what the shares are of, without showing them, and puts them together to tell
// whether they would do; kNo when not.
ExitCode ShowRecovery(const RecoveryShowOptions& options, Output& output);

struct RecoveryRestoreOptions {
  std::string config_file;
  std::vector<std::string> share_files;
  std::string verifier_key_file;
  bool accept_older_store = false;
};
// Becomes the keysvcd beside this program, which does the work: only it may touch the HSM and the
// store. Returns when that fails.
ExitCode RestoreRecovery(const RecoveryRestoreOptions& options);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_RECOVERY_COMMANDS_H_
