#include "keysvc/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/health_command.h"
#include "keysvc/cli/key_commands.h"
#include "keysvc/cli/output.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

int Misused(std::string_view what) {
  std::cerr << "error: " << what << "\n(--help shows what is possible)" << std::endl;
  return static_cast<int>(ExitCode::kUsage);
}

void ReadProfileFile(CLI::App& app) {
  // The library's own handling of the variable comes too late for a configuration file.
  const char* variable = std::getenv("KEYSVC_CLIENT");
  const std::string named = variable != nullptr ? variable : "";
  app.set_config("--profile-file", named,
                 "Read these options from an INI file (or let KEYSVC_CLIENT name it)",
                 !named.empty())
      ->option_text("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
}

void AddServiceVerbs(Verbs& verbs) {
  verbs.Remote(verbs.app(), "lock",
               "Makes the service drop every key it holds open; the HSM opens them again.",
               "keysvc lock", LockKeys);
  verbs.Remote(verbs.app(), "health", "Asks whether the service is ready.", "keysvc health",
               CheckHealth);
  verbs.Local(verbs.app(), "version", "Shows the version of this program.", "keysvc version",
              [](Output& output) {
                output.Show({{"version", KEYSVC_VERSION}});
                return ExitCode::kOk;
              });
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("Tokenizes cards and signs with keys of an HSM, through keysvcd.", "keysvc");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kExitCodes);
  ReadProfileFile(app);
  Verbs verbs(app);
  AddTokenVerbs(verbs);
  AddSigningVerbs(verbs);
  AddJwsVerbs(verbs);
  AddHttpVerbs(verbs);
  AddWebhookVerbs(verbs);
  AddCoseVerbs(verbs);
  AddKeyVerbs(verbs);
  AddPartnerKeyVerbs(verbs);
  AddAuditVerbs(verbs);
  AddPolicyVerbs(verbs);
  AddRecoveryVerbs(verbs);
  AddServiceVerbs(verbs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    // Without saying which: it may be a card number.
    return Misused("an argument is not expected here");
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    if (error.get_name() != "FileError") return Misused(error.what());
    return static_cast<int>(Report(absl::UnavailableError("cannot read the profile file")));
  }
  return static_cast<int>(verbs.RunChosen());
}

}  // namespace keysvc::cli
