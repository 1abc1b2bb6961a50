#ifndef KEYSVC_BENCH_STORE_CEILING_H_
#define KEYSVC_BENCH_STORE_CEILING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/secret_key.h"
#include "store/connection.h"
#include "store/reader.h"
#include "store/recent_tokens.h"
#include "store/sqlcipher_store.h"
#include "store/statement.h"
#include "tokenizer/profile.h"

namespace keysvc::bench {

// What the database can do at best, on a copy of the service's own vault: the same rows through the
// same connections, prepared and with nothing around them. One thread's.
class StoreCeiling {
 public:
  // `path`: the copy, which is written to. The rest of `options` is the service's. The rows are
  // those of the family, which has rows.
  static absl::StatusOr<std::unique_ptr<StoreCeiling>> Open(store::SqlcipherOptions options,
                                                            const crypto::SecretKey<32>& key,
                                                            tokenizer::Family family);

  // Token rows a second, 1000 of them in a transaction with the records of ten batches, as the
  // service writes them. Making the rows is not counted. Runs until `time` has been counted.
  absl::StatusOr<double> MeasureWrites(absl::Duration time);

  // Rows found a second by handle, 100 at a time, by as many readers as the service has; of those
  // that were there when this was opened.
  absl::StatusOr<double> MeasureLookUps(absl::Duration time);

 private:
  explicit StoreCeiling(tokenizer::Family family) : family_(family) {}
  store::TokenRow MakeToken(std::int64_t handle) const;
  absl::Status Prepare();
  absl::Status WriteRows(std::chrono::nanoseconds& counted);

  const tokenizer::Family family_;
  store::RecentTokens recent_;
  std::unique_ptr<store::Connection> connection_;
  std::vector<std::unique_ptr<store::Reader>> readers_;
  store::Statement begin_, insert_token_, insert_leaf_, put_frontier_, commit_;
  std::int64_t first_handle_ = 0;
  std::int64_t last_handle_ = 0;
  std::int64_t next_handle_ = 0;
  std::int64_t next_leaf_ = 0;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_STORE_CEILING_H_
