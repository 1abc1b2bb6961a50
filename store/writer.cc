#include "store/writer.h"

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "status/macros.h"
#include "status/reason.h"
#include "store/reader.h"
#include "store/token_metadata.h"

namespace keysvc::store {
namespace {

constexpr char kFindToken[] =
    "SELECT handle FROM tokens "
    "WHERE pan_index = ? AND tenant = ? AND profile = ? AND index_version = ?";
constexpr char kInsertToken[] =
    "INSERT INTO tokens (handle, tenant, profile, index_version, pan_index, data_version, sealed, "
    "created_ms, state, revision, ends_ms, uses_left, mac, leaf_index, digits, metadata) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kFindDigits[] =
    "SELECT 1 FROM tokens WHERE digits = ? AND tenant = ? AND profile = ?";
constexpr char kFindRevision[] = "SELECT revision FROM tokens WHERE handle = ?";
constexpr char kChangeToken[] =
    "UPDATE tokens SET index_version = ?, pan_index = ?, data_version = ?, sealed = ?, state = ?, "
    "revision = ?, ends_ms = ?, uses_left = ?, mac = ?, metadata = ? WHERE handle = ?";
constexpr char kFindMetadata[] = "SELECT metadata FROM tokens WHERE handle = ?";
// One that somebody put there before is no reason not to write.
constexpr char kPutMetadata[] =
    "INSERT OR REPLACE INTO token_metadata (value, field, tenant, profile, handle) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char kRemoveMetadata[] =
    "DELETE FROM token_metadata "
    "WHERE value = ? AND field = ? AND tenant = ? AND profile = ? AND handle = ?";
constexpr char kFindKey[] =
    "SELECT revision FROM key_versions WHERE tenant = ? AND name = ? AND version = ?";
constexpr char kPutKey[] =
    "INSERT OR REPLACE INTO key_versions (tenant, name, version, purpose, algorithm, protection, "
    "environment, created_ms, originator_end_ms, recipient_end_ms, hsm_label, wrapped, public_key, "
    "recovery, reserved_uses, state, is_primary, revision, mac, token_format, low_s, "
    "certificates, max_signatures, origin, made_by, kid) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kFindPartnerKey[] =
    "SELECT revision FROM partner_keys WHERE tenant = ? AND name = ?";
constexpr char kPutPartnerKey[] =
    "INSERT OR REPLACE INTO partner_keys (tenant, name, purpose, algorithm, kid, not_before_ms, "
    "not_after_ms, public_key, created_ms, registered_by, state, revision, mac) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kFindIdempotency[] =
    "SELECT 1 FROM idempotency WHERE request_id = ? AND principal = ? AND expires_ms > ?";
constexpr char kPutIdempotency[] =
    "INSERT OR REPLACE INTO idempotency (principal, request_id, fingerprint, answer, expires_ms) "
    "VALUES (?, ?, ?, ?, ?)";
// Two for each one that comes, so that the table shrinks to what is alive without a task of its
// own.
constexpr char kPurgeIdempotency[] =
    "DELETE FROM idempotency WHERE id IN "
    "(SELECT id FROM idempotency WHERE expires_ms <= ? ORDER BY expires_ms LIMIT 2)";
constexpr char kInsertLeaf[] =
    "INSERT INTO leaves (leaf_index, leaf_hash, header_salt, body_salt, header, body) "
    "VALUES (?, ?, ?, ?, ?, ?)";

absl::StatusOr<bool> HasRow(Execution execution) { return execution.Step(); }

// Whether the revision comes after the one that `stored` finds, or is the first where it finds
// none.
absl::StatusOr<bool> IsNext(std::uint64_t revision, Execution stored) {
  ASSIGN_OR_RETURN(const bool found, stored.Step());
  return revision == (found ? static_cast<std::uint64_t>(stored.Integer(0)) : 0) + 1;
}

// Two rows of one mutation that want the same place.
bool ContradictsItself(const Mutation& mutation) {
  std::set<std::tuple<std::string_view, std::string_view, std::uint16_t, std::uint32_t>> cards;
  std::set<std::tuple<std::string_view, std::string_view, std::uint16_t>> digits;
  std::set<std::int64_t> changed;
  for (const TokenRow& row : mutation.tokens) {
    if (!row.pan_index.empty() &&
        !cards.emplace(row.pan_index, row.tenant, row.profile, row.index_version).second) {
      return true;
    }
    if (row.revision > 1 && !changed.insert(row.handle).second) return true;
    if (row.revision == 1 && !row.digits.empty() &&
        !digits.emplace(row.digits, row.tenant, row.profile).second) {
      return true;
    }
  }
  std::set<std::tuple<std::string_view, std::string_view, std::uint32_t>> keys;
  for (const KeyVersionRow& row : mutation.keys) {
    if (!keys.emplace(row.tenant, row.key, row.version).second) return true;
  }
  std::set<std::pair<std::string_view, std::string_view>> partner_keys;
  for (const PartnerKeyRow& row : mutation.partner_keys) {
    if (!partner_keys.emplace(row.tenant, row.key).second) return true;
  }
  return false;
}

}  // namespace

class Writer::Transaction : public WriteTransaction {
 public:
  explicit Transaction(Writer& writer) : writer_(writer) {}
  ~Transaction() override {
    if (!writer_.connection_->in_transaction()) return;
    if (!writer_.rollback_.Bind().Run().ok()) writer_.failed_ = true;
  }

  absl::StatusOr<Applied> Apply(const Mutation& mutation, std::int64_t now_ms) override {
    // All conditions before the first write, so that a conflict has nothing to undo.
    const absl::StatusOr<bool> conflicts = writer_.Conflicts(mutation, now_ms);
    if (!conflicts.ok()) return Fail(conflicts.status());
    if (*conflicts) return Applied::kConflict;
    RETURN_IF_ERROR(Fail(writer_.Write(mutation, now_ms)));
    for (const TokenRow& row : mutation.tokens) {
      // A row that was changed may be another card's now.
      if (!row.pan_index.empty()) keys_.push_back(row.pan_index);
      if (row.revision == 1 && !row.digits.empty()) keys_.push_back(row.digits);
    }
    return Applied::kYes;
  }

  absl::Status AppendLeaf(const LeafRow& leaf) override {
    return Fail(writer_.insert_leaf_
                    .Bind(leaf.index, Blob{leaf.leaf_hash}, Blob{leaf.header_salt},
                          Blob{leaf.body_salt}, Blob{leaf.header}, Blob{leaf.body})
                    .Run());
  }

  absl::Status PutFrontier(const FrontierRow& frontier) override {
    std::string hashes;
    for (const std::string& hash : frontier.hashes) {
      if (hash.size() != Reader::kHashSize) {
        return Fail(Error(Reason::kInternal, "a hash of the frontier has the wrong length"));
      }
      hashes += hash;
    }
    return Fail(writer_.put_frontier_.Bind(frontier.size, Blob{hashes}).Run());
  }

  absl::Status PutCheckpoint(const CheckpointRow& checkpoint) override {
    return Fail(writer_.put_checkpoint_.Bind(checkpoint.size, Blob{checkpoint.note}).Run());
  }

  absl::Status Commit() override {
    if (!whole_) return Error(Reason::kStoreUnavailable, "a write of this transaction failed");
    whole_ = false;
    if (writer_.commit_.Bind().Run().ok()) {
      writer_.recent_.AddChanged(writer_.connection_->TakeChangedTokens());
      writer_.recent_.Add(std::move(keys_));
      return absl::OkStatus();
    }
    // The log may hold the commit although it could not be synced.
    writer_.failed_ = true;
    return Error(Reason::kOutcomeUnknown, "the store does not say what became of the commit");
  }

 private:
  absl::Status Fail(absl::Status status) {
    if (!status.ok()) {
      whole_ = false;
      writer_.failed_ = true;
    }
    return status;
  }

  Writer& writer_;
  std::vector<std::string> keys_;  // that recent_ knows rows by which may not have had them
  bool whole_ = true;  // everything asked for is in the transaction, and it is not yet committed
};

absl::StatusOr<std::unique_ptr<Writer>> Writer::Create(std::unique_ptr<Connection> connection,
                                                       RecentTokens& recent) {
  std::unique_ptr<Writer> writer(new Writer(std::move(connection), recent));
  RETURN_IF_ERROR(writer->Prepare());
  return writer;
}

Writer::~Writer() = default;

absl::Status Writer::Prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&find_token_, kFindToken},
      {&insert_token_, kInsertToken},
      {&find_digits_, kFindDigits},
      {&find_revision_, kFindRevision},
      {&find_metadata_, kFindMetadata},
      {&change_token_, kChangeToken},
      {&put_metadata_, kPutMetadata},
      {&remove_metadata_, kRemoveMetadata},
      {&find_key_, kFindKey},
      {&put_key_, kPutKey},
      {&find_partner_key_, kFindPartnerKey},
      {&put_partner_key_, kPutPartnerKey},
      {&find_idempotency_, kFindIdempotency},
      {&put_idempotency_, kPutIdempotency},
      {&purge_idempotency_, kPurgeIdempotency},
      {&insert_leaf_, kInsertLeaf},
      {&put_frontier_, "INSERT OR REPLACE INTO frontier (only_row, size, hashes) VALUES (1, ?, ?)"},
      {&put_checkpoint_, "INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?, ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, Statement::Prepare(*connection_, sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<WriteTransaction>> Writer::Begin() {
  if (connection_->in_transaction()) return Error(Reason::kInternal, "a write transaction is open");
  absl::Status status = begin_.Bind().Run();
  if (!status.ok()) {
    failed_ = true;
    return status;
  }
  return std::unique_ptr<WriteTransaction>(std::make_unique<Transaction>(*this));
}

absl::StatusOr<std::int64_t> Writer::LastHandle() {
  return connection_->QueryInteger(
      "SELECT max(seq) FROM (SELECT seq FROM sqlite_sequence WHERE name = 'tokens'"
      " UNION ALL SELECT max(handle) FROM tokens)");
}

absl::StatusOr<bool> Writer::Conflicts(const Mutation& mutation, std::int64_t now_ms) {
  if (ContradictsItself(mutation)) return true;
  for (const TokenRow& row : mutation.tokens) {
    if (row.revision > 1) {
      Execution stored = find_revision_.Bind(row.handle);
      ASSIGN_OR_RETURN(const bool found, stored.Step());
      if (!found || row.revision != static_cast<std::uint64_t>(stored.Integer(0)) + 1) return true;
    }
    if (row.revision == 1 && !row.digits.empty()) {
      ASSIGN_OR_RETURN(const bool taken,
                       HasRow(find_digits_.Bind(Blob{row.digits}, Text{row.tenant}, row.profile)));
      if (taken) return true;
    }
    if (row.pan_index.empty()) continue;
    Execution holder =
        find_token_.Bind(Blob{row.pan_index}, Text{row.tenant}, row.profile, row.index_version);
    ASSIGN_OR_RETURN(const bool taken, holder.Step());
    if (taken && holder.Integer(0) != row.handle) return true;
  }
  for (const KeyVersionRow& row : mutation.keys) {
    ASSIGN_OR_RETURN(
        const bool next,
        IsNext(row.revision, find_key_.Bind(Text{row.tenant}, Text{row.key}, row.version)));
    if (!next) return true;
  }
  for (const PartnerKeyRow& row : mutation.partner_keys) {
    ASSIGN_OR_RETURN(const bool next,
                     IsNext(row.revision, find_partner_key_.Bind(Text{row.tenant}, Text{row.key})));
    if (!next) return true;
  }
  if (!mutation.idempotency.has_value()) return false;
  const IdempotencyRow& row = *mutation.idempotency;
  return HasRow(find_idempotency_.Bind(Text{row.request_id}, Text{row.principal}, now_ms));
}

absl::Status Writer::WriteMetadata(const TokenRow& row, std::string_view text, Statement& write) {
  for (const MetadataValue& value : MetadataOf(text)) {
    RETURN_IF_ERROR(
        write.Bind(Text{value.value}, Text{value.field}, Text{row.tenant}, row.profile, row.handle)
            .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::ChangeToken(const TokenRow& row) {
  std::string before;
  {
    Execution stored = find_metadata_.Bind(row.handle);
    RETURN_IF_ERROR(stored.Step().status());
    before = stored.Bytes(0);
  }
  if (before != row.metadata) {
    RETURN_IF_ERROR(WriteMetadata(row, before, remove_metadata_));
    RETURN_IF_ERROR(WriteMetadata(row, row.metadata, put_metadata_));
  }
  return change_token_
      .Bind(row.index_version, NullableBlob{row.pan_index}, row.data_version, Blob{row.sealed},
            row.state, row.revision, row.ends_ms, row.uses_left, Blob{row.mac},
            NullableBlob{row.metadata}, row.handle)
      .Run();
}

absl::Status Writer::Write(const Mutation& mutation, std::int64_t now_ms) {
  for (const TokenRow& row : mutation.tokens) {
    if (row.revision > 1) {
      RETURN_IF_ERROR(ChangeToken(row));
      continue;
    }
    RETURN_IF_ERROR(insert_token_
                        .Bind(row.handle, Text{row.tenant}, row.profile, row.index_version,
                              NullableBlob{row.pan_index}, row.data_version, Blob{row.sealed},
                              row.created_ms, row.state, row.revision, row.ends_ms, row.uses_left,
                              Blob{row.mac}, row.leaf_index, NullableBlob{row.digits},
                              NullableBlob{row.metadata})
                        .Run());
    RETURN_IF_ERROR(WriteMetadata(row, row.metadata, put_metadata_));
  }
  for (const KeyVersionRow& row : mutation.keys) {
    RETURN_IF_ERROR(put_key_
                        .Bind(Text{row.tenant}, Text{row.key}, row.version, Text{row.purpose},
                              Text{row.algorithm}, Text{row.protection}, Text{row.environment},
                              row.created_ms, row.originator_end_ms, row.recipient_end_ms,
                              Text{row.hsm_label}, Blob{row.wrapped}, Blob{row.public_key},
                              Blob{row.recovery}, row.reserved_uses, Text{row.state}, row.primary,
                              row.revision, Blob{row.mac}, Text{row.token_format}, row.low_s,
                              Blob{row.certificates}, row.max_signatures, Text{row.origin},
                              Text{row.made_by}, Text{row.kid})
                        .Run());
  }
  for (const PartnerKeyRow& row : mutation.partner_keys) {
    RETURN_IF_ERROR(put_partner_key_
                        .Bind(Text{row.tenant}, Text{row.key}, Text{row.purpose},
                              Text{row.algorithm}, Text{row.kid}, row.not_before_ms,
                              row.not_after_ms, Blob{row.public_key}, row.created_ms,
                              Text{row.registered_by}, Text{row.state}, row.revision, Blob{row.mac})
                        .Run());
  }
  if (!mutation.idempotency.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(purge_idempotency_.Bind(now_ms).Run());
  const IdempotencyRow& row = *mutation.idempotency;
  return put_idempotency_
      .Bind(Text{row.principal}, Text{row.request_id}, Blob{row.fingerprint}, Blob{row.answer},
            row.expires_ms)
      .Run();
}

}  // namespace keysvc::store
