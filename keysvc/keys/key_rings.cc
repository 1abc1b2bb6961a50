#include "keysvc/keys/key_rings.h"

#include <algorithm>
#include <utility>

#include "keysvc/keys/logged_keys.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// Whether the key of this version exists; what else is in a ring are numbers that must not be used
// again.
bool Exists(const KeyRecord& record) {
  return record.version.state != KeyState::kPreActivation &&
         record.version.state != KeyState::kDestroyed;
}

absl::Status CheckRing(const KeyRings::Ring& ring) {
  std::size_t existing = 0;
  std::size_t primaries = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    if (ring[i].version.name.version != i + 1) {
      return Error(Reason::kIntegrityFailure, "a version of a key is missing from the store");
    }
    if (Exists(ring[i])) ++existing;
    if (ring[i].version.primary) ++primaries;
    if (ring[i].version.primary && !Exists(ring[i])) {
      return Error(Reason::kIntegrityFailure, "the primary version of a key does not exist");
    }
  }
  if (primaries != (existing == 0 ? 0 : 1)) {
    return Error(Reason::kIntegrityFailure, "a key has not exactly one primary version");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyRings> KeyRings::Create(std::vector<KeyRecord> records) {
  std::sort(records.begin(), records.end(),
            [](const KeyRecord& a, const KeyRecord& b) { return a.version.name < b.version.name; });
  KeyRings rings;
  for (KeyRecord& record : records) {
    rings.rings_[record.version.name.key].push_back(std::move(record));
  }
  for (const auto& [name, ring] : rings.rings_) RETURN_IF_ERROR(CheckRing(ring));
  return rings;
}

const KeyRings::Ring* KeyRings::Find(const KeyName& name) const {
  const auto found = rings_.find(name);
  return found == rings_.end() ? nullptr : &found->second;
}

const KeyRecord* KeyRings::FindVersion(const KeyVersionName& name) const {
  const Ring* ring = Find(name.key);
  if (ring == nullptr || name.version == 0 || name.version > ring->size()) return nullptr;
  return &(*ring)[name.version - 1];
}

const KeyRecord* KeyRings::FindPrimary(const KeyName& name) const {
  const Ring* ring = Find(name);
  if (ring == nullptr) return nullptr;
  const auto found = std::find_if(ring->rbegin(), ring->rend(),
                                  [](const KeyRecord& record) { return record.version.primary; });
  return found == ring->rend() ? nullptr : &*found;
}

const KeyRecord* KeyRings::FindPrepared(const KeyName& name) const {
  const Ring* ring = Find(name);
  if (ring == nullptr) return nullptr;
  const auto found = std::find_if(ring->begin(), ring->end(), [](const KeyRecord& record) {
    return IsPrepared(record.version);
  });
  return found == ring->end() ? nullptr : &*found;
}

std::uint32_t KeyRings::NextVersion(const KeyName& name) const {
  const Ring* ring = Find(name);
  return ring == nullptr ? 1 : static_cast<std::uint32_t>(ring->size() + 1);
}

std::vector<KeyRecord> KeyRings::Unfinished() const {
  std::vector<KeyRecord> unfinished;
  for (const auto& [name, ring] : rings_) {
    std::copy_if(
        ring.begin(), ring.end(), std::back_inserter(unfinished), [](const KeyRecord& record) {
          return record.version.state == KeyState::kPreActivation && !IsPrepared(record.version);
        });
  }
  return unfinished;
}

std::string KeyRings::Digest() const {
  std::vector<store::KeyVersionRow> rows;
  for (const auto& [name, ring] : rings_) {
    for (const KeyRecord& record : ring) rows.push_back(RowOf(record));
  }
  return KeyRowsDigest(rows, {});
}

bool KeyRings::Continues(const KeyRings& earlier) const {
  return std::all_of(earlier.rings_.begin(), earlier.rings_.end(), [this](const auto& named) {
    return std::all_of(named.second.begin(), named.second.end(), [this](const KeyRecord& old) {
      const KeyRecord* record = FindVersion(old.version.name);
      return record != nullptr && record->revision >= old.revision;
    });
  });
}

void KeyRings::Put(KeyRecord record) {
  Ring& ring = rings_[record.version.name.key];
  const std::size_t at = record.version.name.version - 1;
  if (at == ring.size()) {
    ring.push_back(std::move(record));
  } else {
    ring.at(at) = std::move(record);
  }
}

}  // namespace keysvc::keys
