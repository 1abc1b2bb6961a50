#ifndef KEYSVC_KEYSVC_KEYS_PARTNER_KEY_ROW_H_
#define KEYSVC_KEYSVC_KEYS_PARTNER_KEY_ROW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/registry_mac.h"
#include "pkcs11/hsm.h"
#include "store/rows.h"

namespace keysvc::keys {

// Between partners' keys and their rows, whose MAC is under the registry key. The MAC does not tell
// an old row from the newest one: that is the log's part (PartnerKeyRowsDigest). Thread-safe;
// blocks on the HSM.
class PartnerKeyRows {
 public:
  // `label`: the registry key on the token. The environment is in every MAC, so that a row is of
  // no use in another.
  PartnerKeyRows(pkcs11::Hsm& hsm, std::string label, std::string environment);

  // The key's row, with its MAC.
  absl::StatusOr<store::PartnerKeyRow> Authenticate(const PartnerKey& key,
                                                    std::uint64_t revision) const;
  // DATA_LOSS/INTEGRITY_FAILURE when any column is not what the MAC was made over.
  absl::StatusOr<PartnerKey> Open(const store::PartnerKeyRow& row) const;
  // The next revision of a row whose MAC was made by a key that is lost: for a restoration, which
  // has compared the rows with the log instead.
  absl::StatusOr<store::PartnerKeyRow> Reauthenticate(store::PartnerKeyRow row) const;

 private:
  std::string MacInputOf(const store::PartnerKeyRow& row) const;

  const RegistryMac mac_;
  const std::string environment_;
};

// What records say of all partner keys as a whole: SHA-256, in hexadecimal, over every column but
// the MAC of every row (docs/formats.md), which are in the order of tenant and name.
std::string PartnerKeyRowsDigest(const std::vector<store::PartnerKeyRow>& rows);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PARTNER_KEY_ROW_H_
