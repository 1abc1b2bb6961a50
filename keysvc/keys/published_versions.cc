#include "keysvc/keys/published_versions.h"

#include <utility>

#include "keysvc/keys/key_version.h"
#include "status/reason.h"

namespace keysvc::keys {

void PublishedVersions::Show(const KeyRings& rings, absl::Time now) {
  std::map<KeyVersionName, Published> published;
  for (const auto& [name, ring] : rings.all()) {
    const KeyRecord* prepared = rings.FindPrepared(name);
    if (prepared == nullptr) continue;
    const std::string& kid = prepared->version.kid;
    const auto known = published_.find(prepared->version.name);
    const bool same = known != published_.end() && known->second.kid == kid;
    published.emplace(prepared->version.name, Published{same ? known->second.since : now, kid});
  }
  published_ = std::move(published);
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
  const auto known = published_.find(prepared->version.name);
  if (known != published_.end() && now >= known->second.since + kJwksMaxAge) {
    return absl::OkStatus();
  }
  return Error(Reason::kKeyNotPublished, "verifiers may not know the next version yet");
}

}  // namespace keysvc::keys
