// The keys that versions say the HSM holds, compared with those that it does hold.
#ifndef KEYSVC_KEYSVC_KEYS_HSM_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_HSM_KEYS_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_rings.h"
#include "keysvc/keys/key_version.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// Whether the HSM holds the version's key: one of its label and kind is among `present`, and its
// public half is the version's. A MAC key has nothing but label and kind to be told by. Else the
// HSM's error. Blocks on the HSM.
absl::StatusOr<bool> Holds(pkcs11::Hsm& hsm, const std::vector<pkcs11::HsmKey>& present,
                           const KeyVersion& version);

// Whether the HSM holds every key that a version in use needs; whether every version that may sign
// at `now` signs, once, as its own public half verifies; and whether a key pair that may sign later
// has its own public half. DATA_LOSS/INTEGRITY_FAILURE, naming the version, when not; else the
// HSM's error. Blocks on the HSM, for some calls per key and not per version.
absl::Status CheckHsmKeys(pkcs11::Hsm& hsm, const std::vector<pkcs11::HsmKey>& present,
                          const KeyRings& rings, absl::Time now);

// The labels among `present` that the deployment gives to key versions and that are none of
// `claimed`, in order.
std::vector<std::string> UnclaimedLabels(const std::vector<pkcs11::HsmKey>& present,
                                         std::string_view deployment,
                                         const std::set<std::string>& claimed);
// Those that no version of the rings needs.
std::vector<std::string> OrphanedLabels(const std::vector<pkcs11::HsmKey>& present,
                                        std::string_view deployment, const KeyRings& rings);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_HSM_KEYS_H_
