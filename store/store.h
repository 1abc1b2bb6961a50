#ifndef KEYSVC_STORE_STORE_H_
#define KEYSVC_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/rows.h"
#include "store/token_metadata.h"

namespace keysvc::store {

// One write transaction of the store's only writer. Rolled back unless Commit() was called. Not
// thread-safe; at most one exists at a time, and it goes before Reopen() and before the store.
class WriteTransaction {
 public:
  virtual ~WriteTransaction() = default;

  enum class Applied { kYes, kConflict };

  // Checks the mutation's conditions against everything applied so far and writes it, or writes
  // nothing and answers kConflict. `now_ms` decides which idempotency rows have expired. After an
  // error of this or the next three the transaction can only be dropped.
  virtual absl::StatusOr<Applied> Apply(const Mutation& mutation, std::int64_t now_ms) = 0;
  virtual absl::Status AppendLeaf(const LeafRow& leaf) = 0;
  virtual absl::Status PutFrontier(const FrontierRow& frontier) = 0;
  virtual absl::Status PutCheckpoint(const CheckpointRow& checkpoint) = 0;

  // OK: durable. UNAVAILABLE/OUTCOME_UNKNOWN: it may or may not be; Store::Reopen() and the
  // frontier tell.
  virtual absl::Status Commit() = 0;
};

// Rows in, rows out; callers never see SQL. Reads are thread-safe and see every committed write;
// Begin and Reopen belong to the one writer thread (audit::Journal). Errors:
// UNAVAILABLE/STORE_UNAVAILABLE when the storage fails, DATA_LOSS/INTEGRITY_FAILURE when a page
// does not authenticate.
class Store {
 public:
  virtual ~Store() = default;

  virtual absl::StatusOr<std::unique_ptr<WriteTransaction>> Begin() = 0;
  // Closes and opens the writer's connection, after a commit whose outcome is unknown.
  virtual absl::Status Reopen() = 0;

  // Has the next Begin() wipe what the write-ahead log still holds of rows as they were: changes
  // are moved into the file, over them, and the log becomes empty. Does not block.
  virtual void EmptyLog() = 0;

  // `count` consecutive handles, the first of which is returned. No handle is ever given twice,
  // also not after a restart when a row with it was committed. Does not block.
  virtual std::int64_t AllocateHandles(std::size_t count) = 0;

  // Row by row in the order asked for; nullopt where there is none.
  virtual absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokens(
      std::span<const std::int64_t> handles) = 0;
  virtual absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes) = 0;
  virtual absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByDigits(
      std::string_view tenant, std::uint16_t profile, std::span<const std::string> digits) = 0;

  // At most `limit` rows with handles above `after`, in their order.
  virtual absl::StatusOr<std::vector<TokenRow>> ReadTokens(std::int64_t after,
                                                           std::size_t limit) = 0;

  // At most `limit` rows of the profile in this state that have ended by then, in the order of
  // their ends.
  virtual absl::StatusOr<std::vector<TokenRow>> FindEndedTokens(std::string_view tenant,
                                                                std::uint16_t profile,
                                                                std::uint8_t state,
                                                                std::int64_t by_ms,
                                                                std::size_t limit) = 0;

  // At most `limit` (at least 1) rows of the profile with handles above `after`, in this state
  // where one is given, whose metadata the index has under every value of the filter, whose fields
  // differ; without a filter all of its rows. What the rows say is the caller's to compare. May end
  // before `limit` with more to come: one call looks at some thousand entries. Finding them takes
  // as long as there are entries of the filter's rarest value; without a filter it reads the rows
  // of all profiles.
  virtual absl::StatusOr<TokenList> ListTokens(std::string_view tenant, std::uint16_t profile,
                                               std::span<const MetadataValue> filter,
                                               std::optional<std::uint8_t> state,
                                               std::int64_t after, std::size_t limit) = 0;
  // How many entries the index over metadata has.
  virtual absl::StatusOr<std::uint64_t> CountMetadata() = 0;

  virtual absl::StatusOr<std::vector<KeyVersionRow>> ListKeyVersions() = 0;
  virtual absl::StatusOr<std::vector<PartnerKeyRow>> ListPartnerKeys() = 0;

  virtual absl::StatusOr<std::optional<IdempotencyRow>> FindIdempotency(std::string_view principal,
                                                                        std::string_view request_id,
                                                                        std::int64_t now_ms) = 0;

  virtual absl::StatusOr<FrontierRow> ReadFrontier() = 0;
  // At most `limit` leaves from index `first` on.
  virtual absl::StatusOr<std::vector<LeafRow>> ReadLeaves(std::uint64_t first,
                                                          std::size_t limit) = 0;
  // Calls `visit` with the leaf hash of every index in [first, end), in order, until it fails.
  // DATA_LOSS/INTEGRITY_FAILURE when one is missing. The visitor may read the store.
  virtual absl::Status VisitLeafHashes(
      std::uint64_t first, std::uint64_t end,
      const std::function<absl::Status(std::uint64_t index, std::string_view hash)>& visit) = 0;
  virtual absl::StatusOr<std::optional<CheckpointRow>> LatestCheckpoint() = 0;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_STORE_H_
