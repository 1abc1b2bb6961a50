#ifndef KEYSVC_AUDIT_STORED_LOG_H_
#define KEYSVC_AUDIT_STORED_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/checkpoint_directory.h"
#include "audit/merkle.h"
#include "store/store.h"

namespace keysvc::audit {

// A log as it was found in the store, and found sound.
struct StoredLog {
  Frontier frontier;
  bool ended_cleanly = false;                        // its last record is Log.Stop
  absl::Time last_time = absl::InfinitePast();       // of its last record
  absl::Duration checked_in = absl::ZeroDuration();  // what the check took
  std::optional<CheckpointDirectory::Newest> newest;
};

// Who is told, every so many leaves, how many of a log have been read. May be empty.
struct LogProgress {
  std::function<void(std::uint64_t leaves)> tell = {};
  std::uint64_t leaves_per_report = 1'000'000;
};

// Reads every leaf hash and compares: the tree they give with the stored frontier and the store's
// own newest checkpoint (DATA_LOSS/INTEGRITY_FAILURE), and with `newest`, the newest checkpoint
// kept outside (DATA_LOSS/ROLLBACK_DETECTED). Takes about a second for a million leaves.
absl::StatusOr<StoredLog> CheckStoredLog(store::Store& store,
                                         std::optional<CheckpointDirectory::Newest> newest,
                                         const LogKeys& keys, const LogProgress& progress = {});

// Compares what the records [first, end) say with their hashes, which CheckStoredLog compares with
// the tree. DATA_LOSS/INTEGRITY_FAILURE.
absl::Status CheckRecords(store::Store& store, std::uint64_t first, std::uint64_t end);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_STORED_LOG_H_
