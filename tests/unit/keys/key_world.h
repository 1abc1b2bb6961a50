#ifndef KEYSVC_TESTS_UNIT_KEYS_KEY_WORLD_H_
#define KEYSVC_TESTS_UNIT_KEYS_KEY_WORLD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_key_request.h"
#include "keysvc/keys/partner_keys.h"
#include "policy/gate.h"
#include "policy/limits.h"
#include "policy/policy.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

constexpr char kCaller[] = "checkout";
constexpr char kAnother[] = "another";  // who may do the same

// A record of the log, as far as the tests of keys look at it.
struct LoggedRecord {
  std::uint64_t index = 0;
  std::string action, outcome, actor, resource, reason;
  std::string intent, orphan, fault, partner_key;  // of its details
};
std::vector<LoggedRecord> LoggedRecords(store::Store& store);
// The newest one that is not about the log itself.
LoggedRecord LastCall(store::Store& store);

// Everything that keys stand on: a token, a store, a log and a clock of the test's own. Token and
// store outlive what Start and Stop do, as they outlive a process.
class KeyWorld {
 public:
  KeyWorld();
  ~KeyWorld();

  // Starts the journal and loads the registry; what ran before must have stopped.
  absl::Status Start();
  void Stop();
  // As after a SIGKILL: faults are over, what was in memory is gone.
  absl::Status Restart();

  // Of the one rule, from now on and after restarts.
  void SetLimits(const policy::Limits& limits);
  std::shared_ptr<const policy::Policy> policy() const { return gate_->policy(); }
  policy::Permit PermitFor(policy::Action action, std::string_view resource,
                           std::string_view who = kCaller) const;
  // The new version's outcome: of the outer error or the recorded one.
  absl::StatusOr<keys::KeyVersion> Create(const keys::KeyName& name,
                                          const keys::KeyParameters& parameters);
  absl::StatusOr<keys::KeyVersion> CreateVersion(const keys::KeyName& name,
                                                 std::string_view request_id = {});
  absl::StatusOr<keys::KeyVersion> Rotate(
      const keys::KeyName& name,
      keys::KeyRegistry::Urgency urgency = keys::KeyRegistry::Urgency::kInDueTime);

  absl::Time Now() const { return absl::FromUnixMillis(now_ms_.load()); }
  void Advance(absl::Duration step) {
    now_ms_ += absl::ToInt64Milliseconds(step);
    boot_ms_ += absl::ToInt64Milliseconds(step);
  }
  // Sets the wall clock and no other.
  void JumpWallClock(absl::Duration step) { now_ms_ += absl::ToInt64Milliseconds(step); }
  std::function<absl::Duration()> since_boot() {
    return [this] { return absl::Milliseconds(boot_ms_.load()); };
  }
  std::function<absl::Time()> clock() {
    return [this] { return Now(); };
  }

  absl::StatusOr<keys::PartnerKey> CreatePartnerKey(const keys::PartnerKeyName& name,
                                                    const keys::PartnerKeyRequest& request,
                                                    std::string_view request_id = {});
  absl::StatusOr<keys::PartnerKey> DisablePartnerKey(const keys::PartnerKeyName& name,
                                                     std::string_view request_id = {});

  keys::KeyRegistry& registry() { return *registry_; }
  keys::PartnerKeys& partner_keys() { return *partner_keys_; }
  audit::Journal& journal() { return *journal_; }

  FakeHsm hsm;
  MemoryStore store;
  const keys::Deployment deployment{"dev", "test", "unused"};
  keys::KeyWrapping wrapping{hsm, "dev", 1};
  keys::UseLimits use_limits;                       // of the next Start
  absl::Duration answer_within = absl::Seconds(2);  // of the journal of the next Start

 private:
  std::atomic<std::int64_t> now_ms_;
  std::atomic<std::int64_t> boot_ms_ = 0;
  TemporaryDirectory directory_;
  FakeHsm audit_hsm_;  // a token of its own, so that checkpoints take no faults away from keys
  std::unique_ptr<audit::CheckpointSigner> checkpoint_signer_;
  std::unique_ptr<policy::Gate> gate_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<keys::KeyRegistry> registry_;
  std::unique_ptr<keys::PartnerKeys> partner_keys_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_KEYS_KEY_WORLD_H_
