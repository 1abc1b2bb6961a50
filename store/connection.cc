#include "store/connection.h"

#include <sqlcipher/sqlite3.h>

#include <array>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/secret_access.h"
#include "crypto/secret_bytes.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/statement.h"
#include "store/storage_error.h"

namespace keysvc::store {
namespace {

using crypto::SecretAccess;
using crypto::SecretBytes;

constexpr int kBusyTimeoutMs = 5000;
// 4 MiB of log. All calls wait while it is moved: with 16 MiB one in twenty waited 30 ms, and a
// smaller piece only moves the same pages more often.
constexpr int kCheckpointFrames = 1000;
constexpr int kRestartFrames = 4 * kCheckpointFrames;

absl::Status InitializeLibrary() {
  static std::once_flag once;
  static int code = SQLITE_OK;
  std::call_once(once, [] {
    // Its statistics take a lock that all connections share at each allocation.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    code = sqlite3_initialize();
  });
  return code == SQLITE_OK ? absl::OkStatus() : StorageError(nullptr, code);
}

// The form in which SQLCipher takes a key as it is, without deriving it from a passphrase: x'hex'.
absl::StatusOr<SecretBytes> RawKeyLiteral(const crypto::SecretKey<32>& key) {
  constexpr char kHex[] = "0123456789abcdef";
  const crypto::ByteView bytes = key.Expose(SecretAccess::kGranted);
  ASSIGN_OR_RETURN(SecretBytes literal, SecretBytes::Create(2 * bytes.size() + 3));
  const std::span<std::uint8_t> out = literal.ExposeMutable(SecretAccess::kGranted);
  std::size_t at = 0;
  const auto put = [&](char c) { out[at++] = static_cast<std::uint8_t>(c); };
  put('x');
  put('\'');
  for (const std::uint8_t byte : bytes) {
    put(kHex[byte >> 4]);
    put(kHex[byte & 0x0f]);
  }
  put('\'');
  return literal;
}

// SQLCipher writes its errors to stderr unless told not to. Memory security would lock and wipe
// every allocation of SQLite at a price; rows are sealed before they come here, and the library
// wipes its own copies of the key in any case.
constexpr char kBeforeKey[] =
    "PRAGMA cipher_log_level = NONE;"
    "PRAGMA cipher_memory_security = OFF;";

// docs/formats.md, cipher parameters 1.
constexpr char kCipherParameters[] =
    "PRAGMA cipher_page_size = 4096;"
    "PRAGMA cipher_use_hmac = ON;"
    "PRAGMA cipher_hmac_algorithm = HMAC_SHA256;"
    "PRAGMA cipher_kdf_algorithm = PBKDF2_HMAC_SHA512;"
    "PRAGMA kdf_iter = 256000;"
    "PRAGMA cipher_plaintext_header_size = 0;";

constexpr char kSettings[] =
    "PRAGMA temp_store = MEMORY;"  // temporary files would not be encrypted
    "PRAGMA secure_delete = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA wal_autocheckpoint = 0;";

constexpr char kWriterSettings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 67108864;";

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             const crypto::SecretKey<32>& key,
                                                             Mode mode, std::size_t cache_mib) {
  RETURN_IF_ERROR(InitializeLibrary());
  std::unique_ptr<Connection> connection(new Connection);
  const int flags = (mode == Mode::kWriter ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &connection->handle_, flags, nullptr);
  if (code != SQLITE_OK) return StorageError(connection->handle_, code);
  // Before anything else: readers that close hold locks for a moment.
  sqlite3_busy_timeout(connection->handle_, kBusyTimeoutMs);
  RETURN_IF_ERROR(connection->ApplyKey(key));
  RETURN_IF_ERROR(connection->Configure(mode, cache_mib));
  return connection;
}

Connection::~Connection() { sqlite3_close_v2(handle_); }

absl::Status Connection::ApplyKey(const crypto::SecretKey<32>& key) {
  RETURN_IF_ERROR(Execute(kBeforeKey));
  ASSIGN_OR_RETURN(const SecretBytes literal, RawKeyLiteral(key));
  const crypto::ByteView bytes = literal.Expose(SecretAccess::kGranted);
  const int code = sqlite3_key_v2(handle_, "main", bytes.data(), static_cast<int>(literal.size()));
  if (code != SQLITE_OK) return StorageError(handle_, code);
  RETURN_IF_ERROR(Execute(kCipherParameters));
  // The library opens files lazily: this is the first read, and proves the key.
  const absl::Status proof = QueryInteger("SELECT count(*) FROM sqlite_master").status();
  if (sqlite3_errcode(handle_) == SQLITE_NOTADB && ReasonOf(proof) == Reason::kIntegrityFailure) {
    return Error(Reason::kStoreForeign, "the database does not open with this key");
  }
  return proof;
}

absl::Status Connection::Configure(Mode mode, std::size_t cache_mib) {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  RETURN_IF_ERROR(Execute(kSettings));
  RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA cache_size = -", cache_mib * 1024).c_str()));
  if (mode == Mode::kReader) {
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Execute(kWriterSettings));
  sqlite3_wal_hook(
      handle_,
      [](void* frames, sqlite3*, const char*, int count) {
        *static_cast<int*>(frames) = count;
        return SQLITE_OK;
      },
      &wal_frames_);
  // Whatever statement does it, the readers' snapshots hear of it. SQLite says nothing of rows that
  // a REPLACE removes, nor of a DELETE of all rows: neither may be used on tokens.
  sqlite3_update_hook(
      handle_,
      [](void* changed, int operation, const char*, const char* table, sqlite3_int64 handle) {
        if (operation != SQLITE_INSERT && std::string_view(table) == "tokens") {
          static_cast<std::vector<std::int64_t>*>(changed)->push_back(handle);
        }
      },
      &changed_tokens_);
  return absl::OkStatus();
}

absl::Status Connection::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : StorageError(handle_, code);
}

absl::StatusOr<std::int64_t> Connection::QueryInteger(const char* sql) {
  ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(*this, sql));
  Execution execution = statement.Bind();
  ASSIGN_OR_RETURN(const bool row, execution.Step());
  return row ? execution.Integer(0) : 0;
}

bool Connection::CheckpointDue() {
  if (wal_frames_ < checkpointed_frames_) checkpointed_frames_ = 0;  // the log has started over
  return wal_frames_ - checkpointed_frames_ >= kCheckpointFrames;
}

absl::Status Connection::Checkpoint() { return Move(SQLITE_CHECKPOINT_PASSIVE); }

bool Connection::RestartDue() const { return wal_frames_ >= kRestartFrames; }

absl::Status Connection::Restart() { return Move(SQLITE_CHECKPOINT_RESTART); }

absl::Status Connection::CheckpointAll() { return Move(SQLITE_CHECKPOINT_TRUNCATE); }

absl::Status Connection::Move(int mode) {
  const int code = sqlite3_wal_checkpoint_v2(handle_, "main", mode, nullptr, nullptr);
  checkpointed_frames_ = wal_frames_;
  // A reader in the way is no failure: the next one moves the rest.
  if (code == SQLITE_OK) return absl::OkStatus();
  if (code == SQLITE_BUSY && mode != SQLITE_CHECKPOINT_TRUNCATE) return absl::OkStatus();
  return StorageError(handle_, code);
}

std::vector<std::int64_t> Connection::TakeChangedTokens() {
  return std::exchange(changed_tokens_, {});
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace keysvc::store
