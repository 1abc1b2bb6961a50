#include "store/schema.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/statement.h"

namespace keysvc::store {
namespace {

constexpr std::int64_t kApplicationId = 0x6b737663;  // "ksvc"

// The index over pan_index starts with the column that tells rows apart, so that a comparison ends
// at the first one. Short columns of a leaf come before its body, so that reading the hashes of all
// leaves does not follow overflow pages.
constexpr char kVersion1[] = R"sql(
PRAGMA application_id = 0x6b737663;
CREATE TABLE meta (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  deployment TEXT NOT NULL,
  environment TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
  handle INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  profile INTEGER NOT NULL,
  index_version INTEGER NOT NULL,
  pan_index BLOB,
  data_version INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  state INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX tokens_by_pan_index
  ON tokens (pan_index, tenant, profile, index_version) WHERE pan_index IS NOT NULL;
CREATE TABLE key_versions (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  protection TEXT NOT NULL,
  environment TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  originator_end_ms INTEGER NOT NULL,
  recipient_end_ms INTEGER NOT NULL,
  hsm_label TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  public_key BLOB NOT NULL,
  state TEXT NOT NULL,
  is_primary INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  mac BLOB NOT NULL,
  PRIMARY KEY (tenant, name, version)
) STRICT;
CREATE TABLE idempotency (
  id INTEGER PRIMARY KEY,
  principal TEXT NOT NULL,
  request_id TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  answer BLOB NOT NULL,
  expires_ms INTEGER NOT NULL,
  UNIQUE (request_id, principal)
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_ms);
CREATE TABLE leaves (
  leaf_index INTEGER PRIMARY KEY,
  leaf_hash BLOB NOT NULL,
  header_salt BLOB NOT NULL,
  body_salt BLOB NOT NULL,
  header BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE frontier (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  size INTEGER NOT NULL,
  hashes BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  note BLOB NOT NULL
) STRICT;
)sql";

constexpr char kVersion2[] = R"sql(
ALTER TABLE key_versions ADD COLUMN recovery BLOB NOT NULL DEFAULT x'';
ALTER TABLE key_versions ADD COLUMN reserved_uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN leaf_index INTEGER;
)sql";

constexpr char kVersion3[] = R"sql(
ALTER TABLE key_versions ADD COLUMN token_format TEXT NOT NULL DEFAULT '';
)sql";

constexpr char kVersion4[] = R"sql(
ALTER TABLE tokens ADD COLUMN ends_ms INTEGER;
ALTER TABLE tokens ADD COLUMN uses_left INTEGER;
)sql";

constexpr char kVersion5[] = R"sql(
CREATE INDEX tokens_by_end ON tokens (tenant, profile, state, ends_ms) WHERE ends_ms IS NOT NULL;
)sql";

constexpr char kVersion6[] = R"sql(
ALTER TABLE tokens ADD COLUMN digits BLOB;
CREATE UNIQUE INDEX tokens_by_digits ON tokens (digits, tenant, profile) WHERE digits IS NOT NULL;
)sql";

constexpr char kVersion7[] = R"sql(
CREATE TABLE partner_keys (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  purpose TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  kid TEXT NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  public_key BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  registered_by TEXT NOT NULL,
  state TEXT NOT NULL,
  revision INTEGER NOT NULL,
  mac BLOB NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT;
)sql";

// Every value of every token, so that tokens are found by them; as above what tells entries apart
// comes first.
constexpr char kVersion8[] = R"sql(
ALTER TABLE tokens ADD COLUMN metadata BLOB;
CREATE TABLE token_metadata (
  value TEXT NOT NULL,
  field TEXT NOT NULL,
  tenant TEXT NOT NULL,
  profile INTEGER NOT NULL,
  handle INTEGER NOT NULL,
  PRIMARY KEY (value, field, tenant, profile, handle)
) STRICT, WITHOUT ROWID;
)sql";

constexpr char kVersion9[] = R"sql(
ALTER TABLE key_versions ADD COLUMN low_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE key_versions ADD COLUMN certificates BLOB NOT NULL DEFAULT x'';
ALTER TABLE key_versions ADD COLUMN max_signatures INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr char kVersion10[] = R"sql(
ALTER TABLE key_versions ADD COLUMN origin TEXT NOT NULL DEFAULT 'generated';
ALTER TABLE key_versions ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
)sql";

constexpr char kVersion11[] = R"sql(
ALTER TABLE key_versions ADD COLUMN kid TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::array kSteps = {kVersion1, kVersion2, kVersion3, kVersion4,  kVersion5, kVersion6,
                               kVersion7, kVersion8, kVersion9, kVersion10, kVersion11};

absl::Status RollBack(Connection& writer, absl::Status why) {
  if (writer.in_transaction()) writer.Execute("ROLLBACK").IgnoreError();
  return why;
}

// One transaction from `version` to the next.
absl::Status TakeStep(Connection& writer, const char* step, std::size_t version,
                      const StoreIdentity* identity) {
  RETURN_IF_ERROR(writer.Execute("BEGIN IMMEDIATE"));
  const auto write = [&]() -> absl::Status {
    RETURN_IF_ERROR(writer.Execute(step));
    RETURN_IF_ERROR(writer.Execute(absl::StrCat("PRAGMA user_version = ", version + 1).c_str()));
    if (identity != nullptr) {
      ASSIGN_OR_RETURN(Statement insert,
                       Statement::Prepare(writer, "INSERT INTO meta VALUES (1, ?, ?, ?)"));
      RETURN_IF_ERROR(
          insert.Bind(Text{identity->deployment}, Text{identity->environment}, identity->created_ms)
              .Run());
    }
    return writer.Execute("COMMIT");
  };
  if (absl::Status status = write(); !status.ok()) return RollBack(writer, std::move(status));
  return absl::OkStatus();
}

absl::Status CheckIdentity(Connection& writer, const std::string& deployment,
                           const std::string& environment) {
  ASSIGN_OR_RETURN(Statement query,
                   Statement::Prepare(writer, "SELECT deployment, environment FROM meta"));
  Execution row = query.Bind();
  ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return Error(Reason::kIntegrityFailure, "the database does not say whose it is");
  if (row.Bytes(0) != deployment) {
    return Error(Reason::kStoreForeign, "the database belongs to another deployment");
  }
  if (row.Bytes(1) != environment) {
    return Error(Reason::kEnvironmentMismatch, "the database belongs to another environment");
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const char* const> SchemaSteps() { return kSteps; }

absl::Status CreateSchema(Connection& writer, const StoreIdentity& identity) {
  const std::span<const char* const> steps = SchemaSteps();
  for (std::size_t version = 0; version < steps.size(); ++version) {
    RETURN_IF_ERROR(TakeStep(writer, steps[version], version, version == 0 ? &identity : nullptr));
  }
  return absl::OkStatus();
}

absl::Status CheckAndMigrate(Connection& writer, const std::string& deployment,
                             const std::string& environment, std::span<const char* const> steps) {
  ASSIGN_OR_RETURN(const std::int64_t application, writer.QueryInteger("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const std::int64_t stored, writer.QueryInteger("PRAGMA user_version"));
  if (application != kApplicationId || stored < 1) {
    return Error(Reason::kStoreForeign, "the database was not made by keysvc");
  }
  const auto version = static_cast<std::size_t>(stored);
  if (version > steps.size()) {
    return Error(Reason::kStoreNewer, "the database was written by a newer keysvc");
  }
  RETURN_IF_ERROR(CheckIdentity(writer, deployment, environment));
  for (std::size_t next = version; next < steps.size(); ++next) {
    RETURN_IF_ERROR(TakeStep(writer, steps[next], next, nullptr));
  }
  return absl::OkStatus();
}

}  // namespace keysvc::store
