#ifndef KEYSVC_KEYSVC_CLI_COMMAND_LINE_H_
#define KEYSVC_KEYSVC_CLI_COMMAND_LINE_H_

namespace keysvc::cli {

// Understands the command line, runs its verb and returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_COMMAND_LINE_H_
