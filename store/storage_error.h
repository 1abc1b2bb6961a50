#ifndef KEYSVC_STORE_STORAGE_ERROR_H_
#define KEYSVC_STORE_STORAGE_ERROR_H_

#include "absl/status/status.h"

namespace keysvc::store {

// What a result code of SQLCipher means for us: UNAVAILABLE/STORE_UNAVAILABLE when the storage
// fails, DATA_LOSS/INTEGRITY_FAILURE when a page does not authenticate or does not parse,
// INTERNAL/INTERNAL when we are at fault. The message holds the code and never the library's text,
// which may quote SQL.
absl::Status StorageError(int code);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_STORAGE_ERROR_H_
