#ifndef KEYSVC_STORE_STATEMENT_H_
#define KEYSVC_STORE_STATEMENT_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3_stmt;

namespace keysvc::store {

class Connection;

// How bytes are bound: as text, as a blob, or as a blob that is NULL when it is empty.
struct Text {
  std::string_view bytes;
};
struct Blob {
  std::string_view bytes;
};
struct NullableBlob {
  std::string_view bytes;
};

// One run of a prepared statement. Resets the statement when it goes, so that no read snapshot and
// no pointer to a bound value stays behind. What is bound must live as long.
class Execution {
 public:
  template <typename... Values>
  explicit Execution(sqlite3_stmt* statement, const Values&... values) : statement_(statement) {
    (Put(values), ...);
  }
  ~Execution();
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // True when there is a row to read. Also reports what went wrong while binding.
  absl::StatusOr<bool> Step();
  // For statements that return no row.
  absl::Status Run() { return Step().status(); }

  // Columns of the present row; valid until the next Step().
  std::int64_t Integer(int column) const;
  std::string Bytes(int column) const;
  // nullopt for NULL.
  template <std::integral Number>
  std::optional<Number> Optional(int column) const {
    if (IsNull(column)) return std::nullopt;
    return static_cast<Number>(Integer(column));
  }

 private:
  bool IsNull(int column) const;
  void Put(std::int64_t value);
  template <std::integral Number>
  void Put(Number value) {
    Put(static_cast<std::int64_t>(value));
  }
  void Put(std::nullopt_t);  // NULL
  template <std::integral Number>
  void Put(const std::optional<Number>& value) {
    if (value.has_value()) {
      Put(*value);
    } else {
      Put(std::nullopt);
    }
  }
  void Put(Text value);
  void Put(Blob value);
  void Put(NullableBlob value);
  void Keep(int code);

  sqlite3_stmt* statement_;
  int parameter_ = 0;
  int code_ = 0;
};

// A prepared statement. Belongs to its connection and must go before it.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // `sql` is constant text.
  static absl::StatusOr<Statement> Prepare(Connection& connection, const char* sql);

  // Binds the values to the parameters in order. One Execution at a time.
  template <typename... Values>
  Execution Bind(const Values&... values) {
    return Execution(statement_, values...);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_STATEMENT_H_
