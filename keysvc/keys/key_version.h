#ifndef KEYSVC_KEYSVC_KEYS_KEY_VERSION_H_
#define KEYSVC_KEYSVC_KEYS_KEY_VERSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"

namespace keysvc::keys {

// One version of a key, as callers may see it. A value; times have whole milliseconds.
struct KeyVersion {
  KeyVersionName name;
  KeyParameters parameters;
  KeyState state = KeyState::kPreActivation;
  bool primary = false;
  bool made = false;  // its key is there; in pre-activation it may be being made yet
  std::string environment;
  absl::Time created, originator_end, recipient_end;
  std::string hsm_label;   // of those that live in the HSM
  std::string public_key;  // DER SubjectPublicKeyInfo, key pairs only
  // DER, the key's own and then those of its issuers; empty where none were attached.
  std::string certificates;
  // What the directory that publishes it calls it; empty: by its thumbprint (KidOf).
  std::string kid;
  Origin origin = Origin::kGenerated;
  std::string made_by;  // the principal who had it made or imported; empty where that is not known
  // How often it may have sealed or signed, and how often it may in all; both 0 when that is not
  // counted. Only KeyRegistry::Versions fills them in.
  std::uint64_t uses = 0;
  std::uint64_t use_limit = 0;
  // KeyCheckValueOf, of one that was imported since the start.
  std::optional<std::string> check_value = {};
};

// For how long verifiers may keep a JWK set, and therefore for how long a version is published
// before it signs.
constexpr absl::Duration kJwksMaxAge = absl::Minutes(5);

// For how long the version before the primary one of a shared key goes on beside it, so that
// receivers can take the new secret one after the other.
constexpr absl::Duration kSecretRoll = absl::Hours(24 * 7);

// Whether it is made, and waits for the rotation that makes it primary: in pre-activation with its
// key, which a version that is still being made does not have.
bool IsPrepared(const KeyVersion& version);

// Whether state and cryptoperiod allow the use at `now`. A shared key processes no longer than it
// applies. FAILED_PRECONDITION/KEY_NOT_ACTIVE.
absl::Status CheckUse(const KeyVersion& version, Use use, absl::Time now);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_VERSION_H_
