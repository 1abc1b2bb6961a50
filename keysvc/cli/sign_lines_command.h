#ifndef KEYSVC_KEYSVC_CLI_SIGN_LINES_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_SIGN_LINES_COMMAND_H_

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/cli/signing_commands.h"

namespace keysvc::cli {

// Signs each line of `options.lines` by itself, without its end (LF or CR LF), in batches; with
// `options.digest` a line is a digest in hexadecimal, and all are read before any is signed. Shows
// a row for each, and is kNo when any was not signed.
ExitCode SignLines(const Connection& connection, const SignOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_SIGN_LINES_COMMAND_H_
