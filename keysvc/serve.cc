#include "keysvc/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "audit/journal.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/use_reservations.h"
#include "keysvc/keys/verifier.h"
#include "keysvc/opened_deployment.h"
#include "keysvc/rpc/audit_service.h"
#include "keysvc/rpc/caller_identity.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/partner_key_service.h"
#include "keysvc/rpc/recorded_id.h"
#include "keysvc/rpc/refusal_counter.h"
#include "keysvc/rpc/server.h"
#include "keysvc/rpc/signing_service.h"
#include "keysvc/rpc/token_service.h"
#include "keysvc/rpc/trouble_log.h"
#include "keysvc/say.h"
#include "keysvc/server_files.h"
#include "keysvc/start_report.h"
#include "keysvc/store_check.h"
#include "keysvc/systemd.h"
#include "pkcs11/call_threads.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/patient_hsm.h"
#include "policy/gate.h"
#include "policy/policy.h"
#include "status/macros.h"
#include "tokenizer/profile.h"
#include "tokenizer/token_purge.h"
#include "tokenizer/tokenizer.h"

namespace keysvc {
namespace {

constexpr unsigned kLongestStopSeconds = 40;
// Longer than calls that were accepted take, unless the HSM hangs.
constexpr std::chrono::seconds kFinishWithin(15);
constexpr absl::Duration kPurgeInterval = absl::Minutes(1);
// How long a call to the HSM may take before its caller hears that the HSM is away.
constexpr absl::Duration kHsmPatience = absl::Seconds(5);

// Before the first thread: every later one inherits the mask, and main alone waits for them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

absl::StatusOr<std::unique_ptr<pkcs11::PatientHsm>> OpenPatiently(
    const pkcs11::TokenOptions& options) {
  ASSIGN_OR_RETURN(auto token, pkcs11::OpenToken(options));
  return std::make_unique<pkcs11::PatientHsm>(
      std::move(token),
      std::make_unique<pkcs11::CallThreads>(options.sessions, options.session_wait), kHsmPatience);
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
  if (!receipt.ok()) return SayError("the old policy stays: ", ForOperator(receipt.status()));
  if (policy.ok()) gate.Replace(*policy);
}

// Until SIGTERM or SIGINT.
void WaitForTheEnd(const sigset_t& signals, const std::string& policy_file, policy::Gate& gate,
                   audit::Journal& journal) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    ReloadPolicy(policy_file, gate, journal);
  }
}

// Finishes the calls that were accepted, then the log. Does not return when a call hangs.
void Finish(rpc::Server& server, std::initializer_list<rpc::Lane*> lanes,
            rpc::RefusalCounter& refusals, audit::Journal& journal) {
  // Whatever hangs now ends here; a kill loses nothing acknowledged.
  ::alarm(kLongestStopSeconds);
  std::packaged_task<void()> calls([&] {
    server.Stop();
    for (rpc::Lane* lane : lanes) lane->Stop();
  });
  const std::future<void> finished = calls.get_future();
  std::thread finishing(std::move(calls));
  const bool hangs = finished.wait_for(kFinishWithin) == std::future_status::timeout;
  refusals.Stop();
  journal.Stop();
  if (hangs) {
    // Nothing can end a call that hangs inside the HSM's library but the end of the process.
    Say("keysvcd: a call to the HSM hangs; the log is closed, and the service ends without it");
    std::_Exit(0);
  }
  finishing.join();
}

// The keys of profiles that have rows, or else of those of the family ff1. The latter have to wait
// until the store is known to be of these profiles: such a key is reason enough to refuse a start
// without its profile, since nobody can see whether there are tokens by it.
absl::Status EnsureKeys(keys::KeyRegistry& registry, const tokenizer::Profiles& profiles,
                        bool have_rows) {
  for (const tokenizer::Profile& profile : profiles.all()) {
    if ((profile.family != tokenizer::Family::kFf1) != have_rows) continue;
    RETURN_IF_ERROR(registry.EnsureProfileKeys(profile));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Serve(const Config& config) {
  RETURN_IF_ERROR(CheckMayServe(config));
  const sigset_t signals = BlockSignals();
  ASSIGN_OR_RETURN(tokenizer::Profiles profiles,
                   tokenizer::Profiles::Create(config.profiles, config.retired_profiles));
  ASSIGN_OR_RETURN(auto authorities, LoadAuthorities(config));
  ASSIGN_OR_RETURN(const rpc::ServerOptions server_options, LoadServerOptions(config));

  // What keeps and decides: the HSM, and what it opens.
  rpc::TroubleLog troubles;
  ASSIGN_OR_RETURN(const auto hsm, OpenPatiently(config.token));
  ASSIGN_OR_RETURN(const auto deployment,
                   OpenedDeployment::Open(config, *hsm, OpenedDeployment::For::kService));
  troubles.RecordIn(deployment->journal());
  RETURN_IF_ERROR(deployment->LoadKeys());
  for (const std::string& line :
       RecoveryReport(deployment->journal().start(), deployment->left_behind())) {
    Say(line);
  }

  // What does: keys, tokens, signatures.
  keys::OpenedKeys opened_keys(deployment->keys(), config.opened_key_lifetime);
  RETURN_IF_ERROR(CheckFormerProfiles(deployment->journal(), deployment->keys(), profiles));
  RETURN_IF_ERROR(EnsureKeys(deployment->keys(), profiles, true));
  profiles.AddFormerRanges(deployment->keys().IssuedRanges());
  RETURN_IF_ERROR(deployment->Check(profiles, opened_keys, CheckDepth::kSample));
  RETURN_IF_ERROR(EnsureKeys(deployment->keys(), profiles, false));
  ASSIGN_OR_RETURN(const auto reservations,
                   keys::UseReservations::Start(
                       deployment->keys(), [&](std::string_view word, std::string_view version) {
                         troubles.Alarm(word, version, "rotate this key");
                       }));
  tokenizer::Tokenizer tokenizer(profiles, opened_keys, deployment->store(), deployment->journal(),
                                 deployment->gate());
  RETURN_IF_ERROR(tokenizer.CountRecords());
  tokenizer::TokenPurge purge(
      profiles, opened_keys, deployment->store(), deployment->journal(),
      [&](const absl::Status& why) { troubles.Note("TokenService.PurgeTokens", why); });
  purge.Start(kPurgeInterval);
  keys::PublicKeys public_keys;
  keys::Signer signer(deployment->keys(), hsm->in_place(), deployment->journal(),
                      deployment->store(), opened_keys, public_keys);
  RETURN_IF_ERROR(signer.CountRecords(*deployment->gate().policy()));
  keys::Verifier verifier(deployment->keys(), hsm->in_place(), deployment->journal(),
                          deployment->store(), opened_keys, public_keys, deployment->partner_keys(),
                          deployment->nonce_places());

  // What callers reach. Lanes end before what their work uses.
  rpc::Lane data_lane(std::clamp(std::thread::hardware_concurrency(), 2U, 4U), 1024, "data-lane");
  // Its threads may be lost to signatures that hang.
  rpc::Lane hsm_lane(config.token.sessions, 256, "hsm-lane", config.token.sessions);
  rpc::Lane admin_lane(2, 32, "admin-lane");
  rpc::TokenService token_service(deployment->gate(), profiles, tokenizer);
  rpc::SigningService signing_service(deployment->gate(), deployment->keys(), public_keys, signer,
                                      verifier);
  const rpc::KeyChanges key_changes = config.deployment.environment == "development"
                                          ? rpc::KeyChanges::kAllowed
                                          : rpc::KeyChanges::kNeedOfficers;
  rpc::KeyService key_service(deployment->gate(), deployment->keys(), deployment->delivery(),
                              opened_keys, key_changes);
  rpc::PartnerKeyService partner_key_service(deployment->gate(), deployment->partner_keys(),
                                             key_changes);
  rpc::AuditService audit_service(deployment->gate(), deployment->journal(), deployment->store());
  rpc::MethodTable methods;
  token_service.Register(methods, data_lane);
  signing_service.Register(methods, hsm_lane, data_lane);
  key_service.Register(methods, admin_lane);
  partner_key_service.Register(methods, admin_lane);
  audit_service.Register(methods, admin_lane);
  rpc::CallerIdentity identity(std::move(authorities), deployment->gate());
  rpc::RefusalCounter refusals(deployment->journal());
  const rpc::RecordedIds recorded_ids(deployment->recorded_id_mac());
  ASSIGN_OR_RETURN(const auto server,
                   rpc::Server::Start(
                       server_options,
                       {methods, identity, deployment->journal(), refusals, troubles, recorded_ids},
                       [&] { return hsm->Probe(config.deployment.CanaryLabel()); }));
  const std::string host = config.listen.substr(0, config.listen.rfind(':'));
  Say(absl::StrCat("serving on ", host, ":", server->port()));
  NotifyServiceManager("READY=1");

  WaitForTheEnd(signals, config.policy_file, deployment->gate(), deployment->journal());
  NotifyServiceManager("STOPPING=1");
  Finish(*server, {&data_lane, &hsm_lane, &admin_lane}, refusals, deployment->journal());
  return absl::OkStatus();
}

}  // namespace keysvc
