#ifndef KEYSVC_STORE_READER_H_
#define KEYSVC_STORE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "store/connection.h"
#include "store/recent_tokens.h"
#include "store/rows.h"
#include "store/statement.h"
#include "store/token_metadata.h"

namespace keysvc::store {

// A read-only connection with its prepared queries. Each call sees every row that was committed
// before it. Used by one thread at a time.
//
// Tokens are looked up in a snapshot that is kept from call to call, with a new one only when the
// old one may lack a row that is asked for, or may have it as it was: RecentTokens knows. All other
// queries have a snapshot of their own.
class Reader {
 public:
  static constexpr std::size_t kHashSize = 32;  // of a node of the frontier

  // `recent` outlives the reader and hears of every commit.
  static absl::StatusOr<std::unique_ptr<Reader>> Create(std::unique_ptr<Connection> connection,
                                                        const RecentTokens& recent);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Lets go of a snapshot of an earlier generation, which would keep the write-ahead log from
  // starting over.
  void EndOldSnapshot();
  // Lets go of any snapshot.
  void EndSnapshot();

  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokens(
      std::span<const std::int64_t> handles);
  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes);
  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByDigits(
      std::string_view tenant, std::uint16_t profile, std::span<const std::string> digits);
  absl::StatusOr<std::vector<TokenRow>> ReadTokens(std::int64_t after, std::size_t limit);
  absl::StatusOr<std::vector<TokenRow>> FindEndedTokens(std::string_view tenant,
                                                        std::uint16_t profile, std::uint8_t state,
                                                        std::int64_t by_ms, std::size_t limit);
  absl::StatusOr<TokenList> ListTokens(std::string_view tenant, std::uint16_t profile,
                                       std::span<const MetadataValue> filter,
                                       std::optional<std::uint8_t> state, std::int64_t after,
                                       std::size_t limit);
  absl::StatusOr<std::uint64_t> CountMetadata();
  absl::StatusOr<std::vector<KeyVersionRow>> ListKeyVersions();
  absl::StatusOr<std::vector<PartnerKeyRow>> ListPartnerKeys();
  absl::StatusOr<std::optional<IdempotencyRow>> FindIdempotency(std::string_view principal,
                                                                std::string_view request_id,
                                                                std::int64_t now_ms);
  absl::StatusOr<FrontierRow> ReadFrontier();
  absl::StatusOr<std::vector<LeafRow>> ReadLeaves(std::uint64_t first, std::size_t limit);
  // At most `limit` hashes of the leaves from `first` on, with their indexes.
  absl::StatusOr<std::vector<std::pair<std::uint64_t, std::string>>> ReadLeafHashes(
      std::uint64_t first, std::size_t limit);
  absl::StatusOr<std::optional<CheckpointRow>> LatestCheckpoint();

 private:
  Reader(std::unique_ptr<Connection> connection, const RecentTokens& recent)
      : connection_(std::move(connection)), recent_(recent) {}
  absl::Status Prepare();
  // Whether the snapshot is one that an earlier call began.
  absl::StatusOr<bool> KeepSnapshot();
  absl::Status RenewSnapshot();
  absl::Status LookUp(std::span<const std::int64_t> handles,
                      std::vector<std::optional<TokenRow>>& found);
  // The row for each of `keys`, which recent_ knows rows by.
  template <typename Query>
  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindByKey(std::span<const std::string> keys,
                                                                 Query query);

  // Without a filter.
  absl::StatusOr<TokenList> ListByHandle(std::string_view tenant, std::uint16_t profile,
                                         std::optional<std::uint8_t> state, std::int64_t after,
                                         std::size_t limit);

  std::unique_ptr<Connection> connection_;
  const RecentTokens& recent_;
  bool in_snapshot_ = false;
  std::uint64_t generation_ = 0;  // of the snapshot
  Statement begin_, end_, token_, token_by_pan_index_, token_by_digits_, tokens_after_,
      ended_tokens_, handle_by_metadata_, metadata_entries_, key_versions_, partner_keys_,
      idempotency_, frontier_, leaves_, leaf_hashes_, checkpoint_;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_READER_H_
