#ifndef KEYSVC_KEYSVC_KEYS_LOGGED_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_LOGGED_KEYS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/store.h"

namespace keysvc::keys {

// What the log says that all key rows are (KeyRings::Digest): its newest record that changed one,
// or the newest head, which says the same so that nobody has to look further back. nullopt for a
// log that has neither. DATA_LOSS/INTEGRITY_FAILURE when that record is not what was written.
absl::StatusOr<std::optional<std::string>> LoggedKeysDigest(store::Store& store);
// Whether these, which are all that the store holds, are the partner keys that its log tells of, by
// PartnerKeyRowsDigest in the same places. DATA_LOSS/INTEGRITY_FAILURE when they are not.
absl::Status CheckLoggedPartnerKeys(store::Store& store,
                                    const std::vector<store::PartnerKeyRow>& rows);

// The same digest of the rows that are stored once `changed` has replaced or joined `stored`: for
// whoever changes key rows without rings.
std::string KeyRowsDigest(const std::vector<store::KeyVersionRow>& stored,
                          const std::vector<store::KeyVersionRow>& changed);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_LOGGED_KEYS_H_
