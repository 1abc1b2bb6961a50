#ifndef KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_
#define KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "crypto/secret_bytes.h"
#include "keysvc/keys/key_addition.h"
#include "keysvc/keys/key_ceremony.h"
#include "keysvc/keys/key_check_value.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_request.h"
#include "keysvc/keys/key_rings.h"
#include "keysvc/keys/key_uses.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/profile_keys.h"
#include "keysvc/keys/published_versions.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::keys {

// Every key and its versions: what is in the store, checked against its MACs, kept in memory and
// changed only through the journal. Thread-safe. Reads never block on the HSM (but for Open);
// changes do, and are made one at a time.
class KeyRegistry {
 public:
  // Loads and checks all rows (DATA_LOSS/INTEGRITY_FAILURE when one was changed, when they are not
  // what the log's newest record of them says, such as one put back, or the HSM misses a key that a
  // version in use needs or holds another in its place; ENVIRONMENT_MISMATCH for keys of another
  // environment) and gives up what a stop in the middle of Create or Rotate left behind: the
  // version stays unused, its intent gets an outcome, and its key, if the HSM made one, is an
  // orphan.
  static absl::StatusOr<std::unique_ptr<KeyRegistry>> Load(
      pkcs11::Hsm& hsm, KeyWrapping& wrapping, store::Store& store, audit::Journal& journal,
      std::string environment, std::function<absl::Time()> clock = absl::Now,
      UseLimits limits = {});
  KeyRegistry(const KeyRegistry&) = delete;
  KeyRegistry& operator=(const KeyRegistry&) = delete;

  // Makes the keys that a declared profile needs and that do not exist yet (actor "system").
  // FAILED_PRECONDITION/PROFILE_CHANGED when the profile is of another family than the keys that it
  // has, or its tokens would have another format: those that are out could not be read any more.
  absl::Status EnsureProfileKeys(const tokenizer::Profile& profile);

  // A key for signing or MACs; ids that the service uses itself are refused. Recorded errors:
  // ALREADY_EXISTS/KEY_EXISTS; FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED; INVALID_ARGUMENT. An
  // intent record before the HSM is touched, the outcome with the row. A name whose first attempt
  // broke off can be created again. The outer error means that the outcome is not recorded or not
  // known; UNAVAILABLE/OUTCOME_UNKNOWN is settled by the next change. With a request id, a
  // repetition within 24 hours gets the version that the first one made, and another content
  // INVALID_ARGUMENT/REQUEST_ID_REUSED.
  absl::StatusOr<audit::Recorded<KeyVersion>> Create(const policy::Permit& permit,
                                                     const KeyName& name,
                                                     const KeyParameters& parameters,
                                                     std::string_view request_id);
  // A new version with the parameters of the primary one, which waits for Rotate (IsPrepared):
  // published, so that verifiers know it before it signs, or for the partner to have it before it
  // MACs. FAILED_PRECONDITION with KEY_PURPOSE_MISMATCH for keys that have none (IsMadeAhead);
  // ALREADY_EXISTS/KEY_EXISTS when one waits already, but of kSharedMac, and where its originator
  // period is over: that one is destroyed for the new one. Repetitions as above.
  absl::StatusOr<audit::Recorded<KeyVersion>> CreateVersion(const policy::Permit& permit,
                                                            const KeyName& name,
                                                            std::string_view request_id);

  // kSoon: also a version that verifiers may not know yet, as when the old key is compromised; of a
  // shared key, without a roll.
  enum class Urgency { kInDueTime, kSoon };
  // Makes the prepared version primary, or a new one with the parameters of the primary one; the
  // old one may still process (verify, open) but no longer apply. That of a shared key does both
  // for kSecretRoll more, or until the next rotation, and then nothing. FAILED_PRECONDITION with
  // KEY_NOT_PUBLISHED for a prepared version that can be seen for less long than verifiers may keep
  // a key set (kJwksMaxAge; PublishedVersions), and for a key with such a set (HasKeySet) or of
  // kSharedMac that has no prepared version; with KEY_NOT_ACTIVE for a prepared version whose
  // originator period is over, which CreateVersion replaces; with KEY_NOT_ROTATABLE for index,
  // row-MAC, request and FF1 keys, whose outputs have to be rewritten first. Repetitions as above.
  absl::StatusOr<audit::Recorded<KeyVersion>> Rotate(const policy::Permit& permit,
                                                     const KeyName& name,
                                                     std::string_view request_id,
                                                     Urgency urgency = Urgency::kInDueTime);

  // Has the HSM unwrap a partner's secret as the key's first version, or as its next one, as a
  // rotation does, which waits for one where IsMadeAhead says so, in the place of one that waits
  // already; it is of the origin imported. Recorded errors are those of CheckImportable and
  // ImportedVersion, and INVALID_ARGUMENT/WRAPPED_SECRET_INVALID; a refusal leaves nothing in the
  // HSM, but for a secret whose check value cannot be made: an orphan, which nothing uses. Intent,
  // outcome and repetitions as above.
  absl::StatusOr<audit::Recorded<KeyVersion>> Import(const policy::Permit& permit,
                                                     const KeyImport& import,
                                                     std::string_view request_id);

  // Attaches certificates to a version of a key pair, and what a directory calls it by, in the
  // place of what it had of both; without the latter it is called as before. Recorded errors are
  // those of CertifiedVersion. Repetitions as above.
  absl::StatusOr<audit::Recorded<KeyVersion>> AttachCertificates(
      const policy::Permit& permit, const CertificateAttachment& attachment,
      std::string_view request_id);

  // Oldest first. NOT_FOUND/KEY_NOT_FOUND.
  absl::StatusOr<std::vector<KeyVersion>> Versions(const KeyName& name) const;
  std::vector<KeyVersion> Primaries(std::string_view tenant) const;  // ordered by key
  // The version, the primary one for 0, whatever its state. NOT_FOUND/KEY_NOT_FOUND.
  absl::StatusOr<KeyVersion> Version(const KeyVersionName& name) const;
  // The version, if its state and cryptoperiod allow the use; FAILED_PRECONDITION/KEY_NOT_ACTIVE.
  absl::StatusOr<KeyVersion> PrimaryFor(const KeyName& name, Use use) const;
  // Those that sign: the primary version first, and of a shared key then the one before it while
  // that is live, but for kSharedMac, whose messages hold one MAC. Errors as above, of the primary
  // one.
  absl::StatusOr<std::vector<KeyVersion>> SignersOf(const KeyName& name) const;
  absl::StatusOr<KeyVersion> VersionFor(const KeyVersionName& name, Use use) const;
  // The key check value of a version; errors as there. Blocks on the HSM unless Import has made it.
  // Empty once the version is destroyed, which nobody has to compare.
  absl::StatusOr<std::string> CheckValueOf(const KeyVersion& version) const {
    if (version.check_value.has_value()) return *version.check_value;
    if (version.state == KeyState::kDestroyed) return std::string();
    return KeyCheckValueOf(hsm_, version);
  }
  // The key of an envelope version that may process, unwrapped by the HSM.
  absl::StatusOr<crypto::SecretBytes> Open(const KeyVersionName& name);

  // What tells the tenant's requests apart and seals the answers kept for them. Makes their key
  // where the tenant has none yet.
  absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> RequestKeysOf(
      const std::string& tenant);

  // Makes one more block of the version's uses durable, if it still applies and has not reached the
  // stop. UNAVAILABLE when HSM or log are away; ABORTED/CONFLICT when it is to be tried again.
  absl::Status ReserveUses(const KeyVersionName& name);
  // The versions that apply and whose uses are counted.
  std::vector<KeyVersion> CountedVersions() const;
  UseBook& uses() { return uses_; }

  // Has the HSM open every envelope version that may process, and returns how many there are.
  // DATA_LOSS/INTEGRITY_FAILURE, naming it, when one does not open.
  absl::StatusOr<std::size_t> OpenEveryKey();

  // As keys/profile_keys.h says, of the keys as they are now.
  std::vector<tokenizer::Profile> FormerProfiles(const tokenizer::Profiles& profiles) const {
    return FormerProfilesOf(*Rings(), profiles);
  }
  std::vector<tokenizer::IssuedRange> IssuedRanges() const { return IssuedRangesOf(*Rings()); }
  // What a head of the log says of the key rows: what LoggedKeysDigest reads. Empty while a change
  // is being made. Does not block.
  std::map<std::string, std::string> HeadFacts();

  // Labels of keys on the token that no version uses, as of Load. They are never deleted here.
  const std::vector<std::string>& orphans() const { return orphans_; }

 private:
  KeyRegistry(pkcs11::Hsm& hsm, KeyWrapping& wrapping, store::Store& store, audit::Journal& journal,
              std::string environment, std::function<absl::Time()> clock, UseLimits limits);

  // Every row, checked. DATA_LOSS/INTEGRITY_FAILURE also when one is older than it was.
  absl::StatusOr<KeyRings> ReadRings() const;
  absl::Status Reload();
  // Only what is what the log tells of, since what was put back has its MAC. DATA_LOSS with
  // INTEGRITY_FAILURE when it is not, and nothing has changed.
  absl::Status ReloadAsLogged();
  // Reads all again when it is unknown what became of an earlier change. The ceremony mutex is
  // held.
  absl::Status SettleDoubt();
  // Compares the rings with what the token holds.
  absl::Status CheckHsm();
  // Adds the version that `decide` gives for the rings as they are then; an error of `decide` is
  // recorded. `request` is all that the caller asked for, in canonical form. The ceremony mutex is
  // held.
  using Decide = std::function<absl::StatusOr<Addition>(const KeyRings& rings)>;
  absl::StatusOr<audit::Recorded<KeyVersion>> AddVersion(const audit::Entry& entry,
                                                         const KeyName& name,
                                                         std::string_view request,
                                                         const Decide& decide);
  absl::StatusOr<audit::Recorded<KeyVersion>> AddOrRepeat(const audit::Entry& entry,
                                                          const KeyName& name,
                                                          std::string_view request,
                                                          const Decide& decide, KeyRings& rings);
  // What tells the request from others, and seals its answer.
  struct KeptRequest {
    std::shared_ptr<const tokenizer::RequestKeys> keys;
    std::string fingerprint;
  };
  // Empty for a call without a request id.
  absl::StatusOr<KeptRequest> OpenRequest(const audit::Entry& entry, const KeyName& name,
                                          std::string_view request);
  // The row that a repetition finds the version by; none for a call without a request id.
  absl::StatusOr<std::optional<store::IdempotencyRow>> Keep(const audit::Entry& entry,
                                                            const KeyVersionName& version,
                                                            const KeptRequest& request) const;
  absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> OpenRequestKeys(
      const std::string& tenant);
  absl::StatusOr<std::optional<KeyVersion>> FindEarlier(const audit::Entry& entry,
                                                        const KeptRequest& request,
                                                        const KeyRings& rings) const;
  // Makes a key of the service's own unless it exists. The ceremony mutex is held.
  absl::Status EnsureKey(const KeyName& name, Purpose purpose, std::string token_format = {});
  KeyVersion Draft(const KeyName& name, std::uint32_t number, const KeyParameters& parameters,
                   Origin origin, const std::string& made_by) const;

  std::shared_ptr<const KeyRings> Rings() const;
  void Publish(KeyRings rings);

  pkcs11::Hsm& hsm_;
  KeyWrapping& wrapping_;
  store::Store& store_;
  const audit::Journal& journal_;
  const std::string environment_;
  const std::function<absl::Time()> clock_;
  const KeyVersionRows rows_;
  std::mutex ceremony_mutex_;
  UseBook uses_;
  KeyCeremony ceremony_;
  PublishedVersions published_;  // with the ceremony mutex
  bool doubtful_ = false;        // a change may or may not have been written
  std::vector<std::string> orphans_;
  mutable std::mutex rings_mutex_;  // of the pointer; what it points to never changes
  std::shared_ptr<const KeyRings> rings_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_REGISTRY_H_
