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

int SystemErrorOf(sqlite3_file* file) {
  int error = 0;
  // A file that was never opened has no methods.
  if (file == nullptr || file->pMethods == nullptr) return 0;
  file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

// Whether the system has failed to read or write the database or its log on this connection.
bool SystemFailed(sqlite3* database) {
  if (database == nullptr) return false;
  for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(database, "main", which, static_cast<void*>(&file));
    if (SystemErrorOf(file) != 0) return true;
  }
  return false;
}

}  // namespace

absl::Status StorageError(sqlite3* database, int code) {
  Reason reason = ReasonOfCode(code);
  if (reason == Reason::kIntegrityFailure && SystemFailed(database)) {
    reason = Reason::kStoreUnavailable;
  }
  return Error(reason, absl::StrCat("the store failed with code ", code));
}

}  // namespace keysvc::store
