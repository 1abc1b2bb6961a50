#ifndef KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_
#define KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_wrapping.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/profile.h"

namespace keysvc::keys {

struct KeyVersion {
  KeyVersionName name;
  KeyParameters parameters;
  KeyState state = KeyState::kPreActivation;
  bool primary = false;
  std::string environment;
  absl::Time created, originator_end, recipient_end;
  std::string hsm_label;
  std::string public_key;  // DER SubjectPublicKeyInfo, key pairs only
};

// Every key and its versions: what is in the store, checked against its MACs, kept in memory and
// changed only through the journal. Thread-safe. Reads never block on the HSM; changes do, and are
// made one at a time.
class KeyRegistry {
 public:
  // Loads and checks all rows (DATA_LOSS/INTEGRITY_FAILURE when one was changed, or the HSM misses
  // a key that an active version needs) and finishes what a stop in the middle of Create or Rotate
  // left behind: a version still in pre-activation whose key is in the HSM stays unused and is
  // reported as an orphan.
  static absl::StatusOr<std::unique_ptr<KeyRegistry>> Load(
      pkcs11::Hsm& hsm, KeyWrapping& wrapping, store::Store& store, audit::Journal& journal,
      std::string environment, std::function<absl::Time()> clock = absl::Now);
  ~KeyRegistry();

  // Makes the keys that a declared profile needs and that do not exist yet (actor "system").
  absl::Status EnsureProfileKeys(const tokenizer::Profile& profile);

  // ALREADY_EXISTS/KEY_EXISTS; FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED. An intent record before
  // the HSM is touched, the outcome with the row.
  absl::StatusOr<audit::Recorded<KeyVersion>> Create(const policy::Permit& permit,
                                                     const KeyName& name,
                                                     const KeyParameters& parameters,
                                                     std::string_view request_id);
  // A new version with the parameters of the primary one, which becomes primary; the old one may
  // still process (verify, open) but no longer apply. FAILED_PRECONDITION/KEY_NOT_ROTATABLE for
  // index, row-MAC and request keys, whose outputs have to be rewritten first.
  absl::StatusOr<audit::Recorded<KeyVersion>> Rotate(const policy::Permit& permit,
                                                     const KeyName& name,
                                                     std::string_view request_id);

  // NOT_FOUND/KEY_NOT_FOUND.
  absl::StatusOr<std::vector<KeyVersion>> Versions(const KeyName& name) const;
  std::vector<KeyVersion> Primaries(std::string_view tenant) const;  // ordered by key
  // The version, if its state and cryptoperiod allow the use; FAILED_PRECONDITION/KEY_NOT_ACTIVE.
  absl::StatusOr<KeyVersion> PrimaryFor(const KeyName& name, Use use) const;
  absl::StatusOr<KeyVersion> VersionFor(const KeyVersionName& name, Use use) const;
  // The wrapped key of an envelope version, and what its wrap is bound to.
  absl::StatusOr<crypto::SecretBytes> Open(const KeyVersionName& name);

 private:
  class Impl;
  explicit KeyRegistry(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_
