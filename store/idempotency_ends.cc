#include "store/idempotency_ends.h"

#include "status/macros.h"
#include "store/connection.h"
#include "store/statement.h"

namespace keysvc::store {

absl::Status VisitIdempotencyEnds(
    const SqlcipherOptions& options, const crypto::SecretKey<32>& key,
    const std::function<void(std::string_view principal, std::int64_t expires_ms)>& visit) {
  ASSIGN_OR_RETURN(
      const auto connection,
      Connection::Open(options.path, key, Connection::Mode::kReader, options.cache_mib));
  ASSIGN_OR_RETURN(
      Statement ends,
      Statement::Prepare(*connection, "SELECT principal, expires_ms FROM idempotency"));
  Execution row = ends.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return absl::OkStatus();
    visit(row.Bytes(0), row.Integer(1));
  }
}

}  // namespace keysvc::store
