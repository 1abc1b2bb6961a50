#include "store/reader.h"

#include <algorithm>
#include <cstddef>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::store {
namespace {

// How much of a list is looked at in one go, so that no call keeps a reader for long.
constexpr std::size_t kMostSteps = 10'000;

constexpr char kToken[] =
    "SELECT handle, tenant, profile, index_version, pan_index, data_version, sealed, created_ms, "
    "state, revision, mac, leaf_index, ends_ms, uses_left, digits, metadata FROM tokens "
    "WHERE handle = ?";
constexpr char kTokenByPanIndex[] =
    "SELECT handle, tenant, profile, index_version, pan_index, data_version, sealed, created_ms, "
    "state, revision, mac, leaf_index, ends_ms, uses_left, digits, metadata FROM tokens "
    "WHERE pan_index = ? AND tenant = ? AND profile = ? AND index_version = ?";
constexpr char kTokenByDigits[] =
    "SELECT handle, tenant, profile, index_version, pan_index, data_version, sealed, created_ms, "
    "state, revision, mac, leaf_index, ends_ms, uses_left, digits, metadata FROM tokens "
    "WHERE digits = ? AND tenant = ? AND profile = ?";
constexpr char kTokensAfter[] =
    "SELECT handle, tenant, profile, index_version, pan_index, data_version, sealed, created_ms, "
    "state, revision, mac, leaf_index, ends_ms, uses_left, digits, metadata FROM tokens "
    "WHERE handle > ? ORDER BY handle LIMIT ?";
constexpr char kEndedTokens[] =
    "SELECT handle, tenant, profile, index_version, pan_index, data_version, sealed, created_ms, "
    "state, revision, mac, leaf_index, ends_ms, uses_left, digits, metadata FROM tokens "
    "WHERE tenant = ? AND profile = ? AND state = ? AND ends_ms <= ? ORDER BY ends_ms LIMIT ?";
// The first handle from one on.
constexpr char kHandleByMetadata[] =
    "SELECT handle FROM token_metadata WHERE value = ? AND field = ? AND tenant = ? AND "
    "profile = ? AND handle >= ? ORDER BY handle LIMIT 1";
constexpr char kKeyVersions[] =
    "SELECT tenant, name, version, purpose, algorithm, protection, environment, created_ms, "
    "originator_end_ms, recipient_end_ms, hsm_label, wrapped, public_key, recovery, reserved_uses, "
    "state, is_primary, revision, mac, token_format, low_s, certificates, max_signatures, origin, "
    "made_by, kid FROM key_versions ORDER BY tenant, name, version";
constexpr char kPartnerKeys[] =
    "SELECT tenant, name, purpose, algorithm, kid, not_before_ms, not_after_ms, public_key, "
    "created_ms, registered_by, state, revision, mac FROM partner_keys ORDER BY tenant, name";
constexpr char kIdempotency[] =
    "SELECT principal, request_id, fingerprint, answer, expires_ms FROM idempotency "
    "WHERE request_id = ? AND principal = ? AND expires_ms > ?";
constexpr char kLeaves[] =
    "SELECT leaf_index, header, header_salt, body, body_salt, leaf_hash FROM leaves "
    "WHERE leaf_index >= ? ORDER BY leaf_index LIMIT ?";
constexpr char kLeafHashes[] =
    "SELECT leaf_index, leaf_hash FROM leaves WHERE leaf_index >= ? ORDER BY leaf_index LIMIT ?";

TokenRow TokenFrom(const Execution& row) {
  return {
      .handle = row.Integer(0),
      .tenant = row.Bytes(1),
      .profile = static_cast<std::uint16_t>(row.Integer(2)),
      .index_version = static_cast<std::uint32_t>(row.Integer(3)),
      .pan_index = row.Bytes(4),
      .digits = row.Bytes(14),
      .data_version = static_cast<std::uint32_t>(row.Integer(5)),
      .sealed = row.Bytes(6),
      .created_ms = row.Integer(7),
      .state = static_cast<std::uint8_t>(row.Integer(8)),
      .revision = static_cast<std::uint64_t>(row.Integer(9)),
      .ends_ms = row.Optional<std::int64_t>(12),
      .uses_left = row.Optional<std::uint32_t>(13),
      .metadata = row.Bytes(15),
      .mac = row.Bytes(10),
      .leaf_index = row.Optional<std::uint64_t>(11),
  };
}

KeyVersionRow KeyVersionFrom(const Execution& row) {
  return {
      .tenant = row.Bytes(0),
      .key = row.Bytes(1),
      .version = static_cast<std::uint32_t>(row.Integer(2)),
      .purpose = row.Bytes(3),
      .algorithm = row.Bytes(4),
      .protection = row.Bytes(5),
      .environment = row.Bytes(6),
      .created_ms = row.Integer(7),
      .originator_end_ms = row.Integer(8),
      .recipient_end_ms = row.Integer(9),
      .hsm_label = row.Bytes(10),
      .wrapped = row.Bytes(11),
      .public_key = row.Bytes(12),
      .token_format = row.Bytes(19),
      .low_s = row.Integer(20) != 0,
      .max_signatures = static_cast<std::uint64_t>(row.Integer(22)),
      .origin = row.Bytes(23),
      .made_by = row.Bytes(24),
      .recovery = row.Bytes(13),
      .reserved_uses = static_cast<std::uint64_t>(row.Integer(14)),
      .certificates = row.Bytes(21),
      .kid = row.Bytes(25),
      .state = row.Bytes(15),
      .primary = row.Integer(16) != 0,
      .revision = static_cast<std::uint64_t>(row.Integer(17)),
      .mac = row.Bytes(18),
  };
}

PartnerKeyRow PartnerKeyFrom(const Execution& row) {
  return {
      .tenant = row.Bytes(0),
      .key = row.Bytes(1),
      .purpose = row.Bytes(2),
      .algorithm = row.Bytes(3),
      .kid = row.Bytes(4),
      .not_before_ms = row.Integer(5),
      .not_after_ms = row.Integer(6),
      .public_key = row.Bytes(7),
      .created_ms = row.Integer(8),
      .registered_by = row.Bytes(9),
      .state = row.Bytes(10),
      .revision = static_cast<std::uint64_t>(row.Integer(11)),
      .mac = row.Bytes(12),
  };
}

IdempotencyRow IdempotencyFrom(const Execution& row) {
  return {
      .principal = row.Bytes(0),
      .request_id = row.Bytes(1),
      .fingerprint = row.Bytes(2),
      .answer = row.Bytes(3),
      .expires_ms = row.Integer(4),
  };
}

LeafRow LeafFrom(const Execution& row) {
  return {
      .index = static_cast<std::uint64_t>(row.Integer(0)),
      .header = row.Bytes(1),
      .header_salt = row.Bytes(2),
      .body = row.Bytes(3),
      .body_salt = row.Bytes(4),
      .leaf_hash = row.Bytes(5),
  };
}

CheckpointRow CheckpointFrom(const Execution& row) {
  return {.size = static_cast<std::uint64_t>(row.Integer(0)), .note = row.Bytes(1)};
}

// The rows of a query, each made by `from`.
template <typename From>
auto All(Execution execution, From from) -> absl::StatusOr<std::vector<decltype(from(execution))>> {
  std::vector<decltype(from(execution))> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, execution.Step());
    if (!row) return rows;
    rows.push_back(from(execution));
  }
}

// The only row of a query, or none.
template <typename From>
auto One(Execution execution, From from)
    -> absl::StatusOr<std::optional<decltype(from(execution))>> {
  ASSIGN_OR_RETURN(const bool row, execution.Step());
  if (!row) return std::nullopt;
  return from(execution);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> Reader::Create(std::unique_ptr<Connection> connection,
                                                       const RecentTokens& recent) {
  std::unique_ptr<Reader> reader(new Reader(std::move(connection), recent));
  RETURN_IF_ERROR(reader->Prepare());
  return reader;
}

Reader::~Reader() { EndSnapshot(); }

absl::Status Reader::Prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&begin_, "BEGIN"},
      {&end_, "COMMIT"},
      {&token_, kToken},
      {&token_by_pan_index_, kTokenByPanIndex},
      {&token_by_digits_, kTokenByDigits},
      {&tokens_after_, kTokensAfter},
      {&ended_tokens_, kEndedTokens},
      {&handle_by_metadata_, kHandleByMetadata},
      {&metadata_entries_, "SELECT count(*) FROM token_metadata"},
      {&key_versions_, kKeyVersions},
      {&partner_keys_, kPartnerKeys},
      {&idempotency_, kIdempotency},
      {&frontier_, "SELECT size, hashes FROM frontier"},
      {&leaves_, kLeaves},
      {&leaf_hashes_, kLeafHashes},
      {&checkpoint_, "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, Statement::Prepare(*connection_, sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Reader::KeepSnapshot() {
  EndOldSnapshot();
  if (in_snapshot_) return true;
  RETURN_IF_ERROR(RenewSnapshot());
  return false;
}

absl::Status Reader::RenewSnapshot() {
  EndSnapshot();
  // Before it begins: a commit in between is then in both.
  generation_ = recent_.generation();
  RETURN_IF_ERROR(begin_.Bind().Run());
  in_snapshot_ = true;
  return absl::OkStatus();
}

void Reader::EndSnapshot() {
  if (!in_snapshot_) return;
  in_snapshot_ = false;
  end_.Bind().Run().IgnoreError();
}

void Reader::EndOldSnapshot() {
  if (in_snapshot_ && generation_ != recent_.generation()) EndSnapshot();
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> Reader::FindTokens(
    std::span<const std::int64_t> handles) {
  ASSIGN_OR_RETURN(bool kept, KeepSnapshot());
  if (kept && recent_.MayHaveChanged(generation_, handles)) {
    RETURN_IF_ERROR(RenewSnapshot());
    kept = false;
  }
  std::vector<std::optional<TokenRow>> found;
  RETURN_IF_ERROR(LookUp(handles, found));
  const bool all =
      std::all_of(found.begin(), found.end(), [](const auto& row) { return row.has_value(); });
  if (all || !kept) return found;
  RETURN_IF_ERROR(RenewSnapshot());
  RETURN_IF_ERROR(LookUp(handles, found));
  return found;
}

absl::Status Reader::LookUp(std::span<const std::int64_t> handles,
                            std::vector<std::optional<TokenRow>>& found) {
  found.clear();
  found.reserve(handles.size());
  for (const std::int64_t handle : handles) {
    ASSIGN_OR_RETURN(found.emplace_back(), One(token_.Bind(handle), TokenFrom));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> Reader::FindTokensByPanIndex(
    std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
    std::span<const std::string> pan_indexes) {
  return FindByKey(pan_indexes, [&](const std::string& pan_index) {
    return token_by_pan_index_.Bind(NullableBlob{pan_index}, Text{tenant}, profile, index_version);
  });
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> Reader::FindTokensByDigits(
    std::string_view tenant, std::uint16_t profile, std::span<const std::string> digits) {
  return FindByKey(digits, [&](const std::string& wanted) {
    return token_by_digits_.Bind(NullableBlob{wanted}, Text{tenant}, profile);
  });
}

template <typename Query>
absl::StatusOr<std::vector<std::optional<TokenRow>>> Reader::FindByKey(
    std::span<const std::string> keys, Query query) {
  ASSIGN_OR_RETURN(const bool kept, KeepSnapshot());
  std::vector<std::optional<TokenRow>> found;
  const auto look_up = [&]() -> absl::Status {
    found.clear();
    found.reserve(keys.size());
    for (const std::string& key : keys) {
      ASSIGN_OR_RETURN(found.emplace_back(), One(query(key), TokenFrom));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(look_up());
  if (!kept) return found;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool right = found[i].has_value()
                           ? !recent_.MayHaveChanged(generation_, {&found[i]->handle, 1})
                           : !recent_.MayHave(generation_, keys[i]);
    if (right) continue;
    RETURN_IF_ERROR(RenewSnapshot());
    RETURN_IF_ERROR(look_up());
    break;
  }
  return found;
}

absl::StatusOr<std::vector<TokenRow>> Reader::ReadTokens(std::int64_t after, std::size_t limit) {
  EndSnapshot();
  return All(tokens_after_.Bind(after, limit), TokenFrom);
}

absl::StatusOr<std::vector<TokenRow>> Reader::FindEndedTokens(std::string_view tenant,
                                                              std::uint16_t profile,
                                                              std::uint8_t state,
                                                              std::int64_t by_ms,
                                                              std::size_t limit) {
  EndSnapshot();
  return All(ended_tokens_.Bind(Text{tenant}, profile, state, by_ms, limit), TokenFrom);
}

absl::StatusOr<TokenList> Reader::ListTokens(std::string_view tenant, std::uint16_t profile,
                                             std::span<const MetadataValue> filter,
                                             std::optional<std::uint8_t> state, std::int64_t after,
                                             std::size_t limit) {
  // One for all that is read, so that no entry of the index is older or newer than its row.
  RETURN_IF_ERROR(RenewSnapshot());
  if (filter.empty()) return ListByHandle(tenant, profile, state, after, limit);
  TokenList list;
  std::int64_t next = after + 1;  // the least handle that may be one
  std::size_t agreeing = 0;       // how many of the filter's last values have it
  for (std::size_t step = 0;; ++step) {
    if (step == kMostSteps) {
      list.last = next - 1;
      return list;
    }
    const MetadataValue& value = filter[step % filter.size()];
    Execution entry =
        handle_by_metadata_.Bind(Text{value.value}, Text{value.field}, Text{tenant}, profile, next);
    ASSIGN_OR_RETURN(const bool found, entry.Step());
    if (!found) return list;
    const std::int64_t handle = entry.Integer(0);
    agreeing = handle == next ? agreeing + 1 : 1;
    next = handle;
    if (agreeing < filter.size()) continue;
    ASSIGN_OR_RETURN(std::optional<TokenRow> row, One(token_.Bind(handle), TokenFrom));
    if (!row.has_value()) {
      return Error(Reason::kIntegrityFailure, "the index over metadata is not what was written");
    }
    ++next;
    agreeing = 0;
    if (state.value_or(row->state) != row->state) continue;
    list.rows.push_back(*std::move(row));
    if (list.rows.size() == limit) {
      list.last = handle;
      return list;
    }
  }
}

absl::StatusOr<TokenList> Reader::ListByHandle(std::string_view tenant, std::uint16_t profile,
                                               std::optional<std::uint8_t> state,
                                               std::int64_t after, std::size_t limit) {
  TokenList list;
  std::int64_t last = after;
  Execution row = tokens_after_.Bind(after, kMostSteps);
  for (std::size_t step = 0; step < kMostSteps; ++step) {
    ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return list;
    last = row.Integer(0);
    if (row.Integer(2) != profile || row.Bytes(1) != tenant) continue;
    if (state.has_value() && row.Integer(8) != *state) continue;
    list.rows.push_back(TokenFrom(row));
    if (list.rows.size() == limit) break;
  }
  list.last = last;
  return list;
}

absl::StatusOr<std::uint64_t> Reader::CountMetadata() {
  EndSnapshot();
  Execution row = metadata_entries_.Bind();
  RETURN_IF_ERROR(row.Step().status());
  return static_cast<std::uint64_t>(row.Integer(0));
}

absl::StatusOr<std::vector<KeyVersionRow>> Reader::ListKeyVersions() {
  EndSnapshot();
  return All(key_versions_.Bind(), KeyVersionFrom);
}

absl::StatusOr<std::vector<PartnerKeyRow>> Reader::ListPartnerKeys() {
  EndSnapshot();
  return All(partner_keys_.Bind(), PartnerKeyFrom);
}

absl::StatusOr<std::optional<IdempotencyRow>> Reader::FindIdempotency(std::string_view principal,
                                                                      std::string_view request_id,
                                                                      std::int64_t now_ms) {
  EndSnapshot();
  return One(idempotency_.Bind(Text{request_id}, Text{principal}, now_ms), IdempotencyFrom);
}

absl::StatusOr<FrontierRow> Reader::ReadFrontier() {
  EndSnapshot();
  Execution row = frontier_.Bind();
  ASSIGN_OR_RETURN(const bool found, row.Step());
  FrontierRow frontier;
  if (!found) return frontier;
  frontier.size = static_cast<std::uint64_t>(row.Integer(0));
  const std::string hashes = row.Bytes(1);
  if (hashes.size() % kHashSize != 0) {
    return Error(Reason::kIntegrityFailure, "the stored frontier is damaged");
  }
  for (std::size_t at = 0; at < hashes.size(); at += kHashSize) {
    frontier.hashes.push_back(hashes.substr(at, kHashSize));
  }
  return frontier;
}

absl::StatusOr<std::vector<LeafRow>> Reader::ReadLeaves(std::uint64_t first, std::size_t limit) {
  EndSnapshot();
  return All(leaves_.Bind(first, limit), LeafFrom);
}

absl::StatusOr<std::vector<std::pair<std::uint64_t, std::string>>> Reader::ReadLeafHashes(
    std::uint64_t first, std::size_t limit) {
  EndSnapshot();
  return All(leaf_hashes_.Bind(first, limit), [](const Execution& row) {
    return std::pair(static_cast<std::uint64_t>(row.Integer(0)), row.Bytes(1));
  });
}

absl::StatusOr<std::optional<CheckpointRow>> Reader::LatestCheckpoint() {
  EndSnapshot();
  return One(checkpoint_.Bind(), CheckpointFrom);
}

}  // namespace keysvc::store
