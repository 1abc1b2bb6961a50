#ifndef KEYSVC_STORE_STORAGE_ERROR_H_
#define KEYSVC_STORE_STORAGE_ERROR_H_

#include "absl/status/status.h"

struct sqlite3;

namespace keysvc::store {

// What a result code of a call on `database` (null when there is none) means for us:
// UNAVAILABLE/STORE_UNAVAILABLE when the storage fails, DATA_LOSS/INTEGRITY_FAILURE when a page
// does not authenticate or does not parse, INTERNAL/INTERNAL when we are at fault. A page or a salt
// that the disk failed to deliver looks to SQLCipher like one that was changed; here it is a
// failure of the storage. The message holds the code and never the library's text, which may quote
// SQL.
absl::Status StorageError(sqlite3* database, int code);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_STORAGE_ERROR_H_
