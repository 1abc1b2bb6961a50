#include "keysvc/keys/key_history.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "audit/recorded_entry.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/recovery_copies.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

using audit::Entry;
using audit::Outcome;

constexpr std::string_view kCreateVersion = "KeyService.CreateKeyVersion";

std::string Detail(const Entry& entry, const std::string& name) {
  const auto found = entry.details.find(name);
  return found == entry.details.end() ? "" : found->second;
}

absl::Status Contradiction(std::string_view what) { return Error(Reason::kIntegrityFailure, what); }

void ReadCeremony(const Entry& entry, KeyHistory& history) {
  // Most refusals name a key and not a version, and what the others say of it is true; a repetition
  // made nothing.
  if (!Detail(entry, "repetition").empty() || Detail(entry, "purpose").empty()) return;
  RecordedVersion& version = history.versions[entry.resource];
  version.purpose = Detail(entry, "purpose");
  version.algorithm = Detail(entry, "algorithm");
  version.protection = Detail(entry, "protection");
  version.token_format = Detail(entry, "token_format");
  version.low_s = !Detail(entry, "low_s").empty();
  version.max_signatures = Detail(entry, "max_signatures");
  version.origin = Detail(entry, "origin");
  // Whoever activates a version that was made ahead has not made it.
  if (!version.prepared) version.made_by = entry.actor;
  if (entry.action == kCreateVersion || !Detail(entry, "waits").empty()) {
    version.prepared = entry.outcome == Outcome::kSuccess;
  } else {
    version.made = entry.outcome == Outcome::kSuccess;
  }
  version.recovery_sha256 = Detail(entry, "recovery_sha256");
  const std::string replaced = Detail(entry, "replaces");
  if (!replaced.empty() && entry.outcome == Outcome::kSuccess) {
    history.versions[replaced].lost = true;
  }
}

// The copies that one record names, by version.
void ReadCopies(const Entry& entry, KeyHistory& history) {
  for (const auto& [name, digest] : entry.details) {
    const auto version = history.versions.find(name);
    if (version != history.versions.end()) version->second.recovery_sha256 = digest;
  }
}

absl::Status ReadRestoration(std::uint64_t index, const Entry& entry, KeyHistory& history) {
  const std::string before = Detail(entry, "old_verifier_key");
  if (before != history.log_keys.current) {
    return Contradiction("a restoration of the log follows upon another key than the log's");
  }
  audit::LogKeys& keys = history.log_keys;
  const std::string after = Detail(entry, "verifier_key");
  // An older store that goes on with the HSM that it had keeps its key.
  if (after != before) keys.earlier.insert(keys.earlier.begin(), {before, index});
  keys.current = after;
  const std::string kek = Detail(entry, "kek_version");
  std::from_chars(kek.data(), kek.data() + kek.size(), history.restored_kek);
  for (const audit::Item& item : entry.items) {
    RecordedVersion& version = history.versions[item.resource];
    if (item.outcome != Outcome::kSuccess) {
      version.lost = true;
      continue;
    }
    // A rotated key goes on with the parameters of the version before.
    ASSIGN_OR_RETURN(const KeyVersionName name, KeyVersionName::Parse(item.resource));
    if (name.version > 1) {
      version = history.versions[KeyVersionName{name.key, name.version - 1}.ToString()];
    }
    version.made = true;
  }
  ReadCopies(entry, history);
  return absl::OkStatus();
}

absl::Status ReadLogRecord(std::uint64_t index, const Entry& entry, KeyHistory& history) {
  if (entry.action == "Log.Restored") return ReadRestoration(index, entry, history);
  const std::string key = Detail(entry, "verifier_key");
  if (entry.action == "Log.Init") history.log_keys.current = key;
  if (!key.empty() && key != history.log_keys.current) {
    return Contradiction("the log changes its key without a restoration");
  }
  return absl::OkStatus();
}

bool Exists(const store::KeyVersionRow& row) {
  return row.state != NameOf(KeyState::kPreActivation) && row.state != NameOf(KeyState::kDestroyed);
}

// As records say it.
std::string OriginOf(const store::KeyVersionRow& row) {
  return row.origin == NameOf(Origin::kGenerated) ? "" : row.origin;
}
std::string MaxSignaturesOf(const store::KeyVersionRow& row) {
  return row.max_signatures == 0 ? "" : absl::StrCat(row.max_signatures);
}

// `newest`: no later version of the key was made and is left.
absl::Status CheckRow(const RecordedVersion& recorded, bool newest,
                      const store::KeyVersionRow& row) {
  const auto contradicts = [&row](std::string_view what) {
    return Contradiction(
        absl::StrCat("version ", row.version, " of ", row.tenant, "/", row.key, std::string(what)));
  };
  if (row.purpose != recorded.purpose || row.algorithm != recorded.algorithm ||
      row.protection != recorded.protection || row.token_format != recorded.token_format ||
      row.low_s != recorded.low_s || MaxSignaturesOf(row) != recorded.max_signatures ||
      OriginOf(row) != recorded.origin) {
    return contradicts(" is not of the kind that the log says");
  }
  // Rows of older schemas, and versions that a restoration made, do not say.
  if (!row.made_by.empty() && row.made_by != recorded.made_by) {
    return contradicts(" was made by somebody else than the log says");
  }
  const bool should_exist = recorded.made && !recorded.lost;
  const KeyState state = newest ? KeyState::kActive : KeyState::kDeactivated;
  const bool should_wait = recorded.prepared && !recorded.made && !recorded.lost;
  // The one before the newest of a shared key may be live beside it.
  const bool live =
      row.protection == NameOf(Protection::kShared) && row.state == NameOf(KeyState::kActive);
  if (IsPrepared(row) != should_wait || Exists(row) != should_exist || row.primary != newest ||
      (should_exist && row.state != NameOf(state) && !live)) {
    return contradicts(" is in another state than the log says");
  }
  if (should_exist && row.protection == NameOf(Protection::kEnvelope) && row.wrapped.empty()) {
    return contradicts(" has lost its key");
  }
  if (!NeedsRecoveryCopy(row)) return absl::OkStatus();
  if (row.recovery.empty()) return contradicts(" is sealed to no recovery key");
  if (RecoveryDigest(row.recovery) != recorded.recovery_sha256) {
    return contradicts(" has another recovery copy than the log says");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyHistory> ReadKeyHistory(store::Store& store) {
  KeyHistory history;
  RETURN_IF_ERROR(audit::VisitEntries(
      store, "KeyService", "Log", [&](std::uint64_t index, const Entry& entry) -> absl::Status {
        if (entry.action.starts_with("Log.")) return ReadLogRecord(index, entry, history);
        if (entry.action == "KeyService.CreateKey" || entry.action == kCreateVersion ||
            entry.action == "KeyService.RotateKey" || entry.action == "KeyService.ImportKey") {
          ReadCeremony(entry, history);
        } else if (entry.action == "KeyService.Recovered") {
          history.versions[entry.resource].made = false;
        } else if (entry.action == "KeyService.SealForRecovery" &&
                   entry.outcome == Outcome::kSuccess) {
          ReadCopies(entry, history);
        }
        return absl::OkStatus();
      }));
  return history;
}

absl::Status CheckRowsAgainst(const KeyHistory& history,
                              const std::vector<store::KeyVersionRow>& rows) {
  std::map<std::string, std::uint32_t> newest;  // by key
  for (const auto& [name, recorded] : history.versions) {
    if (!recorded.made || recorded.lost) continue;
    ASSIGN_OR_RETURN(const KeyVersionName parsed, KeyVersionName::Parse(name));
    std::uint32_t& version = newest[parsed.key.ToString()];
    version = std::max(version, parsed.version);
  }
  std::set<std::string> present;
  for (const store::KeyVersionRow& row : rows) {
    const std::string name = KeyVersionName{{row.tenant, row.key}, row.version}.ToString();
    const auto recorded = history.versions.find(name);
    if (recorded == history.versions.end()) {
      return Contradiction("the store has a key version of which the log does not know");
    }
    const auto last = newest.find(KeyName{row.tenant, row.key}.ToString());
    RETURN_IF_ERROR(
        CheckRow(recorded->second, last != newest.end() && last->second == row.version, row));
    present.insert(name);
  }
  for (const auto& [name, recorded] : history.versions) {
    if ((recorded.made || recorded.prepared) && !present.contains(name)) {
      return Contradiction("the store lacks " + name + ", which the log says was made");
    }
  }
  return absl::OkStatus();
}

}  // namespace keysvc::keys
