// Which version a change of keys makes, by the keys as they are when it is made.
#ifndef KEYSVC_KEYSVC_KEYS_KEY_ADDITION_H_
#define KEYSVC_KEYSVC_KEYS_KEY_ADDITION_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_ceremony.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_request.h"
#include "keysvc/keys/key_rings.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/published_versions.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// A version to make or to unwrap, or one that is prepared, which the rings hold.
struct Addition {
  KeyParameters parameters;
  KeyCeremony::Becomes becomes = KeyCeremony::Becomes::kPrimary;
  const KeyRecord* prepared = nullptr;
  // The one that waits and is given up for it.
  std::optional<KeyRecord> replaced = {};
  // Of a version to unwrap, and the version of the import key that does it.
  std::optional<KeyCeremony::Source> source;
  std::string import_key;
};

// The first version of a key. ALREADY_EXISTS/KEY_EXISTS; FAILED_PRECONDITION with
// ALGORITHM_UNSUPPORTED by what the HSM cannot do.
absl::StatusOr<Addition> FirstVersion(const KeyRings& rings, const KeyName& name,
                                      const KeyParameters& parameters,
                                      const pkcs11::Capabilities& hsm);

// The next version, waiting for its rotation, in the place of one that waits already if that is of
// kSharedMac or its originator period is over. NOT_FOUND/KEY_NOT_FOUND; FAILED_PRECONDITION with
// KEY_PURPOSE_MISMATCH for keys that have none (IsMadeAhead); ALREADY_EXISTS/KEY_EXISTS.
absl::StatusOr<Addition> VersionAhead(const KeyRings& rings, const KeyName& name, absl::Time now);

// The version that a rotation makes primary: the prepared one, or a new one with the parameters of
// the primary one. FAILED_PRECONDITION with KEY_NOT_PUBLISHED unless it is to be the sole one;
// KEY_NOT_ROTATABLE.
absl::StatusOr<Addition> NextVersion(const KeyRings& rings, const KeyName& name,
                                     KeyCeremony::Becomes becomes,
                                     const PublishedVersions& published, absl::Time now);

// The version that a partner's secret becomes: the first, or the next one of a shared key of the
// same purpose and algorithm, waiting for its rotation where IsMadeAhead says so, in the place of
// one that waits already. Errors of the import key:
// NOT_FOUND/KEY_NOT_FOUND; FAILED_PRECONDITION with KEY_PURPOSE_MISMATCH, KEY_NOT_ACTIVE;
// PERMISSION_DENIED with SEPARATION_OF_DUTIES when `caller` had it made.
// INVALID_ARGUMENT/WRAPPED_SECRET_INVALID for what does not have the size of one.
// KEY_PURPOSE_MISMATCH also for a key of another kind, ALGORITHM_UNSUPPORTED by what the HSM cannot
// do.
absl::StatusOr<Addition> ImportedVersion(const KeyRings& rings, const KeyImport& import,
                                         const pkcs11::Capabilities& hsm, std::string_view caller,
                                         absl::Time now);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_ADDITION_H_
