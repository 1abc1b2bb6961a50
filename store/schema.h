#ifndef KEYSVC_STORE_SCHEMA_H_
#define KEYSVC_STORE_SCHEMA_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "store/connection.h"

namespace keysvc::store {

// The tables as they are made step by step: the step at position n takes a database from schema
// version n to n + 1 (PRAGMA user_version). A step that was released is never changed. The tables
// are described in docs/formats.md.
std::span<const char* const> SchemaSteps();

// What the database says of itself, once.
struct StoreIdentity {
  std::string deployment;
  std::string environment;
  std::int64_t created_ms = 0;
};

// Takes an empty database to the newest version, in one transaction for each step, and records the
// identity.
absl::Status CreateSchema(Connection& writer, const StoreIdentity& identity);

// Refuses a database that is not ours or of another deployment (STORE_FOREIGN), of another
// environment (ENVIRONMENT_MISMATCH), or newer than `steps` (STORE_NEWER); takes an older one to
// the newest version.
absl::Status CheckAndMigrate(Connection& writer, const std::string& deployment,
                             const std::string& environment,
                             std::span<const char* const> steps = SchemaSteps());

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_SCHEMA_H_
