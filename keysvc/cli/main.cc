// The command line of keysvc: `keysvc --help`, docs/command_line.md.
#include "crypto/process_hardening.h"
#include "keysvc/cli/command_line.h"
#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"

int main(int argc, char** argv) {
  keysvc::cli::RequireTls13();
  // Enough for a buffer of cards, or the shares of a recovery key.
  const absl::Status hardened = keysvc::crypto::HardenProcess(256 << 10);
  if (!hardened.ok()) return static_cast<int>(keysvc::cli::Report(hardened));
  return keysvc::cli::RunCommandLine(argc, argv);
}
