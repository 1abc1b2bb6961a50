#ifndef KEYSVC_KEYSVC_KEYS_KEY_HISTORY_H_
#define KEYSVC_KEYSVC_KEYS_KEY_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/checkpoint.h"
#include "store/rows.h"
#include "store/store.h"

namespace keysvc::keys {

// What the log says of a key version.
struct RecordedVersion {
  bool prepared = false;  // it was made ahead, whether or not it has been activated since
  bool made = false;      // it was made and activated
  bool lost = false;      // with the HSM that held it, or given up for another one while it waited
  std::string purpose, algorithm, protection;
  std::string token_format;  // empty but for keys that are bound to one
  bool low_s = false;
  std::string max_signatures;   // in decimal; empty where there is no ceiling
  std::string origin;           // empty but for what was imported
  std::string made_by;          // the principal who had it made
  std::string recovery_sha256;  // of the copy sealed last; empty when there is none
};

// What the log says of all keys and of its own, in one reading.
struct KeyHistory {
  std::map<std::string, RecordedVersion> versions;  // by resource name
  audit::LogKeys log_keys;
  std::uint32_t restored_kek = 0;  // of the last Log.Restored; 0 when there is none
};

// Reads the whole log. DATA_LOSS/INTEGRITY_FAILURE when a record is not what was written or the
// log's own keys do not follow upon each other.
absl::StatusOr<KeyHistory> ReadKeyHistory(store::Store& store);

// Whether the rows are those of the log: every version that was made is there with what its record
// says and the very recovery copy that was recorded, and no other version exists. It stands in for
// the rows' MACs when the key that made those is lost. DATA_LOSS/INTEGRITY_FAILURE names the
// version at fault.
absl::Status CheckRowsAgainst(const KeyHistory& history,
                              const std::vector<store::KeyVersionRow>& rows);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_HISTORY_H_
