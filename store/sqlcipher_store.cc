#include "store/sqlcipher_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "crypto/secret_access.h"
#include "crypto/secret_bytes.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/connection.h"
#include "store/durable_file.h"
#include "store/process_lock.h"
#include "store/reader.h"
#include "store/reader_pool.h"
#include "store/recent_tokens.h"
#include "store/schema.h"
#include "store/token_cache.h"
#include "store/writer.h"

namespace keysvc::store {
namespace {

using crypto::SecretKey;

// A visit of all leaves is cut into pieces, so that it keeps neither a reader nor the write-ahead
// log for long.
constexpr std::size_t kHashesPerRead = 8192;

// Of each cache of rows: about 60 MiB, beside the page caches.
constexpr std::size_t kRowsInMemory = std::size_t{1} << 17;

absl::StatusOr<SecretKey<32>> CopyOf(const SecretKey<32>& key) {
  return SecretKey<32>::From(
      crypto::SecretBytes::CopyOf(key.Expose(crypto::SecretAccess::kGranted)));
}

class SqlcipherStore : public Store {
 public:
  SqlcipherStore(SqlcipherOptions options, SecretKey<32> key, ProcessLock lock)
      : options_(std::move(options)),
        key_(std::move(key)),
        lock_(std::move(lock)),
        readers_(std::max<std::size_t>(options_.readers, 1), [this] { return OpenReader(); }) {}

  ~SqlcipherStore() override {
    readers_
        .WhileClosed([this] {
          if (writer_ == nullptr) return absl::OkStatus();
          absl::Status emptied = writer_->connection().CheckpointAll();
          writer_.reset();
          return emptied;
        })
        .IgnoreError();  // what is in the log stays there, committed, for the next start
  }

  // The handles of rows that were there and are lost, `passed_over` at most, are not given again.
  absl::Status Start(std::int64_t passed_over) {
    RETURN_IF_ERROR(OpenWriter());
    ASSIGN_OR_RETURN(const std::int64_t last, writer_->LastHandle());
    next_handle_ = last + passed_over + 1;
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<WriteTransaction>> Begin() override {
    if (writer_ == nullptr || writer_->failed()) RETURN_IF_ERROR(Reopen());
    if (empty_log_.exchange(false)) {
      absl::Status emptied =
          readers_.WhileIdle([this] { return writer_->connection().CheckpointAll(); });
      if (!emptied.ok()) {
        empty_log_ = true;
        writer_.reset();
        return emptied;
      }
    }
    if (writer_->connection().CheckpointDue()) {
      if (absl::Status moved = Checkpoint(); !moved.ok()) {
        writer_.reset();
        return moved;
      }
    }
    return writer_->Begin();
  }

  absl::Status Reopen() override {
    // With a reader open, SQLite would go by its shared index of the log and forget a commit that
    // is in the log's file. Without one it recovers the log, and the checkpoint then settles what
    // is there for good.
    return readers_.WhileClosed([this]() -> absl::Status {
      writer_.reset();
      // The commit whose outcome nobody knows may have changed rows.
      recent_.AddUnknown();
      RETURN_IF_ERROR(OpenWriter());
      absl::Status settled = writer_->connection().CheckpointAll();
      if (!settled.ok()) writer_.reset();
      return settled;
    });
  }

  void EmptyLog() override { empty_log_ = true; }

  std::int64_t AllocateHandles(std::size_t count) override {
    return next_handle_.fetch_add(static_cast<std::int64_t>(count));
  }

  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokens(
      std::span<const std::int64_t> handles) override {
    return FindRows(
        by_handle_, handles, [](const TokenRow&) { return true; },
        [](Reader& reader, std::span<const std::int64_t> missing) {
          return reader.FindTokens(missing);
        });
  }

  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByPanIndex(
      std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
      std::span<const std::string> pan_indexes) override {
    return FindRows(
        by_pan_index_, pan_indexes,
        [&](const TokenRow& row) {
          return row.tenant == tenant && row.profile == profile &&
                 row.index_version == index_version;
        },
        [&](Reader& reader, std::span<const std::string> missing) {
          return reader.FindTokensByPanIndex(tenant, profile, index_version, missing);
        });
  }

  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindTokensByDigits(
      std::string_view tenant, std::uint16_t profile,
      std::span<const std::string> digits) override {
    return readers_.Use(
        [&](Reader& reader) { return reader.FindTokensByDigits(tenant, profile, digits); });
  }

  absl::StatusOr<std::vector<TokenRow>> ReadTokens(std::int64_t after, std::size_t limit) override {
    const std::uint64_t changes = recent_.changes();
    ASSIGN_OR_RETURN(std::vector<TokenRow> rows,
                     readers_.Use([&](Reader& reader) { return reader.ReadTokens(after, limit); }));
    // Whoever reads all of them, as each start does, leaves the newest in memory.
    for (const TokenRow& row : rows) by_handle_.Keep(changes, row.handle, row);
    return rows;
  }

  absl::StatusOr<std::vector<TokenRow>> FindEndedTokens(std::string_view tenant,
                                                        std::uint16_t profile, std::uint8_t state,
                                                        std::int64_t by_ms,
                                                        std::size_t limit) override {
    return readers_.Use([&](Reader& reader) {
      return reader.FindEndedTokens(tenant, profile, state, by_ms, limit);
    });
  }

  absl::StatusOr<TokenList> ListTokens(std::string_view tenant, std::uint16_t profile,
                                       std::span<const MetadataValue> filter,
                                       std::optional<std::uint8_t> state, std::int64_t after,
                                       std::size_t limit) override {
    return readers_.Use([&](Reader& reader) {
      return reader.ListTokens(tenant, profile, filter, state, after, limit);
    });
  }

  absl::StatusOr<std::uint64_t> CountMetadata() override {
    return readers_.Use([](Reader& reader) { return reader.CountMetadata(); });
  }

  absl::StatusOr<std::vector<KeyVersionRow>> ListKeyVersions() override {
    return readers_.Use([](Reader& reader) { return reader.ListKeyVersions(); });
  }

  absl::StatusOr<std::vector<PartnerKeyRow>> ListPartnerKeys() override {
    return readers_.Use([](Reader& reader) { return reader.ListPartnerKeys(); });
  }

  absl::StatusOr<std::optional<IdempotencyRow>> FindIdempotency(std::string_view principal,
                                                                std::string_view request_id,
                                                                std::int64_t now_ms) override {
    return readers_.Use(
        [&](Reader& reader) { return reader.FindIdempotency(principal, request_id, now_ms); });
  }

  absl::StatusOr<FrontierRow> ReadFrontier() override {
    return readers_.Use([](Reader& reader) { return reader.ReadFrontier(); });
  }

  absl::StatusOr<std::vector<LeafRow>> ReadLeaves(std::uint64_t first, std::size_t limit) override {
    return readers_.Use([&](Reader& reader) { return reader.ReadLeaves(first, limit); });
  }

  absl::Status VisitLeafHashes(
      std::uint64_t first, std::uint64_t end,
      const std::function<absl::Status(std::uint64_t index, std::string_view hash)>& visit)
      override {
    std::uint64_t expected = first;
    while (expected < end) {
      const std::size_t limit = std::min<std::uint64_t>(end - expected, kHashesPerRead);
      ASSIGN_OR_RETURN(const auto hashes, readers_.Use([&](Reader& reader) {
        return reader.ReadLeafHashes(expected, limit);
      }));
      if (hashes.empty()) return Error(Reason::kIntegrityFailure, "a leaf is missing");
      for (const auto& [index, hash] : hashes) {
        if (index != expected) return Error(Reason::kIntegrityFailure, "a leaf is missing");
        RETURN_IF_ERROR(visit(index, hash));
        ++expected;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<CheckpointRow>> LatestCheckpoint() override {
    return readers_.Use([](Reader& reader) { return reader.LatestCheckpoint(); });
  }

 private:
  // The rows that `cache` holds and that are `meant`, and the others as `read` finds them. Each
  // kind of look-up has a cache of its own: a row that was found by its handle proves nothing of
  // the index over cards.
  template <typename Key, typename Meant, typename Read>
  absl::StatusOr<std::vector<std::optional<TokenRow>>> FindRows(TokenCache<Key>& cache,
                                                                std::span<const Key> keys,
                                                                Meant meant, Read read) {
    const std::uint64_t changes = recent_.changes();
    const std::vector<std::shared_ptr<const TokenRow>> held = cache.Find(keys);
    std::vector<std::optional<TokenRow>> rows(keys.size());
    std::vector<Key> missing;
    std::vector<std::size_t> places;  // of the missing ones
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (held[i] != nullptr && meant(*held[i])) {
        rows[i] = *held[i];
      } else {
        missing.push_back(keys[i]);
        places.push_back(i);
      }
    }
    if (missing.empty()) return rows;
    ASSIGN_OR_RETURN(std::vector<std::optional<TokenRow>> found,
                     readers_.Use([&](Reader& reader) { return read(reader, missing); }));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (found[i].has_value()) cache.Keep(changes, missing[i], *found[i]);
      rows[places[i]] = std::move(found[i]);
    }
    return rows;
  }

  // Moves the write-ahead log into the file and lets it start over with the next commit.
  absl::Status Checkpoint() {
    Connection& connection = writer_->connection();
    // What snapshots that are kept still need of the file cannot be written over.
    recent_.Forget();
    readers_.EndOldSnapshots();
    RETURN_IF_ERROR(connection.Checkpoint());
    // One that has begun since may need the log, and then the restart would wait for it, and all
    // others for the restart.
    return readers_.WhileIdle([&connection]() -> absl::Status {
      return connection.RestartDue() ? connection.Restart() : absl::OkStatus();
    });
  }

  absl::Status OpenWriter() {
    ASSIGN_OR_RETURN(
        auto connection,
        Connection::Open(options_.path, key_, Connection::Mode::kWriter, options_.cache_mib));
    RETURN_IF_ERROR(CheckAndMigrate(*connection, options_.deployment, options_.environment));
    ASSIGN_OR_RETURN(writer_, Writer::Create(std::move(connection), recent_));
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Reader>> OpenReader() const {
    ASSIGN_OR_RETURN(
        auto connection,
        Connection::Open(options_.path, key_, Connection::Mode::kReader, options_.cache_mib));
    return Reader::Create(std::move(connection), recent_);
  }

  const SqlcipherOptions options_;
  const SecretKey<32> key_;
  const ProcessLock lock_;  // let go of last
  RecentTokens recent_;
  TokenCache<std::int64_t> by_handle_{recent_, kRowsInMemory};
  TokenCache<std::string> by_pan_index_{recent_, kRowsInMemory};
  std::unique_ptr<Writer> writer_;
  std::atomic<std::int64_t> next_handle_ = 1;
  std::atomic<bool> empty_log_ = false;
  ReaderPool readers_;
};

absl::StatusOr<std::unique_ptr<Store>> OpenLocked(const SqlcipherOptions& options,
                                                  const SecretKey<32>& key, ProcessLock lock,
                                                  std::int64_t passed_over) {
  ASSIGN_OR_RETURN(SecretKey<32> copy, CopyOf(key));
  auto store = std::make_unique<SqlcipherStore>(options, std::move(copy), std::move(lock));
  RETURN_IF_ERROR(store->Start(passed_over));
  return store;
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

// Looks at the file before SQLCipher does, because SQLCipher says the same of a plain database as
// of a wrong key, and takes an empty file for a new database.
absl::Status CheckFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return errno == ENOENT ? Error(Reason::kNotInitialized, "there is no database")
                           : Error(Reason::kStoreUnavailable, "the database cannot be opened");
  }
  constexpr std::string_view kPlainHeader("SQLite format 3\0", 16);
  std::array<char, kPlainHeader.size()> header{};
  const ssize_t got = read(descriptor, header.data(), header.size());
  close(descriptor);
  if (got != static_cast<ssize_t>(header.size())) {
    return Error(Reason::kStoreForeign, "the file is not a database");
  }
  if (std::string_view(header.data(), header.size()) == kPlainHeader) {
    return Error(Reason::kStoreForeign, "the database is not encrypted");
  }
  return absl::OkStatus();
}

// Makes the database complete under another name, so that a kill leaves none rather than half of
// one.
absl::Status CreateFile(const SqlcipherOptions& options, const SecretKey<32>& key) {
  const std::string beside = options.path + ".new";
  for (const char* suffix : {"", "-wal", "-shm"}) unlink((beside + suffix).c_str());
  const int descriptor = open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return Error(Reason::kStoreUnavailable, "the database cannot be made");
  close(descriptor);
  {
    ASSIGN_OR_RETURN(const auto connection,
                     Connection::Open(beside, key, Connection::Mode::kWriter, options.cache_mib));
    RETURN_IF_ERROR(CreateSchema(*connection, {.deployment = options.deployment,
                                               .environment = options.environment,
                                               .created_ms = absl::ToUnixMillis(absl::Now())}));
    RETURN_IF_ERROR(connection->CheckpointAll());
  }
  return RenameDurably(beside, options.path);
}

std::string LockPath(const SqlcipherOptions& options) { return options.path + ".lock"; }

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> CreateSqlcipherStore(const SqlcipherOptions& options,
                                                            const SecretKey<32>& key) {
  ASSIGN_OR_RETURN(ProcessLock lock, ProcessLock::Take(LockPath(options)));
  // A log without its database would be played into the new one.
  if (Exists(options.path) || Exists(options.path + "-wal")) {
    return Error(Reason::kStoreForeign, "there is a database already");
  }
  RETURN_IF_ERROR(CreateFile(options, key));
  return OpenLocked(options, key, std::move(lock), 0);
}

absl::StatusOr<std::unique_ptr<Store>> OpenSqlcipherStore(const SqlcipherOptions& options,
                                                          const SecretKey<32>& key) {
  // Before the lock, so that a wrong path leaves no lock file there. The database's own descriptor
  // is closed again before SQLite opens it: closing one later would drop SQLite's locks.
  if (!Exists(options.path)) return Error(Reason::kNotInitialized, "there is no database");
  ASSIGN_OR_RETURN(ProcessLock lock, ProcessLock::Take(LockPath(options)));
  RETURN_IF_ERROR(CheckFile(options.path));
  return OpenLocked(options, key, std::move(lock), kHandlesPassedOver);
}

}  // namespace keysvc::store
