#include "keysvc/keys/restoration.h"

#include <algorithm>
#include <set>
#include <utility>

#include "keysvc/keys/hsm_keys.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/recovery_copies.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/sidecar.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kKeySize = 32;

bool IsRotatedByRestoration(const KeyVersion& version) {
  const Purpose purpose = version.parameters.purpose;
  return version.primary && (purpose == Purpose::kToken || purpose == Purpose::kData);
}

bool NeedsHsm(const KeyVersion& version) {
  return LivesInHsm(version.parameters.protection) &&
         (IsPrepared(version) || version.state == KeyState::kActive ||
          version.state == KeyState::kSuspended || version.state == KeyState::kDeactivated ||
          version.state == KeyState::kCompromised);
}

}  // namespace

absl::StatusOr<bool> IsHsmLost(const Deployment& deployment, pkcs11::Hsm& hsm) {
  const absl::Status opened = OpenDatabaseKey(deployment, hsm).status();
  // The key-encryption key is missing, or is another of its name.
  if (ReasonOf(opened) == Reason::kIntegrityFailure) return true;
  RETURN_IF_ERROR(opened);
  return false;
}

absl::StatusOr<crypto::SecretKey<32>> RecoverDatabaseKey(const Deployment& deployment,
                                                         const crypto::RecoveryKey& recovery_key) {
  ASSIGN_OR_RETURN(const store::Sidecar sidecar, ReadSidecarOf(deployment));
  const store::SidecarSlot& slot = sidecar.current;
  if (slot.recovery_key_id.empty()) {
    return Error(Reason::kRecoveryKeyMismatch,
                 "the database key was never sealed to a recovery key: nothing can be restored");
  }
  if (slot.recovery_key_id != recovery_key.key_id()) {
    return Error(Reason::kRecoveryKeyMismatch,
                 "the shares are not of the recovery key that the database key is sealed to");
  }
  return crypto::SecretKey<32>::From(recovery_key.Open(
      slot.recovery,
      store::SidecarContext(sidecar.deployment, sidecar.environment, slot.cipher_parameters)));
}

absl::Status Restoration::Open(const Deployment& deployment,
                               const crypto::RecoveryKey& recovery_key) {
  for (const store::KeyVersionRow& row : rows_) {
    Opened opened;
    ASSIGN_OR_RETURN(opened.record, KeyVersionRows::ReadUnchecked(row));
    if (opened.record.version.environment != deployment.environment) {
      return Error(Reason::kEnvironmentMismatch, "a key belongs to another environment");
    }
    // With the label of one of the deployment's own keys, a caller's MAC key would be that key.
    const KeyVersion& version = opened.record.version;
    if (!version.hsm_label.empty() &&
        version.hsm_label != HsmLabelOf(deployment.name, version.name)) {
      return Error(Reason::kIntegrityFailure, "a key's row names another key on the token");
    }
    if (NeedsRecoveryCopy(row)) {
      ASSIGN_OR_RETURN(opened.key,
                       recovery_key.Open(row.recovery, WrapContextOf(opened.record.version)));
      if (opened.key.size() != kKeySize) {
        return Error(Reason::kIntegrityFailure, "a sealed key has the wrong length");
      }
    }
    opened_.push_back(std::move(opened));
  }
  return absl::OkStatus();
}

absl::StatusOr<RestoredKeys> Restoration::Rewrap(pkcs11::Hsm& hsm, KeyWrapping& wrapping,
                                                 const KeyVersionRows& rows, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<pkcs11::HsmKey> present, hsm.List());
  std::map<KeyName, std::uint32_t> versions;
  for (const Opened& opened : opened_) {
    std::uint32_t& last = versions[opened.record.version.name.key];
    last = std::max(last, opened.record.version.name.version);
  }
  RestoredKeys restored;
  std::set<std::string> known;
  for (Opened& opened : opened_) {
    KeyRecord record = opened.record;
    KeyVersion& version = record.version;
    ++record.revision;
    // The higher revision would say that it was made.
    if (version.state == KeyState::kPreActivation && !version.made) {
      version.state = KeyState::kDestroyed;
      restored.items.push_back({version.name.ToString(), audit::Outcome::kFailed,
                                std::string(InfoOf(Reason::kOutcomeUnknown).name)});
    }
    if (!opened.key.empty()) {
      ASSIGN_OR_RETURN(record.wrapped, wrapping.Wrap(opened.key, WrapContextOf(version)));
      ++restored.opened;
    }
    if (!version.hsm_label.empty()) known.insert(version.hsm_label);
    bool lost = false;
    if (NeedsHsm(version)) {
      ASSIGN_OR_RETURN(const bool held, Holds(hsm, present, version));
      lost = !held;
    }
    if (lost) {
      version.state = KeyState::kDestroyed;
      version.primary = false;
      restored.lost.push_back(version.name.ToString());
      restored.items.push_back({version.name.ToString(), audit::Outcome::kFailed,
                                std::string(InfoOf(Reason::kKeyNotFound).name)});
    }
    // Nobody knows how often it has signed since.
    if (version.parameters.max_signatures != 0) {
      record.reserved_uses = version.parameters.max_signatures;
      // The rotation that is to help would activate one that signs no more either.
      if (IsPrepared(version)) {
        version.state = KeyState::kDestroyed;
        restored.given_up.push_back(version.name.ToString());
        restored.items.push_back({version.name.ToString(), audit::Outcome::kFailed,
                                  std::string(InfoOf(Reason::kKeyUsesExhausted).name)});
      }
    }
    if (IsRotatedByRestoration(version)) {
      RETURN_IF_ERROR(
          Rotate(record, versions[version.name.key] + 1, wrapping, rows, now, restored));
    }
    ASSIGN_OR_RETURN(store::KeyVersionRow row, rows.Seal(record));
    restored.mutation.keys.push_back(std::move(row));
  }
  restored.unknown = UnclaimedLabels(present, wrapping.label_prefix(), known);
  restored.details["keys"] = KeyRowsDigest(rows_, restored.mutation.keys);
  return restored;
}

absl::Status Restoration::Rotate(KeyRecord& primary, std::uint32_t number, KeyWrapping& wrapping,
                                 const KeyVersionRows& rows, absl::Time now,
                                 RestoredKeys& restored) {
  KeyRecord fresh;
  fresh.version = primary.version;
  fresh.revision = 1;
  KeyVersion& version = fresh.version;
  version.name.version = number;
  version.state = KeyState::kActive;
  version.made_by.clear();
  version.created = absl::FromUnixMillis(absl::ToUnixMillis(now));
  version.originator_end = version.created + version.parameters.cryptoperiod;
  version.recipient_end = version.originator_end + RecipientPeriodOf(version.parameters);
  const std::string context = WrapContextOf(version);
  ASSIGN_OR_RETURN(const crypto::SecretBytes key, crypto::SecretBytes::Random(kKeySize));
  ASSIGN_OR_RETURN(fresh.wrapped, wrapping.Wrap(key, context));
  ASSIGN_OR_RETURN(fresh.recovery, wrapping.SealForRecovery(key, context));
  ASSIGN_OR_RETURN(store::KeyVersionRow row, rows.Seal(fresh));

  primary.version.primary = false;
  if (primary.version.state == KeyState::kActive) primary.version.state = KeyState::kDeactivated;
  const std::string name = version.name.ToString();
  restored.rotated.push_back(name);
  restored.items.push_back({name, audit::Outcome::kSuccess, {}});
  restored.details[name] = RecoveryDigest(fresh.recovery);
  restored.mutation.keys.push_back(std::move(row));
  return absl::OkStatus();
}

}  // namespace keysvc::keys
