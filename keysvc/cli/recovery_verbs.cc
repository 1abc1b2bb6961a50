#include <cstdint>
#include <memory>

#include "keysvc/cli/recovery_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddInit(Verbs& verbs, CLI::App& recovery) {
  const auto options = std::make_shared<RecoveryInitOptions>();
  CLI::App& verb = verbs.Local(
      recovery, "init",
      "Makes a recovery key and shares it among custodians. Do it on a machine without a network.",
      "keysvc recovery init --deployment shop --environment production --threshold 3 --shares 5 "
      "--out ceremony",
      With(options, InitRecovery));
  verb.add_option("--deployment", options->deployment,
                  "The deployment's name, as in its configuration")
      ->option_text("NAME")
      ->required();
  verb.add_option("--environment", options->environment, "Its environment")
      ->option_text("development|test|production")
      ->required();
  const auto count = [&verb](const char* name, std::uint8_t& target, const char* help) {
    verb.add_option(name, target, help)->option_text("2-16")->check(CLI::Range(2, 16))->required();
  };
  count("--threshold", options->threshold, "How many shares are needed");
  count("--shares", options->shares, "How many shares there are");
  verb.add_option("--out", options->out, "The folder for recovery.pem and the shares")
      ->option_text("FOLDER")
      ->required();
}

void AddShow(Verbs& verbs, CLI::App& recovery) {
  const auto options = std::make_shared<RecoveryShowOptions>();
  CLI::App& verb = verbs.Local(
      recovery, "show", "Says what shares are of and whether these would do. Shows no secret.",
      "keysvc recovery show share-1 share-4 share-5", With(options, ShowRecovery));
  verb.add_option("shares", options->share_files, "The shares")->option_text("FILE...")->required();
  AddFile(verb, "--certificate", options->certificate_file,
          "The recovery certificate that they should be of");
}

void AddRestore(Verbs& verbs, CLI::App& recovery) {
  const auto options = std::make_shared<RecoveryRestoreOptions>();
  CLI::App& verb = verbs.Local(
      recovery, "restore",
      "Rebuilds a deployment whose HSM is lost on the configured token, or lets an older store go "
      "on. The service must be stopped.",
      "keysvc recovery restore --config config.yaml --verifier-key log.vkey --share share-1 "
      "--share share-4",
      [options](Output&) { return RestoreRecovery(*options); });
  AddFile(verb, "--config", options->config_file, "The configuration of keysvcd")->required();
  verb.add_option("--share", options->share_files, "The custodians' shares")
      ->option_text("FILE...")
      ->required();
  AddFile(verb, "--verifier-key", options->verifier_key_file,
          "The key that verified the log's checkpoints until now")
      ->required();
  verb.add_flag("--accept-older-store", options->accept_older_store,
                "Give up the records that the newest checkpoint outside has and the store not");
}

}  // namespace

void AddRecoveryVerbs(Verbs& verbs) {
  CLI::App& recovery =
      verbs.Group("recovery", "Makes and checks the shares that survive the HSM, offline.");
  AddInit(verbs, recovery);
  AddShow(verbs, recovery);
  AddRestore(verbs, recovery);
}

}  // namespace keysvc::cli
