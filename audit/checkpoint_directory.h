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
  // is not a checkpoint by `verifier_key`, or of another size than its name says.
  absl::StatusOr<std::optional<Newest>> FindNewest(const std::string& verifier_key) const;

  // Keeps a note durably: a kill leaves it whole or not there. STORE_UNAVAILABLE when the file
  // system refuses.
  absl::Status Keep(std::uint64_t size, const std::string& note);

 private:
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::map<std::uint64_t, std::string> files_;  // by tree size
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CHECKPOINT_DIRECTORY_H_
