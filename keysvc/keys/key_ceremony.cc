#include "keysvc/keys/key_ceremony.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "crypto/bytes.h"
#include "crypto/certificate_chain.h"
#include "crypto/digest.h"
#include "crypto/secret_bytes.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/key_check_value.h"
#include "keysvc/keys/open_intents.h"
#include "keysvc/keys/recovery_copies.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// The row of a version that was never made, or never used: its number stays taken.
KeyRecord GivenUp(KeyRecord record) {
  record.version.state = KeyState::kDestroyed;
  record.revision += 1;
  record.intent.reset();
  return record;
}

store::Mutation ChangeOf(std::vector<store::KeyVersionRow> rows) {
  store::Mutation mutation;
  mutation.keys = std::move(rows);
  return mutation;
}

// The old primary goes on processing what it protected, but applies no more. One that is suspended
// or compromised keeps the state that says so.
KeyRecord Demoted(KeyRecord record) {
  record.version.primary = false;
  if (record.version.state == KeyState::kActive) record.version.state = KeyState::kDeactivated;
  record.revision += 1;
  return record;
}

// The old primary of a shared key is live beside the new one until the roll is over.
KeyRecord Succeeded(KeyRecord record, absl::Time at) {
  KeyVersion& version = record.version;
  if (version.parameters.protection != Protection::kShared || version.state != KeyState::kActive) {
    return Demoted(std::move(record));
  }
  version.primary = false;
  version.originator_end = std::min(version.originator_end, at + kSecretRoll);
  version.recipient_end = version.originator_end;
  record.revision += 1;
  return record;
}

void Describe(const KeyVersion& version, audit::Entry& entry) {
  entry.resource = version.name.ToString();
  entry.details["purpose"] = NameOf(version.parameters.purpose);
  entry.details["algorithm"] = NameOf(version.parameters.algorithm);
  entry.details["protection"] = NameOf(version.parameters.protection);
  if (!version.parameters.token_format.empty()) {
    entry.details["token_format"] = version.parameters.token_format;
  }
  if (version.origin != Origin::kGenerated) entry.details["origin"] = NameOf(version.origin);
  if (version.parameters.low_s) entry.details["low_s"] = "true";
  if (version.parameters.max_signatures != 0) {
    entry.details["max_signatures"] = absl::StrCat(version.parameters.max_signatures);
  }
}

}  // namespace

KeyCeremony::KeyCeremony(pkcs11::Hsm& hsm, KeyWrapping& wrapping, const KeyVersionRows& rows,
                         store::Store& store, audit::Journal& journal, const UseLimits& limits)
    : hsm_(hsm),
      wrapping_(wrapping),
      rows_(rows),
      store_(store),
      journal_(journal),
      limits_(limits) {}

absl::StatusOr<audit::Recorded<KeyVersion>> KeyCeremony::AddVersion(
    audit::Entry entry, KeyVersion fresh, Becomes becomes,
    std::optional<store::IdempotencyRow> kept, KeyRings& rings, const Source* source,
    const KeyRecord* replaced) {
  KeyRecord record;
  record.version = std::move(fresh);
  record.revision = 1;
  Describe(record.version, entry);
  if (replaced != nullptr) entry.details["replaces"] = replaced->version.name.ToString();

  // The row that says it failed is sealed beforehand, since the HSM that failed could not seal it.
  const KeyRecord given_up = GivenUp(record);
  auto row = rows_.Seal(record);
  auto given_up_row = rows_.Seal(given_up);
  if (!row.ok()) return Refuse(std::move(entry), row.status());
  if (!given_up_row.ok()) return Refuse(std::move(entry), given_up_row.status());

  entry.outcome = audit::Outcome::kIntent;
  ASSIGN_OR_RETURN(const audit::Receipt intent, Write(entry, {record}, ChangeOf({*row}), rings));
  record.intent = intent.index();
  rings.Put(record);
  entry.details["intent"] = absl::StrCat(intent.index());

  auto change = MakeKey(record, becomes, rings, source, replaced);
  // An import is answered with it: what is recorded as a success must not fail after that.
  if (change.ok() && source != nullptr) {
    KeyVersion& imported = change->records.front().version;
    auto check_value = KeyCheckValueOf(hsm_, imported);
    if (check_value.ok()) {
      imported.check_value = *std::move(check_value);
    } else {
      change = check_value.status();
    }
  }
  if (!change.ok()) {
    ASSIGN_OR_RETURN(audit::Receipt receipt, Write(Failed(std::move(entry), change.status()),
                                                   {given_up}, ChangeOf({*given_up_row}), rings));
    return audit::Recorded<KeyVersion>{std::move(receipt), change.status()};
  }

  entry.outcome = audit::Outcome::kSuccess;
  const std::string& sealed = change->records.front().recovery;
  if (!sealed.empty()) entry.details["recovery_sha256"] = RecoveryDigest(sealed);
  store::Mutation mutation = ChangeOf(change->rows);
  mutation.idempotency = std::move(kept);
  ASSIGN_OR_RETURN(audit::Receipt receipt,
                   Write(std::move(entry), change->records, std::move(mutation), rings));
  return audit::Recorded<KeyVersion>{std::move(receipt), change->records.front().version};
}

absl::StatusOr<audit::Recorded<KeyVersion>> KeyCeremony::Activate(
    audit::Entry entry, const KeyRecord& prepared, Becomes becomes, absl::Time now,
    std::optional<store::IdempotencyRow> kept, KeyRings& rings) {
  Describe(prepared.version, entry);
  if (now >= prepared.version.originator_end) {
    return Refuse(std::move(entry), Error(Reason::kKeyNotActive,
                                          "the next version has waited for all of its period"));
  }
  const auto change = Activation(prepared, becomes, now, rings);
  if (!change.ok()) return Refuse(std::move(entry), change.status());
  entry.outcome = audit::Outcome::kSuccess;
  store::Mutation mutation = ChangeOf(change->rows);
  mutation.idempotency = std::move(kept);
  ASSIGN_OR_RETURN(audit::Receipt receipt,
                   Write(std::move(entry), change->records, std::move(mutation), rings));
  return audit::Recorded<KeyVersion>{std::move(receipt), change->records.front().version};
}

absl::StatusOr<KeyCeremony::Change> KeyCeremony::MakeKey(KeyRecord record, Becomes becomes,
                                                         const KeyRings& rings,
                                                         const Source* source,
                                                         const KeyRecord* replaced) {
  if (LivesInHsm(record.version.parameters.protection)) {
    RETURN_IF_ERROR(MakeInHsm(record.version, source));
  } else {
    RETURN_IF_ERROR(MakeEnvelope(record));
  }
  record.intent.reset();
  record.version.made = true;
  const absl::Time at = record.version.created;
  if (becomes != Becomes::kPrepared) return Activation(std::move(record), becomes, at, rings);
  record.revision += 1;
  std::vector<KeyRecord> records{std::move(record)};
  if (replaced != nullptr) records.push_back(GivenUp(*replaced));
  return Sealed(std::move(records), rings);
}

absl::StatusOr<KeyCeremony::Change> KeyCeremony::Activation(KeyRecord record, Becomes becomes,
                                                            absl::Time at, const KeyRings& rings) {
  const KeyRings::Ring* ring = rings.Find(record.version.name.key);
  record.version.state = KeyState::kActive;
  record.version.primary = true;
  record.revision += 1;
  if (const auto limits = LimitsOf(record.version.parameters, limits_); limits.has_value()) {
    record.reserved_uses = limits->Next(record.reserved_uses);
  }
  std::vector<KeyRecord> records{std::move(record)};
  for (const KeyRecord& old : *ring) {
    if (old.version.primary) {
      records.push_back(becomes == Becomes::kPrimary ? Succeeded(old, at) : Demoted(old));
    } else if (old.version.state == KeyState::kActive) {
      records.push_back(Demoted(old));
    }
  }
  return Sealed(std::move(records), rings);
}

absl::StatusOr<KeyCeremony::Change> KeyCeremony::Sealed(std::vector<KeyRecord> records,
                                                        const KeyRings& rings) const {
  Change change{.records = std::move(records), .rows = {}};
  for (const KeyRecord& changed : change.records) {
    const KeyRecord* old = rings.FindVersion(changed.version.name);
    if (old == nullptr || (old->version.state != changed.version.state &&
                           !MayBecome(old->version.state, changed.version.state))) {
      return Error(Reason::kInternal, "no key version changes its state like this");
    }
    ASSIGN_OR_RETURN(store::KeyVersionRow row, rows_.Seal(changed));
    change.rows.push_back(std::move(row));
  }
  return change;
}

absl::Status KeyCeremony::MakeInHsm(KeyVersion& version, const Source* source) {
  const auto kind = HsmKindOf(version.parameters, version.origin);
  if (!kind.has_value()) {
    return Error(Reason::kAlgorithmUnsupported, "no HSM key has this algorithm");
  }
  const bool shared = version.parameters.protection == Protection::kShared;
  const absl::Status made =
      source != nullptr ? hsm_.Import(version.hsm_label, *kind, source->unwrapping, source->secret)
      : shared          ? hsm_.GenerateShared(version.hsm_label, *kind)
                        : hsm_.Generate(version.hsm_label, *kind);
  if (ReasonOf(made) == Reason::kKeyExists) {
    return Error(Reason::kHsmFailure, "the token holds a key under a label that is new");
  }
  RETURN_IF_ERROR(made);
  if (HasPublicHalf(version.parameters)) {
    ASSIGN_OR_RETURN(version.public_key, hsm_.PublicKey(version.hsm_label));
  }
  return absl::OkStatus();
}

absl::Status KeyCeremony::MakeEnvelope(KeyRecord& record) {
  const std::string context = WrapContextOf(record.version);
  ASSIGN_OR_RETURN(const crypto::SecretBytes key, crypto::SecretBytes::Random(32));
  ASSIGN_OR_RETURN(record.wrapped, wrapping_.Wrap(key, context));
  ASSIGN_OR_RETURN(const crypto::SecretBytes opened, wrapping_.Unwrap(record.wrapped, context));
  ASSIGN_OR_RETURN(record.recovery, wrapping_.SealForRecovery(key, context));
  if (!(opened == key)) return Error(Reason::kHsmFailure, "a wrapped key opens to another key");
  return absl::OkStatus();
}

absl::Status KeyCeremony::Settle(KeyRings& rings) {
  const std::vector<KeyRecord> unfinished = rings.Unfinished();
  if (unfinished.empty()) return absl::OkStatus();

  std::set<std::string> unknown;
  for (const KeyRecord& record : unfinished) {
    if (!record.intent.has_value()) unknown.insert(record.version.name.ToString());
  }
  ASSIGN_OR_RETURN(const auto intents, FindIntents(store_, std::move(unknown)));
  ASSIGN_OR_RETURN(const std::vector<pkcs11::HsmKey> present, hsm_.List());

  const absl::Status broken_off =
      Error(Reason::kOutcomeUnknown, "the making of a key was broken off");
  for (const KeyRecord& record : unfinished) {
    const KeyVersion& version = record.version;
    const bool orphan = std::any_of(present.begin(), present.end(), [&](const auto& key) {
      return !version.hsm_label.empty() && key.label == version.hsm_label;
    });
    audit::Entry entry =
        Failed(SystemEntry("KeyService.Recovered", version.name.ToString()), broken_off);
    entry.details["orphan_in_hsm"] = orphan ? "true" : "false";
    const auto found = intents.find(entry.resource);
    if (record.intent.has_value()) {
      entry.details["intent"] = absl::StrCat(*record.intent);
    } else if (found != intents.end()) {
      entry.details["intent"] = absl::StrCat(found->second);
    }
    KeyRecord given_up = GivenUp(record);
    ASSIGN_OR_RETURN(store::KeyVersionRow row, rows_.Seal(given_up));
    RETURN_IF_ERROR(
        Write(std::move(entry), {given_up}, ChangeOf({std::move(row)}), rings).status());
  }
  return absl::OkStatus();
}

absl::Status KeyCeremony::ReserveUses(const KeyVersionName& version, KeyRings& rings) {
  const KeyRecord* stored = rings.FindVersion(version);
  if (stored == nullptr) return Error(Reason::kInternal, "there is no such key version");
  const auto limits = LimitsOf(stored->version.parameters, limits_);
  if (!limits.has_value()) return Error(Reason::kInternal, "the version's uses are not counted");
  KeyRecord record = *stored;
  record.reserved_uses = limits->Next(stored->reserved_uses);
  record.revision += 1;
  ASSIGN_OR_RETURN(store::KeyVersionRow row, rows_.Seal(record));
  audit::Entry entry = SystemEntry("KeyService.ReserveUses", version.ToString());
  entry.details["reserved_uses"] = absl::StrCat(record.reserved_uses);
  entry.details["use_limit"] = absl::StrCat(limits->stop);
  // Said once, since the bound only grows.
  if (stored->reserved_uses < limits->due() && record.reserved_uses >= limits->due()) {
    entry.details["rotation_due"] = "true";
  }
  return Write(std::move(entry), {std::move(record)}, ChangeOf({std::move(row)}), rings).status();
}

absl::StatusOr<audit::Recorded<KeyVersion>> KeyCeremony::AttachCertificates(
    audit::Entry entry, KeyRecord record, std::optional<store::IdempotencyRow> kept,
    KeyRings& rings) {
  const auto chain = crypto::CertificateChainFromDer(record.version.certificates);
  if (!chain.ok()) return Refuse(std::move(entry), chain.status());
  record.revision += 1;
  auto row = rows_.Seal(record);
  if (!row.ok()) return Refuse(std::move(entry), row.status());
  entry.resource = record.version.name.ToString();
  entry.outcome = audit::Outcome::kSuccess;
  entry.details["certificate_sha256"] =
      absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(chain->certificates.front()))));
  entry.details["certificates"] = absl::StrCat(chain->certificates.size());
  entry.details["not_after"] = absl::FormatTime(chain->not_after, absl::UTCTimeZone());
  if (!record.version.kid.empty()) entry.details["kid"] = record.version.kid;
  store::Mutation mutation = ChangeOf({*std::move(row)});
  mutation.idempotency = std::move(kept);
  ASSIGN_OR_RETURN(audit::Receipt receipt,
                   Write(std::move(entry), {record}, std::move(mutation), rings));
  return audit::Recorded<KeyVersion>{std::move(receipt), std::move(record.version)};
}

absl::Status KeyCeremony::RecordReload() {
  return journal_.Record(SystemEntry("KeyService.Reload", {})).status();
}

absl::StatusOr<audit::Receipt> KeyCeremony::Write(audit::Entry entry,
                                                  const std::vector<KeyRecord>& changed,
                                                  store::Mutation mutation, KeyRings& rings) {
  KeyRings after = rings;
  for (const KeyRecord& record : changed) after.Put(record);
  entry.details["keys"] = after.Digest();
  ASSIGN_OR_RETURN(audit::Receipt receipt, journal_.Record(std::move(entry), std::move(mutation)));
  rings = std::move(after);
  return receipt;
}

absl::StatusOr<audit::Recorded<KeyVersion>> KeyCeremony::Repeat(audit::Entry entry,
                                                                KeyVersion version) {
  entry.resource = version.name.ToString();
  entry.details["repetition"] = "true";
  ASSIGN_OR_RETURN(audit::Receipt receipt, journal_.Record(std::move(entry)));
  return audit::Recorded<KeyVersion>{std::move(receipt), std::move(version)};
}

absl::StatusOr<audit::Recorded<KeyVersion>> KeyCeremony::Refuse(audit::Entry entry,
                                                                const absl::Status& status) {
  ASSIGN_OR_RETURN(audit::Receipt receipt, journal_.Record(Failed(std::move(entry), status)));
  return audit::Recorded<KeyVersion>{std::move(receipt), status};
}

}  // namespace keysvc::keys
