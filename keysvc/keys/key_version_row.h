#ifndef KEYSVC_KEYSVC_KEYS_KEY_VERSION_ROW_H_
#define KEYSVC_KEYSVC_KEYS_KEY_VERSION_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/registry_mac.h"
#include "pkcs11/hsm.h"
#include "store/rows.h"

namespace keysvc::keys {

// A key version with what only the registry sees.
struct KeyRecord {
  KeyVersion version;
  std::string wrapped;   // protection kEnvelope, once the key is made
  std::string recovery;  // the same key, sealed to the recovery key; empty when it is not
  std::uint64_t reserved_uses = 0;  // how often the key may have been used to encrypt
  std::uint64_t revision = 0;       // of the stored row
  // The log index of the intent that announced the version; known from the intent's record until
  // its outcome's, and lost by a restart.
  std::optional<std::uint64_t> intent;
};

// What the wrap of an envelope key is bound to.
std::string WrapContextOf(const KeyVersion& version);

// As IsPrepared of the version; not of a row that names what there is not.
bool IsPrepared(const store::KeyVersionRow& row);

// The row of a record, without its MAC.
store::KeyVersionRow RowOf(const KeyRecord& record);

// What the MAC of a row is made over: every column but the MAC (docs/formats.md).
std::string MacInputOf(const store::KeyVersionRow& row);

// Between records and rows. The rows' MAC is an HMAC by a key that never leaves the HSM, so whoever
// can write the database, or read this process, still cannot make a row. It does not tell an old
// row from the newest one: that is the log's part. Thread-safe; blocks on the HSM.
class KeyVersionRows {
 public:
  // `label`: the HMAC key on the token.
  KeyVersionRows(pkcs11::Hsm& hsm, std::string label);

  absl::StatusOr<store::KeyVersionRow> Seal(const KeyRecord& record) const;
  // DATA_LOSS/INTEGRITY_FAILURE when any column is not what was sealed.
  absl::StatusOr<KeyRecord> Open(const store::KeyVersionRow& row) const;
  // The record of a row whose MAC was made by a key that is lost: for a restoration, which compares
  // the rows with the log instead.
  static absl::StatusOr<KeyRecord> ReadUnchecked(const store::KeyVersionRow& row);

 private:
  const RegistryMac mac_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_VERSION_ROW_H_
