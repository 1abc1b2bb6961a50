#include "keysvc/keys/published_versions.h"

#include <utility>

#include "keysvc/keys/key_version.h"
#include "status/reason.h"

namespace keysvc::keys {

void PublishedVersions::Show(const KeyRings& rings, absl::Time now) {
  std::map<KeyVersionName, absl::Time> since;
  for (const auto& [name, ring] : rings.all()) {
    const KeyRecord* prepared = rings.FindPrepared(name);
    if (prepared == nullptr) continue;
    const auto known = since_.find(prepared->version.name);
    since.emplace(prepared->version.name, known == since_.end() ? now : known->second);
  }
  since_ = std::move(since);
}

absl::Status PublishedVersions::Check(const KeyParameters& parameters, const KeyRecord* prepared,
                                      absl::Time now) const {
  if (parameters.purpose == Purpose::kSharedMac) {
    if (prepared != nullptr) return absl::OkStatus();
    return Error(Reason::kKeyNotPublished, "no next version was made ahead and delivered");
  }
  if (prepared == nullptr) {
    if (!HasKeySet(parameters)) return absl::OkStatus();
    return Error(Reason::kKeyNotPublished, "no next version was made ahead and published");
  }
  const auto since = since_.find(prepared->version.name);
  if (since != since_.end() && now >= since->second + kJwksMaxAge) return absl::OkStatus();
  return Error(Reason::kKeyNotPublished, "verifiers may not know the next version yet");
}

}  // namespace keysvc::keys
