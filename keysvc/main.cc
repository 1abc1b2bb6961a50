// keysvcd: the service. init makes a deployment and serve runs it; enroll-recovery and restore
// prepare for the loss of the HSM and mend it; check-store and check-config look.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "audit/clock_quality.h"
#include "audit/journal.h"
#include "crypto/certificate.h"
#include "crypto/process_hardening.h"
#include "crypto/self_test.h"
#include "keysvc/config.h"
#include "keysvc/head_facts.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/recovery_copies.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/use_reservations.h"
#include "keysvc/restore.h"
#include "keysvc/rpc/audit_service.h"
#include "keysvc/rpc/caller_identity.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/refusal_counter.h"
#include "keysvc/rpc/server.h"
#include "keysvc/rpc/signing_service.h"
#include "keysvc/rpc/token_service.h"
#include "keysvc/rpc/trouble_log.h"
#include "keysvc/start_report.h"
#include "keysvc/store_check.h"
#include "keysvc/systemd.h"
#include "pkcs11/call_threads.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/patient_hsm.h"
#include "policy/gate.h"
#include "policy/policy.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/sqlcipher_store.h"
#include "store/write_ahead_log.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;
// EX_DATAERR of sysexits.h: what only somebody can mend, and a service manager must not start again
// (deploy/keysvc.service).
constexpr int kExitDataLoss = 65;
constexpr unsigned kLongestStopSeconds = 40;
// Longer than calls that were accepted take, unless the HSM hangs.
constexpr std::chrono::seconds kFinishWithin(15);
// How long a call to the HSM may take before its caller hears that the HSM is away.
constexpr absl::Duration kHsmPatience = absl::Seconds(5);

void Say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

void SayError(const std::string& what, const absl::Status& status) {
  const Reason reason = ReasonOf(status).value_or(Reason::kInternal);
  Say(absl::StrCat("keysvcd: ", what, std::string(InfoOf(reason).name), ": ",
                   std::string(status.message())));
}

// Before the first thread: every later one inherits the mask, and main alone waits for them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

absl::Status PrepareProcess(const Config& config) {
  RETURN_IF_ERROR(crypto::HardenProcess(config.locked_memory_mib * kMebibyte));
  return crypto::RunSelfTests();
}

audit::JournalOptions JournalOptionsOf(const Config& config, const policy::Gate& gate,
                                       const HeadFacts& facts) {
  audit::JournalOptions options;
  options.origin = config.audit_origin;
  options.checkpoint_directory = config.checkpoint_directory;
  options.checkpoint_interval = config.checkpoint_interval;
  options.head_details = [&gate, &facts, environment = config.deployment.environment] {
    HeadFacts::Facts details = facts.Get();
    details.merge(audit::ClockQuality());
    details["environment"] = environment;
    details["policy"] = gate.policy()->digest;
    return details;
  };
  return options;
}

absl::StatusOr<rpc::CallerIdentity::Authorities> LoadAuthorities(const Config& config) {
  rpc::CallerIdentity::Authorities authorities;
  for (const TrustDomain& domain : config.trust_domains) {
    ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(domain.ca_file));
    ASSIGN_OR_RETURN(authorities[domain.name], crypto::CertificateAuthority::FromPem(pem));
  }
  return authorities;
}

absl::StatusOr<rpc::ServerOptions> LoadServerOptions(const Config& config) {
  rpc::ServerOptions options;
  options.listen = config.listen;
  ASSIGN_OR_RETURN(options.certificate_chain, ReadSmallFile(config.certificate_file));
  ASSIGN_OR_RETURN(options.private_key, ReadSmallFile(config.private_key_file));
  for (const TrustDomain& domain : config.trust_domains) {
    ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(domain.ca_file));
    absl::StrAppend(&options.authorities, pem, "\n");
  }
  return options;
}

// A policy takes effect only once its change is recorded. A bad file leaves the old one in force.
void ReloadPolicy(const std::string& file, policy::Gate& gate, audit::Journal& journal) {
  const auto policy = policy::LoadPolicy(file);
  audit::Entry entry;
  entry.action = "Policy.Reload";
  entry.actor = "system";
  entry.outcome = policy.ok() ? audit::Outcome::kSuccess : audit::Outcome::kFailed;
  if (policy.ok()) {
    entry.details["policy"] = (*policy)->digest;
  } else {
    entry.reason = "POLICY_INVALID";
    SayError("the old policy stays: ", policy.status());
  }
  const auto receipt = journal.Record(std::move(entry));
  if (!receipt.ok()) return SayError("the old policy stays: ", receipt.status());
  if (policy.ok()) gate.Replace(*policy);
}

absl::Status Init(const Config& config) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  policy::Gate gate(policy);
  ASSIGN_OR_RETURN(const auto recovery, LoadRecoveryCertificate(config));
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));

  auto database_key = keys::InitializeDeployment(config.deployment, *hsm, recovery.get());
  // An earlier run may have ended between the sidecar and the database.
  const bool broken_off = ReasonOf(database_key.status()) == Reason::kKeyExists &&
                          !std::filesystem::exists(config.store.path);
  if (broken_off) database_key = keys::OpenDatabaseKey(config.deployment, *hsm);
  RETURN_IF_ERROR(database_key.status());
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, keys::KekVersionOf(config.deployment));
  ASSIGN_OR_RETURN(const auto store, store::CreateSqlcipherStore(config.store, *database_key));

  ASSIGN_OR_RETURN(const auto signer, keys::OpenCheckpointSigner(config.deployment, *hsm));
  const HeadFacts facts;
  ASSIGN_OR_RETURN(const auto journal,
                   audit::Journal::Start(*store, *signer, JournalOptionsOf(config, gate, facts)));
  keys::KeyWrapping wrapping(*hsm, config.deployment.name, kek_version, recovery.get());
  ASSIGN_OR_RETURN(const auto registry, keys::KeyRegistry::Load(*hsm, wrapping, *store, *journal,
                                                                config.deployment.environment));
  for (const tokenizer::Profile& profile : config.profiles) {
    RETURN_IF_ERROR(registry->EnsureProfileKeys(profile));
  }
  journal->Stop();
  Say(absl::StrCat("initialized ", config.deployment.name, "; checkpoints verify with ",
                   journal->verifier_key()));
  return absl::OkStatus();
}

absl::Status Serve(const Config& config) {
  RETURN_IF_ERROR(CheckMayServe(config));
  const sigset_t signals = BlockSignals();

  // What decides.
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  policy::Gate gate(policy);
  ASSIGN_OR_RETURN(const tokenizer::Profiles profiles,
                   tokenizer::Profiles::Create(config.profiles));
  ASSIGN_OR_RETURN(auto authorities, LoadAuthorities(config));
  ASSIGN_OR_RETURN(const rpc::ServerOptions server_options, LoadServerOptions(config));
  ASSIGN_OR_RETURN(const auto recovery, LoadRecoveryCertificate(config));

  // What keeps: the HSM, the database it opens, the log.
  rpc::TroubleLog troubles;
  HeadFacts facts;
  ASSIGN_OR_RETURN(auto token, pkcs11::OpenToken(config.token));
  const auto hsm = std::make_unique<pkcs11::PatientHsm>(
      std::move(token),
      std::make_unique<pkcs11::CallThreads>(config.token.sessions, config.token.session_wait),
      kHsmPatience);
  ASSIGN_OR_RETURN(auto database_key, keys::OpenDatabaseKey(config.deployment, *hsm));
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, keys::KekVersionOf(config.deployment));
  LeftBehind left{store::PagesInWriteAheadLog(config.store.path), {}};
  ASSIGN_OR_RETURN(const auto store, store::OpenSqlcipherStore(config.store, database_key));
  RETURN_IF_ERROR(keys::CheckRecoveryCopies(config.deployment, *store, recovery.get()));
  ASSIGN_OR_RETURN(left.unfinished, FindUnfinished(*store));
  ASSIGN_OR_RETURN(const auto checkpoint_signer,
                   keys::OpenCheckpointSigner(config.deployment, *hsm));
  audit::JournalOptions journal_options = JournalOptionsOf(config, gate, facts);
  journal_options.start_details = left.Details();
  journal_options.hold_checkpoints = true;
  ASSIGN_OR_RETURN(const auto journal,
                   audit::Journal::Start(*store, *checkpoint_signer, std::move(journal_options)));

  troubles.RecordIn(*journal);

  // What does: keys, tokens, signatures.
  keys::KeyWrapping wrapping(*hsm, config.deployment.name, kek_version, recovery.get());
  ASSIGN_OR_RETURN(const auto registry, keys::KeyRegistry::Load(*hsm, wrapping, *store, *journal,
                                                                config.deployment.environment));
  for (const std::string& line : RecoveryReport(journal->start(), left)) Say(line);
  keys::OpenedKeys opened_keys(*registry, config.opened_key_lifetime);
  for (const tokenizer::Profile& profile : profiles.all()) {
    RETURN_IF_ERROR(registry->EnsureProfileKeys(profile));
  }
  ASSIGN_OR_RETURN(const std::uint64_t tokens, CheckStore(*store, *journal, *registry, profiles,
                                                          opened_keys, CheckDepth::kSample, Say));
  facts.Attest([&registry, &journal, tokens] { return StoreFacts(*registry, *journal, tokens); });
  journal->BeginCheckpoints();
  const absl::Cleanup silent = [&facts] { facts.Attest(nullptr); };
  ASSIGN_OR_RETURN(
      const auto reservations,
      keys::UseReservations::Start(*registry, [&](std::string_view word, std::string_view version) {
        troubles.Alarm(word, version, "rotate this key");
      }));
  tokenizer::Tokenizer tokenizer(profiles, opened_keys, *store, *journal, gate);
  keys::Signer signer(*registry, hsm->in_place(), *journal, *store, opened_keys);

  // What callers reach. Lanes end before what their work uses.
  rpc::Lane data_lane(std::clamp(std::thread::hardware_concurrency(), 2U, 4U), 1024, "data-lane");
  // Its threads may be lost to signatures that hang.
  rpc::Lane hsm_lane(config.token.sessions, 256, "hsm-lane", config.token.sessions);
  rpc::Lane admin_lane(2, 32, "admin-lane");
  rpc::TokenService token_service(gate, profiles, tokenizer);
  rpc::SigningService signing_service(gate, *registry, signer);
  rpc::KeyService key_service(gate, *registry, opened_keys,
                              config.deployment.environment == "development"
                                  ? rpc::KeyChanges::kAllowed
                                  : rpc::KeyChanges::kNeedOfficers);
  rpc::AuditService audit_service(gate, *journal, *store);
  rpc::MethodTable methods;
  token_service.Register(methods, data_lane);
  signing_service.Register(methods, hsm_lane, data_lane);
  key_service.Register(methods, admin_lane);
  audit_service.Register(methods, admin_lane);
  rpc::CallerIdentity identity(std::move(authorities), gate);
  rpc::RefusalCounter refusals(*journal);
  ASSIGN_OR_RETURN(
      const auto server,
      rpc::Server::Start(server_options, {methods, identity, *journal, refusals, troubles},
                         [&] { return hsm->Probe(config.deployment.CanaryLabel()); }));
  const std::string host = config.listen.substr(0, config.listen.rfind(':'));
  Say(absl::StrCat("serving on ", host, ":", server->port()));
  NotifyServiceManager("READY=1");

  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    ReloadPolicy(config.policy_file, gate, *journal);
  }
  NotifyServiceManager("STOPPING=1");
  // Whatever hangs now ends here; a kill loses nothing acknowledged.
  ::alarm(kLongestStopSeconds);
  std::packaged_task<void()> finish([&] {
    server->Stop();
    for (rpc::Lane* lane : {&data_lane, &hsm_lane, &admin_lane}) lane->Stop();
  });
  const std::future<void> finished = finish.get_future();
  std::thread finishing(std::move(finish));
  const bool hangs = finished.wait_for(kFinishWithin) == std::future_status::timeout;
  refusals.Stop();
  journal->Stop();
  if (hangs) {
    // Nothing can end a call that hangs inside the HSM's library but the end of the process.
    Say("keysvcd: a call to the HSM hangs; the log is closed, and the service ends without it");
    std::_Exit(0);
  }
  finishing.join();
  return absl::OkStatus();
}

absl::Status EnrollRecovery(const Config& config) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  policy::Gate gate(policy);
  ASSIGN_OR_RETURN(const auto recovery, LoadRecoveryCertificate(config));
  if (recovery == nullptr) {
    return Error(Reason::kConfigInvalid, "no recovery certificate is configured");
  }
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
  ASSIGN_OR_RETURN(auto database_key, keys::OpenDatabaseKey(config.deployment, *hsm));
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, keys::KekVersionOf(config.deployment));
  ASSIGN_OR_RETURN(const auto store, store::OpenSqlcipherStore(config.store, database_key));
  ASSIGN_OR_RETURN(const auto signer, keys::OpenCheckpointSigner(config.deployment, *hsm));
  const HeadFacts facts;
  ASSIGN_OR_RETURN(const auto journal,
                   audit::Journal::Start(*store, *signer, JournalOptionsOf(config, gate, facts)));
  keys::KeyWrapping wrapping(*hsm, config.deployment.name, kek_version, recovery.get());
  ASSIGN_OR_RETURN(const std::size_t count, keys::EnrollRecovery(config.deployment, *hsm, wrapping,
                                                                 *store, *journal, *recovery));
  journal->Stop();
  Say(absl::StrCat("sealed the database key and ", count, " keys to the recovery certificate"));
  return absl::OkStatus();
}

absl::Status RestoreDeployment(const Config& config, const RestoreOptions& options) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  policy::Gate gate(policy);
  const HeadFacts facts;
  return Restore(config, options, JournalOptionsOf(config, gate, facts), Say);
}

// The same checks as at a start, but of every row, and without serving.
absl::Status CheckStoreOffline(const Config& config) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  policy::Gate gate(policy);
  ASSIGN_OR_RETURN(const tokenizer::Profiles profiles,
                   tokenizer::Profiles::Create(config.profiles));
  ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
  ASSIGN_OR_RETURN(auto database_key, keys::OpenDatabaseKey(config.deployment, *hsm));
  ASSIGN_OR_RETURN(const auto store, store::OpenSqlcipherStore(config.store, database_key));
  ASSIGN_OR_RETURN(const auto signer, keys::OpenCheckpointSigner(config.deployment, *hsm));
  const HeadFacts facts;
  audit::JournalOptions journal_options = JournalOptionsOf(config, gate, facts);
  journal_options.hold_checkpoints = true;
  ASSIGN_OR_RETURN(const auto journal,
                   audit::Journal::Start(*store, *signer, std::move(journal_options)));
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, keys::KekVersionOf(config.deployment));
  keys::KeyWrapping wrapping(*hsm, config.deployment.name, kek_version, nullptr);
  ASSIGN_OR_RETURN(const auto registry, keys::KeyRegistry::Load(*hsm, wrapping, *store, *journal,
                                                                config.deployment.environment));
  keys::OpenedKeys opened_keys(*registry, config.opened_key_lifetime);
  RETURN_IF_ERROR(
      CheckStore(*store, *journal, *registry, profiles, opened_keys, CheckDepth::kEveryRow, Say)
          .status());
  journal->BeginCheckpoints();
  journal->Stop();
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
  CLI::App* restore = add("restore", "Rebuild a deployment whose HSM is lost on a new token",
                          [&restore_options](const keysvc::Config& config) {
                            return keysvc::RestoreDeployment(config, restore_options);
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
  if (status.ok()) status = run(*config);
  if (status.ok()) return 0;
  if (absl::IsDataLoss(status)) {
    keysvc::rpc::TroubleLog().Note("the start", status);
  }
  keysvc::SayError("", status);
  return serves && absl::IsDataLoss(status) ? keysvc::kExitDataLoss : 1;
}
