// keysvcd: the service. init makes a deployment and serve runs it; enroll-recovery and restore
// prepare for the loss of the HSM and mend it; check-store and check-config look.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/process_hardening.h"
#include "crypto/self_test.h"
#include "keysvc/config.h"
#include "keysvc/offline_commands.h"
#include "keysvc/restore.h"
#include "keysvc/rpc/server_settings.h"
#include "keysvc/rpc/trouble_log.h"
#include "keysvc/say.h"
#include "keysvc/serve.h"
#include "status/macros.h"

namespace keysvc {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;
// EX_DATAERR of sysexits.h: what only somebody can mend, and a service manager must not start again
// (deploy/keysvc.service).
constexpr int kExitDataLoss = 65;

absl::Status PrepareProcess(const Config& config) {
  RETURN_IF_ERROR(crypto::HardenProcess(config.locked_memory_mib * kMebibyte));
  return crypto::RunSelfTests();
}

}  // namespace
}  // namespace keysvc

int main(int argc, char** argv) {
  keysvc::rpc::RequireTls13();
  keysvc::rpc::LookForNoLockCycles();

  CLI::App app("The key and tokenization service; serves when no command is given.", "keysvcd");
  app.require_subcommand(0, 1);
  std::string config_file;
  app.add_option("--config", config_file, "The configuration file")->required();
  using Command = std::function<absl::Status(const keysvc::Config&)>;
  Command run = keysvc::Serve;
  bool serves = true;
  const auto add = [&](const char* name, const char* what, const Command& action) {
    CLI::App* command = app.add_subcommand(name, what);
    command->fallthrough();
    command->callback([&run, &serves, action, serve = std::string_view(name) == "serve"] {
      run = action;
      serves = serve;
    });
    return command;
  };
  add("init", "Make the keys and the empty store of a new deployment", keysvc::Init);
  add("serve", "Serve until SIGTERM or SIGINT; SIGHUP loads the policy again", keysvc::Serve);
  add("enroll-recovery", "Seal every key to the configured recovery certificate",
      keysvc::EnrollRecovery);
  keysvc::RestoreOptions restore_options;
  CLI::App* restore =
      add("restore", "Rebuild a deployment whose HSM is lost, or whose store is an older one",
          [&restore_options](const keysvc::Config& config) {
            return keysvc::Restore(config, restore_options);
          });
  restore->add_option("--share", restore_options.share_files, "The custodians' shares")->required();
  restore
      ->add_option("--verifier-key", restore_options.verifier_key_file,
                   "A file with the key that verified the log's checkpoints until now")
      ->required();
  restore->add_flag("--accept-older-store", restore_options.accept_older_store,
                    "Give up the records that the newest checkpoint outside has and the store not");
  add("check-store", "Compare every row of the store with keys and log; not while it is served",
      keysvc::CheckStoreOffline);
  add("check-config", "Check the configuration and the policy, change nothing",
      keysvc::CheckConfig);
  CLI11_PARSE(app, argc, argv);

  const absl::StatusOr<keysvc::Config> config = keysvc::LoadConfig(config_file);
  // Before any command reads a secret; check-config reads the TLS key.
  absl::Status status = config.ok() ? keysvc::PrepareProcess(*config) : config.status();
  if (status.ok()) status = keysvc::ForOperator(run(*config));
  if (status.ok()) return 0;
  if (absl::IsDataLoss(status)) {
    keysvc::rpc::TroubleLog().Note("the start", status);
  }
  keysvc::SayError("", status);
  return serves && absl::IsDataLoss(status) ? keysvc::kExitDataLoss : 1;
}
