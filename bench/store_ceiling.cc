#include "bench/store_ceiling.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "audit/entry.h"
#include "audit/leaf.h"
#include "bench/calls.h"
#include "bench/cards.h"
#include "crypto/random.h"
#include "status/macros.h"
#include "store/rows.h"

namespace keysvc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatchesPerTransaction = 10;
// Of a card with an expiry: format, version, nonce, the card data in canonical form, tag.
constexpr std::size_t kSealedSize = 5 + 12 + 28 + 16;
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kHashesOfFrontier = 10;

constexpr char kInsertToken[] =
    "INSERT INTO tokens (handle, tenant, profile, index_version, pan_index, data_version, sealed, "
    "created_ms, state, revision, mac, leaf_index, digits) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kInsertLeaf[] =
    "INSERT INTO leaves (leaf_index, leaf_hash, header_salt, body_salt, header, body) "
    "VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kPutFrontier[] =
    "INSERT OR REPLACE INTO frontier (only_row, size, hashes) VALUES (1, ?, ?)";

// The record of a batch of 100, as long as the service's own.
store::LeafRow MakeBatchLeaf(std::int64_t index) {
  audit::Entry entry;
  entry.action = "TokenService.Tokenize";
  entry.actor = "checkout";
  entry.profile = "tenants/acme/tokenProfiles/cards";
  entry.identity = "spiffe://dev.keysvc.example/payment/checkout";
  entry.origin = "127.0.0.1";
  entry.resource = entry.profile;
  entry.rule = "checkout-tokenizes";
  entry.details["data_key_version"] = "1";
  for (std::size_t i = 0; i < kBatch; ++i) {
    entry.items.push_back({.resource = "tenants/acme/tokens/tok_" + std::string(34, 'a'),
                           .outcome = audit::Outcome::kSuccess,
                           .reason = {}});
  }
  return audit::MakeLeaf(entry, static_cast<std::uint64_t>(index), absl::Now());
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreCeiling>> StoreCeiling::Open(store::SqlcipherOptions options,
                                                                 const crypto::SecretKey<32>& key,
                                                                 tokenizer::Family family) {
  std::unique_ptr<StoreCeiling> ceiling(new StoreCeiling(family));
  ASSIGN_OR_RETURN(ceiling->connection_,
                   store::Connection::Open(options.path, key, store::Connection::Mode::kWriter,
                                           options.cache_mib));
  RETURN_IF_ERROR(ceiling->Prepare());
  for (std::size_t i = 0; i < options.readers; ++i) {
    ASSIGN_OR_RETURN(auto connection,
                     store::Connection::Open(options.path, key, store::Connection::Mode::kReader,
                                             options.cache_mib));
    ASSIGN_OR_RETURN(ceiling->readers_.emplace_back(),
                     store::Reader::Create(std::move(connection), ceiling->recent_));
  }
  return ceiling;
}

absl::Status StoreCeiling::Prepare() {
  const std::pair<store::Statement*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},   {&insert_token_, kInsertToken}, {&insert_leaf_, kInsertLeaf},
      {&put_frontier_, kPutFrontier}, {&commit_, "COMMIT"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, store::Statement::Prepare(*connection_, sql));
  }
  ASSIGN_OR_RETURN(first_handle_, connection_->QueryInteger("SELECT min(handle) FROM tokens"));
  ASSIGN_OR_RETURN(last_handle_, connection_->QueryInteger("SELECT max(handle) FROM tokens"));
  next_handle_ = last_handle_ + 1;
  ASSIGN_OR_RETURN(next_leaf_, connection_->QueryInteger("SELECT max(leaf_index) + 1 FROM leaves"));
  return absl::OkStatus();
}

store::TokenRow StoreCeiling::MakeToken(std::int64_t handle) const {
  store::TokenRow row;
  row.handle = handle;
  row.tenant = "acme";
  row.profile = 1;
  if (family_ != tokenizer::Family::kEmv) {
    row.index_version = 1;
    row.pan_index = crypto::RandomBytes(kDigestSize);
  }
  row.data_version = 1;
  row.sealed = crypto::RandomBytes(kSealedSize);
  row.created_ms = absl::ToUnixMillis(absl::Now());
  row.state = 1;
  row.revision = 1;
  row.mac = crypto::RandomBytes(kDigestSize);
  // Which no token is, and in no order.
  if (tokenizer::IsDrawn(family_)) row.digits = CardNumber(static_cast<std::uint64_t>(handle));
  return row;
}

absl::StatusOr<double> StoreCeiling::MeasureWrites(absl::Duration time) {
  std::chrono::nanoseconds counted{0};
  std::uint64_t rows = 0;
  while (counted < absl::ToChronoNanoseconds(time)) {
    RETURN_IF_ERROR(WriteRows(counted));
    rows += kBatchesPerTransaction * kBatch;
  }
  recent_.Forget();
  for (const auto& reader : readers_) reader->EndOldSnapshot();
  // What the readers are measured on is the file, not a long log beside it.
  RETURN_IF_ERROR(connection_->CheckpointAll());
  return static_cast<double>(rows) / std::chrono::duration<double>(counted).count();
}

absl::Status StoreCeiling::WriteRows(std::chrono::nanoseconds& counted) {
  std::vector<store::TokenRow> tokens;
  std::vector<store::LeafRow> leaves;
  for (int batch = 0; batch < kBatchesPerTransaction; ++batch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      tokens.push_back(MakeToken(next_handle_++));
      tokens.back().leaf_index = static_cast<std::uint64_t>(next_leaf_);
    }
    leaves.push_back(MakeBatchLeaf(next_leaf_++));
  }
  const std::string hashes = crypto::RandomBytes(kHashesOfFrontier * kDigestSize);

  const auto began = Clock::now();
  if (connection_->CheckpointDue()) RETURN_IF_ERROR(connection_->Checkpoint());
  RETURN_IF_ERROR(begin_.Bind().Run());
  for (const store::TokenRow& row : tokens) {
    RETURN_IF_ERROR(insert_token_
                        .Bind(row.handle, store::Text{row.tenant}, row.profile, row.index_version,
                              store::NullableBlob{row.pan_index}, row.data_version,
                              store::Blob{row.sealed}, row.created_ms, row.state, row.revision,
                              store::Blob{row.mac}, row.leaf_index, store::NullableBlob{row.digits})
                        .Run());
  }
  for (const store::LeafRow& leaf : leaves) {
    RETURN_IF_ERROR(insert_leaf_
                        .Bind(leaf.index, store::Blob{leaf.leaf_hash},
                              store::Blob{leaf.header_salt}, store::Blob{leaf.body_salt},
                              store::Blob{leaf.header}, store::Blob{leaf.body})
                        .Run());
  }
  RETURN_IF_ERROR(put_frontier_.Bind(next_leaf_, store::Blob{hashes}).Run());
  RETURN_IF_ERROR(commit_.Bind().Run());
  counted += Clock::now() - began;
  return absl::OkStatus();
}

absl::StatusOr<double> StoreCeiling::MeasureLookUps(absl::Duration time) {
  std::atomic<bool> stopping = false;
  std::atomic<std::uint64_t> found = 0;
  std::mutex mutex;
  absl::Status failure;
  const auto look_up = [&](store::Reader& reader, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::int64_t> any(first_handle_, last_handle_);
    std::vector<std::int64_t> wanted(kBatch);
    std::uint64_t mine = 0;
    while (!stopping.load(std::memory_order_relaxed)) {
      for (std::int64_t& handle : wanted) handle = any(random);
      const auto rows = reader.FindTokens(wanted);
      if (!rows.ok()) {
        const std::lock_guard lock(mutex);
        failure = rows.status();
        break;
      }
      mine += static_cast<std::uint64_t>(
          std::ranges::count_if(*rows, [](const auto& row) { return row.has_value(); }));
    }
    found += mine;
  };
  const auto began = Clock::now();
  std::vector<std::thread> threads;
  for (const auto& reader : readers_) {
    threads.emplace_back(look_up, std::ref(*reader), threads.size() + 1);
  }
  absl::SleepFor(time);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - began;
  RETURN_IF_ERROR(failure);
  if (found == 0) return absl::InternalError("none of the vault's tokens was found");
  return static_cast<double>(found.load()) / took.count();
}

}  // namespace keysvc::bench
