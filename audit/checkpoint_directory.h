#ifndef KEYSVC_AUDIT_CHECKPOINT_DIRECTORY_H_
#define KEYSVC_AUDIT_CHECKPOINT_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/checkpoint.h"

namespace keysvc::audit {

// Where the checkpoints of one log are kept outside its database, so that a database put back to an
// older state is noticed: one file "checkpoint-<size, 20 digits>" for each, the last 1000. Not
// thread-safe.
class CheckpointDirectory {
 public:
  struct Newest {
    Checkpoint checkpoint;
    std::string note;
  };

  // Reads the folder, which must exist. STORE_UNAVAILABLE when it cannot be read;
  // INTEGRITY_FAILURE when a file named like a checkpoint has no proper size in its name.
  static absl::StatusOr<CheckpointDirectory> Open(std::string path);

  // The checkpoint of the largest size, nullopt when there is none. INTEGRITY_FAILURE when its file
  // is not a checkpoint by one of the keys, or of another size than its name says.
  absl::StatusOr<std::optional<Newest>> FindNewest(const LogKeys& keys) const;

  // The newest checkpoint of a log that is put back to `size` leaves, when it covers more than
  // them: among the files, and among those that a call of Supersede(size) moved.
  absl::StatusOr<std::optional<Newest>> FindBeyond(std::uint64_t size, const LogKeys& keys) const;
  // The same directory as if there were no checkpoints of more than `size` leaves.
  CheckpointDirectory UpTo(std::uint64_t size) const;
  bool empty() const { return files_.empty(); }
  // Moves every checkpoint of more than `size` leaves into the subfolder "superseded-<size, 20
  // digits>", where an auditor still finds it. Can be repeated after a kill.
  absl::Status Supersede(std::uint64_t size);

  // Keeps a note durably: a kill leaves it whole or not there. STORE_UNAVAILABLE when the file
  // system refuses.
  absl::Status Keep(std::uint64_t size, const std::string& note);

 private:
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}
  std::string SupersededFolder(std::uint64_t size) const;

  std::string path_;
  std::map<std::uint64_t, std::string> files_;  // by tree size
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CHECKPOINT_DIRECTORY_H_
