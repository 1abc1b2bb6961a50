#include "keysvc/offline_commands.h"

#include <cstdint>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "audit/checkpoint_directory.h"
#include "crypto/recovery_key.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_ceremony.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/recovery_copies.h"
#include "keysvc/opened_deployment.h"
#include "keysvc/say.h"
#include "keysvc/server_files.h"
#include "pkcs11/cryptoki_hsm.h"
#include "policy/policy.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/sqlcipher_store.h"
#include "tokenizer/profile.h"

namespace keysvc {
namespace {

// What init would find fault with only after it has made keys.
absl::Status CheckNothingIsThere(const Config& config) {
  const bool database = std::filesystem::exists(config.store.path);
  if (database && !std::filesystem::exists(config.deployment.sidecar_path)) {
    return Error(Reason::kStoreForeign, "there is a database already");
  }
  ASSIGN_OR_RETURN(const auto outside,
                   audit::CheckpointDirectory::Open(config.checkpoint_directory));
  if (database || outside.empty()) return absl::OkStatus();
  return Error(Reason::kRollbackDetected, "there are checkpoints, but the database is missing");
}

absl::Status MakeKeysAndStore(const Config& config, pkcs11::Hsm& hsm) {
  ASSIGN_OR_RETURN(const auto recovery, LoadRecoveryCertificate(config));
  auto database_key = keys::InitializeDeployment(config.deployment, hsm, recovery.get());
  // An earlier run may have ended between the sidecar and the database.
  const bool broken_off = ReasonOf(database_key.status()) == Reason::kKeyExists &&
                          !std::filesystem::exists(config.store.path);
  if (broken_off) database_key = keys::OpenDatabaseKey(config.deployment, hsm);
  RETURN_IF_ERROR(database_key.status());
  return store::CreateSqlcipherStore(config.store, *database_key).status();
}

}  // namespace

absl::Status Init(const Config& config) {
  // A policy that is refused must leave nothing behind.
  RETURN_IF_ERROR(policy::LoadPolicy(config.policy_file).status());
  RETURN_IF_ERROR(CheckNothingIsThere(config));
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
  RETURN_IF_ERROR(MakeKeysAndStore(config, *hsm));
  ASSIGN_OR_RETURN(const auto deployment,
                   OpenedDeployment::Open(config, *hsm, OpenedDeployment::For::kMaintenance));
  RETURN_IF_ERROR(deployment->LoadKeys());
  for (const tokenizer::Profile& profile : config.profiles) {
    RETURN_IF_ERROR(deployment->keys().EnsureProfileKeys(profile));
  }
  deployment->journal().Stop();
  Say(absl::StrCat("initialized ", config.deployment.name, "; checkpoints verify with ",
                   deployment->journal().verifier_key()));
  return absl::OkStatus();
}

absl::Status EnrollRecovery(const Config& config) {
  if (config.recovery_certificate_file.empty()) {
    return Error(Reason::kConfigInvalid, "no recovery certificate is configured");
  }
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
  ASSIGN_OR_RETURN(const auto deployment,
                   OpenedDeployment::Open(config, *hsm, OpenedDeployment::For::kMaintenance));
  ASSIGN_OR_RETURN(
      const std::size_t count,
      keys::EnrollRecovery(config.deployment, *hsm, deployment->wrapping(), deployment->store(),
                           deployment->journal(), *deployment->recovery()));
  deployment->journal().Stop();
  Say(absl::StrCat("sealed the database key and ", count, " keys to the recovery certificate"));
  return absl::OkStatus();
}

absl::Status CheckStoreOffline(const Config& config) {
  ASSIGN_OR_RETURN(const tokenizer::Profiles profiles,
                   tokenizer::Profiles::Create(config.profiles, config.retired_profiles));
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
  ASSIGN_OR_RETURN(const auto deployment,
                   OpenedDeployment::Open(config, *hsm, OpenedDeployment::For::kService));
  RETURN_IF_ERROR(deployment->LoadKeys());
  keys::OpenedKeys opened_keys(deployment->keys(), config.opened_key_lifetime);
  RETURN_IF_ERROR(deployment->Check(profiles, opened_keys, CheckDepth::kEveryRow));
  deployment->journal().Stop();
  return absl::OkStatus();
}

absl::Status CheckConfig(const Config& config) {
  RETURN_IF_ERROR(policy::LoadPolicy(config.policy_file).status());
  RETURN_IF_ERROR(LoadAuthorities(config).status());
  RETURN_IF_ERROR(LoadServerOptions(config).status());
  RETURN_IF_ERROR(LoadRecoveryCertificate(config).status());
  RETURN_IF_ERROR(CheckMayServe(config));
  Say("the configuration and the policy are valid");
  return absl::OkStatus();
}

}  // namespace keysvc
