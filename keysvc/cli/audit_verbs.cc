#include <memory>

#include "keysvc/cli/audit_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddExport(Verbs& verbs, CLI::App& audit) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App& verb = verbs.Remote(audit, "export", "Writes the access log as JSON Lines.",
                                "keysvc audit export --out log.jsonl --verifier-key-out log.vkey",
                                With(options, ExportAudit));
  AddFile(verb, "--out", options->out, "Where it goes")->required();
  verb.add_option("--from", options->from, "The first record [0]")->option_text("INDEX");
  AddFile(verb, "--verifier-key-out", options->verifier_key_out,
          "Where the key goes that verifies it (better: one that you kept)");
}

void AddVerify(Verbs& verbs, CLI::App& audit) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb = verbs.Local(
      audit, "verify", "Checks an export, offline. Exits with 1 when anything was changed.",
      "keysvc audit verify --export log.jsonl --verifier-key log.vkey --checkpoint kept.note",
      With(options, VerifyAudit));
  AddFile(verb, "--export", options->export_file, "The export")->required();
  AddFile(verb, "--verifier-key", options->verifier_key_file, "The key that verifies the log")
      ->required();
  AddFile(verb, "--checkpoint", options->checkpoint_file,
          "A checkpoint that was kept elsewhere, which the export must continue");
  AddFile(verb, "--checkpoint-key", options->checkpoint_key_file,
          "The key that verifies that checkpoint, when it is from before a restoration "
          "[the log's]");
}

void AddCheckpoint(Verbs& verbs, CLI::App& audit) {
  const auto options = std::make_shared<CheckpointOptions>();
  CLI::App& verb = verbs.Remote(audit, "checkpoint", "Fetches the newest checkpoint of the log.",
                                "keysvc audit checkpoint --out kept.note",
                                [options](const Connection& connection, Output&) {
                                  return GetCheckpoint(connection, *options);
                                });
  AddFile(verb, "--out", options->out, "Where it goes [standard output]");
  AddFile(verb, "--verifier-key-out", options->verifier_key_out,
          "Where the key goes that verifies it");
}

}  // namespace

void AddAuditVerbs(Verbs& verbs) {
  CLI::App& audit = verbs.Group("audit", "Exports the access log and proves it untouched.");
  AddExport(verbs, audit);
  AddVerify(verbs, audit);
  AddCheckpoint(verbs, audit);
}

}  // namespace keysvc::cli
