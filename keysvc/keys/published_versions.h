#ifndef KEYSVC_KEYSVC_KEYS_PUBLISHED_VERSIONS_H_
#define KEYSVC_KEYSVC_KEYS_PUBLISHED_VERSIONS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_rings.h"

namespace keysvc::keys {

// Since when the versions that wait for their rotation can be seen by verifiers, under the kid that
// they have now. That is later than they were made, by what the HSM and the log took, and not known
// of another process: after a start it counts from there. Not thread-safe.
class PublishedVersions {
 public:
  // Whoever asks is shown `rings` from now on.
  void Show(const KeyRings& rings, absl::Time now);

  // Whether a key with such parameters may sign by its next version: one that is prepared once no
  // verifier may keep a key set without it (kJwksMaxAge), one that is not (nullptr) if there is no
  // such set (HasKeySet). Of kSharedMac one that is prepared, at any time: the partner, whom it was
  // handed to, says when. FAILED_PRECONDITION/KEY_NOT_PUBLISHED.
  absl::Status Check(const KeyParameters& parameters, const KeyRecord* prepared,
                     absl::Time now) const;

 private:
  struct Published {
    absl::Time since;
    std::string kid;
  };
  std::map<KeyVersionName, Published> published_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PUBLISHED_VERSIONS_H_
