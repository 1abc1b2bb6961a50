#ifndef KEYSVC_TESTS_FAKES_MEMORY_STORE_H_
#define KEYSVC_TESTS_FAKES_MEMORY_STORE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/store.h"

namespace keysvc::testing {

// A store in memory that fails when it is told to. It outlives the journals of a test, as a file
// does. Thread-safe.
class MemoryStore : public store::Store {
 public:
  // token rows by handle, their handles by (tenant, profile, index_version, pan_index), and so on.
  struct Rows {
    std::map<std::int64_t, store::TokenRow> tokens;
    std::map<std::tuple<std::string, std::uint16_t, std::uint32_t, std::string>, std::int64_t>
        pan_indexes;
    std::map<std::tuple<std::string, std::uint16_t, std::string>, std::int64_t> digits;
    std::map<std::tuple<std::string, std::string, std::uint32_t>, store::KeyVersionRow> keys;
    std::map<std::pair<std::string, std::string>, store::PartnerKeyRow> partner_keys;
    std::map<std::pair<std::string, std::string>, store::IdempotencyRow> idempotency;
    std::map<std::uint64_t, store::LeafRow> leaves;
    std::optional<store::FrontierRow> frontier;
    std::map<std::uint64_t, store::CheckpointRow> checkpoints;
  };

  enum class Step { kBegin, kReopen, kApply, kAppendLeaf, kPutFrontier, kPutCheckpoint, kRead };
  enum class CommitFault {
    kRefused,         // UNAVAILABLE/STORE_UNAVAILABLE, nothing is written
    kDoneButUnknown,  // everything is written; UNAVAILABLE/OUTCOME_UNKNOWN
    kLostAndUnknown,  // nothing is written; UNAVAILABLE/OUTCOME_UNKNOWN
  };

  // The next `times` calls of this step answer UNAVAILABLE/STORE_UNAVAILABLE.
  void Fail(Step step, int times = 1);
  // The next `times` commits end like this.
  void FailCommit(CommitFault fault, int times = 1);
  // No fault is left and no commit is held.
  void Heal();

  // Commits block, before they write, until ReleaseCommits().
  void HoldCommits();
  void ReleaseCommits();
  // Blocks until a commit is held.
  void AwaitHeldCommit();

  // Changes committed rows behind everyone's back.
  void Tamper(const std::function<void(Rows&)>& change);
  Rows Snapshot() const;
  int commits() const;  // that wrote
  int reopens() const;

  absl::StatusOr<std::unique_ptr<store::WriteTransaction>> Begin() override;
  absl::Status Reopen() override;
  void EmptyLog() override {}
  std::int64_t AllocateHandles(std::size_t count) override;
  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokens(
      std::span<const std::int64_t> handles) override;
  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes) override;
  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokensByDigits(
      std::string_view tenant, std::uint16_t profile, std::span<const std::string> digits) override;
  absl::StatusOr<std::vector<store::TokenRow>> ReadTokens(std::int64_t after,
                                                          std::size_t limit) override;
  absl::StatusOr<std::vector<store::TokenRow>> FindEndedTokens(std::string_view tenant,
                                                               std::uint16_t profile,
                                                               std::uint8_t state,
                                                               std::int64_t by_ms,
                                                               std::size_t limit) override;
  absl::StatusOr<store::TokenList> ListTokens(std::string_view tenant, std::uint16_t profile,
                                              std::span<const store::MetadataValue> filter,
                                              std::optional<std::uint8_t> state, std::int64_t after,
                                              std::size_t limit) override;
  absl::StatusOr<std::uint64_t> CountMetadata() override;
  absl::StatusOr<std::vector<store::KeyVersionRow>> ListKeyVersions() override;
  absl::StatusOr<std::vector<store::PartnerKeyRow>> ListPartnerKeys() override;
  absl::StatusOr<std::optional<store::IdempotencyRow>> FindIdempotency(
      std::string_view principal, std::string_view request_id, std::int64_t now_ms) override;
  absl::StatusOr<store::FrontierRow> ReadFrontier() override;
  absl::StatusOr<std::vector<store::LeafRow>> ReadLeaves(std::uint64_t first,
                                                         std::size_t limit) override;
  absl::Status VisitLeafHashes(
      std::uint64_t first, std::uint64_t end,
      const std::function<absl::Status(std::uint64_t index, std::string_view hash)>& visit)
      override;
  absl::StatusOr<std::optional<store::CheckpointRow>> LatestCheckpoint() override;

 private:
  class Transaction;
  // Takes one fault of the step, if there is one. The mutex is held.
  absl::Status TakeFault(Step step);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Rows rows_;
  std::map<Step, int> faults_;
  std::vector<CommitFault> commit_faults_;
  bool hold_commits_ = false;
  int held_commits_ = 0;
  bool transaction_open_ = false;
  int commits_ = 0;
  int reopens_ = 0;
  std::int64_t next_handle_ = 1;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_FAKES_MEMORY_STORE_H_
