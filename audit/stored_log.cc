#include "audit/stored_log.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/clock_watch.h"
#include "audit/leaf.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr std::uint64_t kRecordsAtOnce = 512;

absl::Status Damaged(std::string_view message) { return Error(Reason::kIntegrityFailure, message); }
absl::Status RolledBack(std::string_view message) {
  return Error(Reason::kRollbackDetected, message);
}

// The tree over all leaf hashes, and its roots at the sizes that checkpoints speak of.
struct Rebuilt {
  Frontier tree;
  std::vector<Checkpoint> agreed;
  bool Has(const Checkpoint& checkpoint) const {
    return std::ranges::find(agreed, checkpoint) != agreed.end();
  }
};

absl::StatusOr<Rebuilt> Rebuild(store::Store& store, std::uint64_t size,
                                const std::vector<Checkpoint>& checkpoints,
                                const LogProgress& progress) {
  Rebuilt rebuilt;
  const auto compare = [&] {
    for (const Checkpoint& checkpoint : checkpoints) {
      if (checkpoint.size == rebuilt.tree.size() && checkpoint.root == rebuilt.tree.Root()) {
        rebuilt.agreed.push_back(checkpoint);
      }
    }
  };
  compare();
  RETURN_IF_ERROR(store.VisitLeafHashes(
      0, size, [&](std::uint64_t index, std::string_view hash) -> absl::Status {
        crypto::Sha256Digest digest;
        if (index != rebuilt.tree.size() || hash.size() != digest.size()) {
          return Damaged("a leaf of the log is missing or malformed");
        }
        std::ranges::copy(crypto::AsBytes(hash), digest.begin());
        rebuilt.tree.Append(digest);
        compare();
        if (rebuilt.tree.size() % progress.leaves_per_report == 0 && progress.tell) {
          progress.tell(rebuilt.tree.size());
        }
        return absl::OkStatus();
      }));
  return rebuilt;
}

absl::StatusOr<bool> EndsWithStop(store::Store& store, std::uint64_t size) {
  ASSIGN_OR_RETURN(const auto beyond, store.ReadLeaves(size, 1));
  if (!beyond.empty()) return Damaged("the log has a leaf beyond its end");
  if (size == 0) return false;
  ASSIGN_OR_RETURN(const auto last, store.ReadLeaves(size - 1, 1));
  if (last.size() != 1) return Damaged("the log's last leaf is missing");
  // Members are in the order of their names, so the action is always first.
  return last.front().header.starts_with(R"({"action":"Log.Stop",)");
}

absl::StatusOr<absl::Time> LastTime(store::Store& store, std::uint64_t size) {
  if (size == 0) return absl::InfinitePast();
  ASSIGN_OR_RETURN(const auto last, store.ReadLeaves(size - 1, 1));
  if (last.size() != 1) return Damaged("the log's last leaf is missing");
  return TimeOf(last.front());
}

}  // namespace

absl::StatusOr<StoredLog> CheckStoredLog(store::Store& store,
                                         std::optional<CheckpointDirectory::Newest> newest,
                                         const LogKeys& keys, const LogProgress& progress) {
  const absl::Duration began = SinceBoot();
  StoredLog log;
  ASSIGN_OR_RETURN(const store::FrontierRow row, store.ReadFrontier());
  ASSIGN_OR_RETURN(log.frontier, Frontier::FromRow(row));
  log.newest = std::move(newest);
  ASSIGN_OR_RETURN(const auto inside_row, store.LatestCheckpoint());

  std::vector<Checkpoint> checkpoints;
  if (inside_row.has_value()) {
    ASSIGN_OR_RETURN(Checkpoint inside, OpenCheckpoint(inside_row->note, keys));
    if (inside.size != inside_row->size) return Damaged("a checkpoint is not what was written");
    // Outside comes first whenever a checkpoint is kept, so what is missing there was removed.
    if (!log.newest.has_value()) {
      return RolledBack("the store has checkpoints, but the checkpoint directory has none");
    }
    if (log.newest->checkpoint.size < inside.size) {
      return RolledBack("the checkpoint directory is older than the store");
    }
    checkpoints.push_back(std::move(inside));
  }
  if (log.newest.has_value()) {
    if (log.frontier.size() < log.newest->checkpoint.size) {
      return RolledBack("the store is older than the newest checkpoint kept outside");
    }
    checkpoints.push_back(log.newest->checkpoint);
  }

  ASSIGN_OR_RETURN(const Rebuilt rebuilt,
                   Rebuild(store, log.frontier.size(), checkpoints, progress));
  if (rebuilt.tree != log.frontier) return Damaged("the log's leaves and its frontier disagree");
  if (inside_row.has_value() && !rebuilt.Has(checkpoints.front())) {
    return Damaged("the log's leaves and its checkpoint disagree");
  }
  if (log.newest.has_value() && !rebuilt.Has(log.newest->checkpoint)) {
    return RolledBack("the log differs from the newest checkpoint kept outside");
  }
  ASSIGN_OR_RETURN(log.ended_cleanly, EndsWithStop(store, log.frontier.size()));
  ASSIGN_OR_RETURN(log.last_time, LastTime(store, log.frontier.size()));
  log.checked_in = SinceBoot() - began;
  return log;
}

absl::Status CheckRecords(store::Store& store, std::uint64_t first, std::uint64_t end) {
  while (first < end) {
    ASSIGN_OR_RETURN(
        const auto leaves,
        store.ReadLeaves(first, static_cast<std::size_t>(std::min(end - first, kRecordsAtOnce))));
    if (leaves.empty()) return Damaged("a record of the log is missing");
    for (const store::LeafRow& leaf : leaves) {
      if (leaf.index != first || crypto::AsText(HashOfLeaf(leaf)) != leaf.leaf_hash) {
        return Damaged("a record of the log is not what was written");
      }
      ++first;
    }
  }
  return absl::OkStatus();
}

}  // namespace keysvc::audit
