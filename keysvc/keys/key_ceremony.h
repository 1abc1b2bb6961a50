#ifndef KEYSVC_KEYSVC_KEYS_KEY_CEREMONY_H_
#define KEYSVC_KEYSVC_KEYS_KEY_CEREMONY_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/key_rings.h"
#include "keysvc/keys/key_uses.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/key_wrapping.h"
#include "pkcs11/hsm.h"
#include "store/store.h"

namespace keysvc::keys {

// Makes key versions across HSM, store and log, none of which can take part in a transaction of
// another:
//   1. the intent is recorded with a row in pre-activation, which takes the version's number;
//   2. the key is made, found again and used once;
//   3. the outcome is recorded with the row made active and primary and the old primary demoted; or
//      with the row's next revision, which stays in pre-activation until it is activated.
// A stop between the steps leaves a row in pre-activation, which Settle gives up; its number and
// label are never used again, and its key, if the HSM made one, stays there unused. Not
// thread-safe: one ceremony at a time.
class KeyCeremony {
 public:
  KeyCeremony(pkcs11::Hsm& hsm, KeyWrapping& wrapping, const KeyVersionRows& rows,
              store::Store& store, audit::Journal& journal, const UseLimits& limits);

  // What a version that was made is then: in use at once, beside the old primary of a shared key
  // for as long as its roll takes; the same without the old one; or waiting for its rotation
  // (IsPrepared).
  enum class Becomes { kPrimary, kSolePrimary, kPrepared };

  // What a version is unwrapped from that the HSM does not make itself.
  struct Source {
    std::string unwrapping;  // label
    pkcs11::WrappedSecret secret;
  };

  // Adds `fresh`, whose name, parameters, environment and times are set, and brings `rings` up to
  // what became durable. `source`: of an imported one, else null; its check value is made
  // before the outcome. `replaced`: null, or the prepared
  // version that a prepared one is made for, given up with the outcome. `kept` is written with the
  // outcome. `entry` says who and why; outcome and resource are filled in. An outer error means
  // that a record could not be made, or that it is unknown whether one was: the rows have to be
  // read again.
  absl::StatusOr<audit::Recorded<KeyVersion>> AddVersion(audit::Entry entry, KeyVersion fresh,
                                                         Becomes becomes,
                                                         std::optional<store::IdempotencyRow> kept,
                                                         KeyRings& rings,
                                                         const Source* source = nullptr,
                                                         const KeyRecord* replaced = nullptr);

  // Makes a prepared version primary at `now` and demotes the old primary, in one change, but for
  // that of a shared key, as `becomes` says; errors as above. One that would apply no more is
  // refused, FAILED_PRECONDITION/KEY_NOT_ACTIVE.
  absl::StatusOr<audit::Recorded<KeyVersion>> Activate(audit::Entry entry,
                                                       const KeyRecord& prepared, Becomes becomes,
                                                       absl::Time now,
                                                       std::optional<store::IdempotencyRow> kept,
                                                       KeyRings& rings);

  // Gives up every version that is still in pre-activation and records the outcome of its intent.
  // ABORTED/CONFLICT when a row has changed since `rings` was read.
  absl::Status Settle(KeyRings& rings);

  // Writes the certificates and the kid that the record has now; errors as above.
  absl::StatusOr<audit::Recorded<KeyVersion>> AttachCertificates(
      audit::Entry entry, KeyRecord record, std::optional<store::IdempotencyRow> kept,
      KeyRings& rings);

  // Makes a higher bound of the version's uses durable, with a record. ABORTED/CONFLICT as above.
  absl::Status ReserveUses(const KeyVersionName& version, KeyRings& rings);

  // Makes a record and nothing else: once that is durable, every earlier change has either been
  // written or never will be.
  absl::Status RecordReload();

  // Records that a request which made `version` before was repeated.
  absl::StatusOr<audit::Recorded<KeyVersion>> Repeat(audit::Entry entry, KeyVersion version);
  // Records that nothing was done.
  absl::StatusOr<audit::Recorded<KeyVersion>> Refuse(audit::Entry entry,
                                                     const absl::Status& status);

 private:
  // What step 3 writes: the new version, then those that are less than before.
  struct Change {
    std::vector<KeyRecord> records;
    std::vector<store::KeyVersionRow> rows;
  };
  absl::StatusOr<Change> MakeKey(KeyRecord record, Becomes becomes, const KeyRings& rings,
                                 const Source* source, const KeyRecord* replaced);
  // The record as primary version from `at` on, and what was in use before demoted.
  absl::StatusOr<Change> Activation(KeyRecord record, Becomes becomes, absl::Time at,
                                    const KeyRings& rings);
  absl::StatusOr<Change> Sealed(std::vector<KeyRecord> records, const KeyRings& rings) const;
  // Writes the changed records with an entry that says what all rows are then.
  absl::StatusOr<audit::Receipt> Write(audit::Entry entry, const std::vector<KeyRecord>& changed,
                                       store::Mutation mutation, KeyRings& rings);
  absl::Status MakeInHsm(KeyVersion& version, const Source* source);
  absl::Status MakeEnvelope(KeyRecord& record);

  pkcs11::Hsm& hsm_;
  KeyWrapping& wrapping_;
  const KeyVersionRows& rows_;
  store::Store& store_;
  audit::Journal& journal_;
  const UseLimits limits_;  // of data keys
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_CEREMONY_H_
