#include "keysvc/keys/recovery_copies.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "crypto/secret_bytes.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/logged_keys.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/sidecar.h"

namespace keysvc::keys {
namespace {

absl::Status Mismatch(std::string_view what) { return Error(Reason::kRecoveryKeyMismatch, what); }

}  // namespace

std::string RecoveryDigest(std::string_view sealed) {
  return crypto::ToBase64(crypto::AsText(crypto::Sha256(sealed)));
}

bool NeedsRecoveryCopy(const store::KeyVersionRow& row) { return !row.wrapped.empty(); }

absl::Status CheckRecoveryCopies(const Deployment& deployment, store::Store& store,
                                 const crypto::RecoveryCertificate* certificate) {
  ASSIGN_OR_RETURN(const store::Sidecar sidecar, store::ReadSidecar(deployment.sidecar_path));
  const std::string& sealed_to = sidecar.current.recovery_key_id;
  if (certificate == nullptr) {
    if (sealed_to.empty()) return absl::OkStatus();
    return Mismatch(
        "the keys are sealed to a recovery key, and none is configured: new keys would "
        "be lost with the HSM; configure recovery.certificate again");
  }
  if (sealed_to != certificate->key_id()) {
    return Mismatch(sealed_to.empty()
                        ? "the keys are not sealed to the configured recovery certificate: run "
                          "keysvcd enroll-recovery"
                        : "the keys are sealed to another recovery key than the configured one: "
                          "configure its certificate again, or run keysvcd enroll-recovery");
  }
  ASSIGN_OR_RETURN(const std::vector<store::KeyVersionRow> rows, store.ListKeyVersions());
  for (const store::KeyVersionRow& row : rows) {
    if (NeedsRecoveryCopy(row) && !certificate->IsRecipientOf(row.recovery)) {
      return Mismatch(
          "a key is not sealed to the configured recovery certificate: run keysvcd "
          "enroll-recovery");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> EnrollRecovery(const Deployment& deployment, pkcs11::Hsm& hsm,
                                           KeyWrapping& wrapping, store::Store& store,
                                           audit::Journal& journal,
                                           const crypto::RecoveryCertificate& certificate) {
  const KeyVersionRows rows(hsm, deployment.RegistryLabel());
  ASSIGN_OR_RETURN(const std::vector<store::KeyVersionRow> stored, store.ListKeyVersions());
  audit::Entry entry = SystemEntry("KeyService.SealForRecovery", "");
  entry.details["recovery_key"] = absl::BytesToHexString(certificate.key_id());
  store::Mutation change;
  for (const store::KeyVersionRow& row : stored) {
    if (!NeedsRecoveryCopy(row)) continue;
    ASSIGN_OR_RETURN(KeyRecord record, rows.Open(row));
    const std::string context = WrapContextOf(record.version);
    ASSIGN_OR_RETURN(const crypto::SecretBytes key, wrapping.Unwrap(record.wrapped, context));
    ASSIGN_OR_RETURN(record.recovery, certificate.Seal(key, context));
    ++record.revision;
    entry.details[record.version.name.ToString()] = RecoveryDigest(record.recovery);
    ASSIGN_OR_RETURN(store::KeyVersionRow sealed, rows.Seal(record));
    change.keys.push_back(std::move(sealed));
  }
  const std::size_t count = change.keys.size();
  entry.details["keys"] = KeyRowsDigest(stored, change.keys);
  RETURN_IF_ERROR(journal.Record(std::move(entry), std::move(change)).status());
  ASSIGN_OR_RETURN(const crypto::SecretKey<32> database_key, OpenDatabaseKey(deployment, hsm));
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, KekVersionOf(deployment));
  RETURN_IF_ERROR(WrapDatabaseKey(deployment, hsm, kek_version, database_key, &certificate));
  return count;
}

}  // namespace keysvc::keys
