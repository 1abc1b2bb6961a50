#include "store/storage_error.h"

#include <sqlcipher/sqlite3.h>

#include "absl/strings/str_cat.h"
#include "status/reason.h"

namespace keysvc::store {
namespace {

Reason ReasonOfCode(int code) {
  constexpr int kPrimaryCode = 0xff;
  switch (code & kPrimaryCode) {
    case SQLITE_ERROR:  // what SQLCipher says of a page whose HMAC is wrong
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Reason::kIntegrityFailure;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
      return Reason::kInternal;
    default:
      return Reason::kStoreUnavailable;
  }
}

}  // namespace

absl::Status StorageError(int code) {
  return Error(ReasonOfCode(code), absl::StrCat("the store failed with code ", code));
}

}  // namespace keysvc::store
