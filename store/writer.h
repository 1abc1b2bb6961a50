#ifndef KEYSVC_STORE_WRITER_H_
#define KEYSVC_STORE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/connection.h"
#include "store/recent_tokens.h"
#include "store/rows.h"
#include "store/statement.h"
#include "store/store.h"

namespace keysvc::store {

// The only read-write connection with its prepared statements. Used by one thread at a time.
class Writer {
 public:
  // `recent` outlives the writer and hears of every commit.
  static absl::StatusOr<std::unique_ptr<Writer>> Create(std::unique_ptr<Connection> connection,
                                                        RecentTokens& recent);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // The transaction refers to the writer.
  absl::StatusOr<std::unique_ptr<WriteTransaction>> Begin();
  // After an error the connection may be stuck in it: another writer has to be opened.
  bool failed() const { return failed_; }
  // The largest handle that was ever in the store; 0 when there was none.
  absl::StatusOr<std::int64_t> LastHandle();
  Connection& connection() { return *connection_; }

 private:
  class Transaction;
  Writer(std::unique_ptr<Connection> connection, RecentTokens& recent)
      : connection_(std::move(connection)), recent_(recent) {}
  absl::Status Prepare();
  absl::StatusOr<bool> Conflicts(const Mutation& mutation, std::int64_t now_ms);
  absl::Status Write(const Mutation& mutation, std::int64_t now_ms);
  absl::Status ChangeToken(const TokenRow& row);
  // Adds the entries of this text of the row's to the index over metadata, or removes them.
  absl::Status WriteMetadata(const TokenRow& row, std::string_view text, Statement& write);

  std::unique_ptr<Connection> connection_;
  RecentTokens& recent_;
  Statement begin_, commit_, rollback_, find_token_, insert_token_, find_digits_, find_revision_,
      find_metadata_, change_token_, put_metadata_, remove_metadata_, find_key_, put_key_,
      find_partner_key_, put_partner_key_, find_idempotency_, put_idempotency_, purge_idempotency_,
      insert_leaf_, put_frontier_, put_checkpoint_;
  bool failed_ = false;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_WRITER_H_
