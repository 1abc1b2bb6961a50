#ifndef KEYSVC_STORE_CONNECTION_H_
#define KEYSVC_STORE_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/secret_key.h"

struct sqlite3;

namespace keysvc::store {

// One keyed connection to a database file that exists. Every format parameter is set explicitly, so
// that what is written does not depend on the library's defaults. Used by one thread at a time.
//
// There is one kWriter; it alone sets the journal mode and moves the write-ahead log into the file.
// Two connections doing that at once can corrupt a file (SQLite's WAL-reset bug, before 3.51.3), so
// a kReader is read-only, never does, not when it closes either, and closes before the writer.
class Connection {
 public:
  enum class Mode { kWriter, kReader };

  // FAILED_PRECONDITION/STORE_FOREIGN when the first page does not open with the key.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path,
                                                          const crypto::SecretKey<32>& key,
                                                          Mode mode, std::size_t cache_mib);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements that are constant text.
  absl::Status Execute(const char* sql);
  // The first column of the first row of a constant query; 0 when it has no row.
  absl::StatusOr<std::int64_t> QueryInteger(const char* sql);

  // Whether the write-ahead log has grown enough for what is committed to be moved into the file.
  bool CheckpointDue();
  // Moves as much of it as the snapshots of readers allow.
  absl::Status Checkpoint();
  // Whether the log has grown so long that it has to start over.
  bool RestartDue() const;
  // Moves all of it, so that the log starts over. Waits for readers that have a snapshot.
  absl::Status Restart();
  // Moves all of it and empties the log; afterwards every committed row is durable in the file.
  absl::Status CheckpointAll();

  // Of a writer: which rows of tokens were changed or removed since this was last asked, also in a
  // transaction that was given up.
  std::vector<std::int64_t> TakeChangedTokens();

  bool in_transaction() const;
  sqlite3* handle() const { return handle_; }

 private:
  Connection() = default;
  absl::Status ApplyKey(const crypto::SecretKey<32>& key);
  absl::Status Configure(Mode mode, std::size_t cache_mib);
  absl::Status Move(int mode);

  sqlite3* handle_ = nullptr;
  int wal_frames_ = 0;  // in the log, as of the last commit
  int checkpointed_frames_ = 0;
  std::vector<std::int64_t> changed_tokens_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_CONNECTION_H_
