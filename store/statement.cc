#include "store/statement.h"

#include <sqlcipher/sqlite3.h>

#include <utility>

#include "store/connection.h"
#include "store/storage_error.h"

namespace keysvc::store {

Execution::~Execution() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

absl::StatusOr<bool> Execution::Step() {
  if (code_ == SQLITE_OK) code_ = sqlite3_step(statement_);
  switch (code_) {
    case SQLITE_ROW:
      code_ = SQLITE_OK;
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return StorageError(sqlite3_db_handle(statement_), code_);
  }
}

std::int64_t Execution::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Execution::Bytes(int column) const {
  // In this order: asking for the bytes first may convert the value.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

bool Execution::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Execution::Keep(int code) {
  if (code_ == SQLITE_OK) code_ = code;
}

void Execution::Put(std::int64_t value) {
  Keep(sqlite3_bind_int64(statement_, ++parameter_, value));
}

void Execution::Put(std::nullopt_t) { Keep(sqlite3_bind_null(statement_, ++parameter_)); }

// A null destructor is SQLITE_STATIC: the bytes outlive the execution.
void Execution::Put(Text value) {
  // A null pointer would bind NULL.
  const char* data = value.bytes.empty() ? "" : value.bytes.data();
  Keep(sqlite3_bind_text64(statement_, ++parameter_, data, value.bytes.size(), nullptr,
                           SQLITE_UTF8));
}

void Execution::Put(Blob value) {
  ++parameter_;
  Keep(value.bytes.empty() ? sqlite3_bind_zeroblob(statement_, parameter_, 0)
                           : sqlite3_bind_blob64(statement_, parameter_, value.bytes.data(),
                                                 value.bytes.size(), nullptr));
}

void Execution::Put(NullableBlob value) {
  if (!value.bytes.empty()) return Put(Blob{value.bytes});
  Keep(sqlite3_bind_null(statement_, ++parameter_));
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

absl::StatusOr<Statement> Statement::Prepare(Connection& connection, const char* sql) {
  Statement statement;
  const int code = sqlite3_prepare_v3(connection.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement.statement_, nullptr);
  if (code != SQLITE_OK) return StorageError(connection.handle(), code);
  return statement;
}

}  // namespace keysvc::store
