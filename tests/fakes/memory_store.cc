#include "tests/fakes/memory_store.h"

#include <algorithm>
#include <cstddef>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::testing {

using store::CheckpointRow;
using store::FrontierRow;
using store::IdempotencyRow;
using store::KeyVersionRow;
using store::LeafRow;
using store::Mutation;
using store::PartnerKeyRow;
using store::TokenRow;

namespace {

// Where a row gave up its PAN index.
constexpr std::int64_t kNoHandle = 0;

auto PanIndexOf(const TokenRow& row) {
  return std::tuple(row.tenant, row.profile, row.index_version, row.pan_index);
}
auto DigitsOf(const TokenRow& row) { return std::tuple(row.tenant, row.profile, row.digits); }
auto NameOf(const KeyVersionRow& row) { return std::tuple(row.tenant, row.key, row.version); }
auto NameOf(const PartnerKeyRow& row) { return std::pair(row.tenant, row.key); }

// The row in the first of the layers that has it: what is newer comes before what it changes.
template <typename Map, typename... Older>
const typename Map::mapped_type* Look(const typename Map::key_type& key, const Map& newest,
                                      const Older&... older) {
  if (const auto found = newest.find(key); found != newest.end()) return &found->second;
  if constexpr (sizeof...(older) > 0) return Look(key, older...);
  return nullptr;
}

template <typename Map>
void Overlay(Map own, Map& committed) {
  for (auto& [key, value] : own) committed.insert_or_assign(key, std::move(value));
}

void OverlayRows(MemoryStore::Rows own, MemoryStore::Rows& rows) {
  Overlay(std::move(own.tokens), rows.tokens);
  Overlay(std::move(own.pan_indexes), rows.pan_indexes);
  Overlay(std::move(own.digits), rows.digits);
  Overlay(std::move(own.keys), rows.keys);
  Overlay(std::move(own.partner_keys), rows.partner_keys);
  Overlay(std::move(own.idempotency), rows.idempotency);
  Overlay(std::move(own.leaves), rows.leaves);
  Overlay(std::move(own.checkpoints), rows.checkpoints);
  if (own.frontier.has_value()) rows.frontier = std::move(own.frontier);
}

}  // namespace

class MemoryStore::Transaction : public store::WriteTransaction {
 public:
  explicit Transaction(MemoryStore& store) : store_(store) {}
  ~Transaction() override {
    const std::lock_guard lock(store_.mutex_);
    store_.transaction_open_ = false;
  }

  absl::StatusOr<Applied> Apply(const Mutation& mutation, std::int64_t now_ms) override {
    const std::lock_guard lock(store_.mutex_);
    RETURN_IF_ERROR(store_.TakeFault(Step::kApply));
    const Rows& committed = store_.rows_;
    Rows next;  // of this mutation alone: groups are long
    for (const TokenRow& row : mutation.tokens) {
      const TokenRow* stored = Look(row.handle, next.tokens, own_.tokens, committed.tokens);
      if (row.revision > 1) {
        if (stored == nullptr || row.revision != stored->revision + 1) return Applied::kConflict;
        TokenRow changed = row;
        changed.leaf_index = stored->leaf_index;
        changed.digits = stored->digits;
        if (row.pan_index != stored->pan_index) {
          if (!row.pan_index.empty() && !TakePanIndex(row, next)) return Applied::kConflict;
          if (!stored->pan_index.empty()) next.pan_indexes[PanIndexOf(*stored)] = kNoHandle;
        }
        next.tokens[row.handle] = std::move(changed);
        continue;
      }
      if (stored != nullptr) return Error(Reason::kInternal, "a handle was used twice");
      if (!row.pan_index.empty() && !TakePanIndex(row, next)) return Applied::kConflict;
      if (!row.digits.empty()) {
        const auto key = DigitsOf(row);
        if (Look(key, next.digits, own_.digits, committed.digits) != nullptr)
          return Applied::kConflict;
        next.digits[key] = row.handle;
      }
      next.tokens[row.handle] = row;
    }
    for (const KeyVersionRow& row : mutation.keys) {
      const KeyVersionRow* stored = Look(NameOf(row), next.keys, own_.keys, committed.keys);
      if (row.revision != (stored == nullptr ? 0 : stored->revision) + 1) {
        return Applied::kConflict;
      }
      next.keys[NameOf(row)] = row;
    }
    for (const PartnerKeyRow& row : mutation.partner_keys) {
      const PartnerKeyRow* stored =
          Look(NameOf(row), next.partner_keys, own_.partner_keys, committed.partner_keys);
      if (row.revision != (stored == nullptr ? 0 : stored->revision) + 1) {
        return Applied::kConflict;
      }
      next.partner_keys[NameOf(row)] = row;
    }
    if (mutation.idempotency.has_value()) {
      const IdempotencyRow& row = *mutation.idempotency;
      const std::pair key(row.principal, row.request_id);
      const IdempotencyRow* stored =
          Look(key, next.idempotency, own_.idempotency, committed.idempotency);
      if (stored != nullptr && stored->expires_ms > now_ms) return Applied::kConflict;
      next.idempotency[key] = row;
    }
    OverlayRows(std::move(next), own_);
    return Applied::kYes;
  }

  absl::Status AppendLeaf(const LeafRow& leaf) override {
    const std::lock_guard lock(store_.mutex_);
    RETURN_IF_ERROR(store_.TakeFault(Step::kAppendLeaf));
    if (Look(leaf.index, own_.leaves, store_.rows_.leaves) != nullptr) {
      return Error(Reason::kInternal, "a leaf was written twice");
    }
    own_.leaves[leaf.index] = leaf;
    return absl::OkStatus();
  }

  absl::Status PutFrontier(const FrontierRow& frontier) override {
    const std::lock_guard lock(store_.mutex_);
    RETURN_IF_ERROR(store_.TakeFault(Step::kPutFrontier));
    own_.frontier = frontier;
    return absl::OkStatus();
  }

  absl::Status PutCheckpoint(const CheckpointRow& checkpoint) override {
    const std::lock_guard lock(store_.mutex_);
    RETURN_IF_ERROR(store_.TakeFault(Step::kPutCheckpoint));
    own_.checkpoints[checkpoint.size] = checkpoint;
    return absl::OkStatus();
  }

  absl::Status Commit() override {
    std::unique_lock lock(store_.mutex_);
    ++store_.held_commits_;
    store_.changed_.notify_all();
    store_.changed_.wait(lock, [this] { return !store_.hold_commits_; });
    --store_.held_commits_;

    std::optional<CommitFault> fault;
    if (!store_.commit_faults_.empty()) {
      fault = store_.commit_faults_.front();
      store_.commit_faults_.erase(store_.commit_faults_.begin());
    }
    if (fault == CommitFault::kRefused) {
      return Error(Reason::kStoreUnavailable, "the fake store refused the commit");
    }
    if (fault != CommitFault::kLostAndUnknown) Write();
    if (fault.has_value()) {
      return Error(Reason::kOutcomeUnknown,
                   "the fake store does not say what became of the commit");
    }
    return absl::OkStatus();
  }

 private:
  // False when another row has it: one of the mutation, also where it gives it up, or an older one.
  bool TakePanIndex(const TokenRow& row, Rows& next) const {
    const auto key = PanIndexOf(row);
    const std::int64_t* taken = Look(key, own_.pan_indexes, store_.rows_.pan_indexes);
    if (taken != nullptr && *taken != kNoHandle) return false;
    return next.pan_indexes.emplace(key, row.handle).second;
  }

  void Write() {
    OverlayRows(std::exchange(own_, Rows()), store_.rows_);
    ++store_.commits_;
  }

  MemoryStore& store_;
  Rows own_;
};

void MemoryStore::Fail(Step step, int times) {
  const std::lock_guard lock(mutex_);
  faults_[step] = times;
}

void MemoryStore::FailCommit(CommitFault fault, int times) {
  const std::lock_guard lock(mutex_);
  commit_faults_.insert(commit_faults_.end(), static_cast<std::size_t>(times), fault);
}

void MemoryStore::Heal() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
  commit_faults_.clear();
  hold_commits_ = false;
  changed_.notify_all();
}

void MemoryStore::HoldCommits() {
  const std::lock_guard lock(mutex_);
  hold_commits_ = true;
}

void MemoryStore::ReleaseCommits() {
  const std::lock_guard lock(mutex_);
  hold_commits_ = false;
  changed_.notify_all();
}

void MemoryStore::AwaitHeldCommit() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return hold_commits_ && held_commits_ > 0; });
}

void MemoryStore::Tamper(const std::function<void(Rows&)>& change) {
  const std::lock_guard lock(mutex_);
  change(rows_);
}

MemoryStore::Rows MemoryStore::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

int MemoryStore::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

int MemoryStore::reopens() const {
  const std::lock_guard lock(mutex_);
  return reopens_;
}

absl::Status MemoryStore::TakeFault(Step step) {
  int& left = faults_[step];
  if (left == 0) return absl::OkStatus();
  --left;
  return Error(Reason::kStoreUnavailable, "the fake store was told to fail");
}

absl::StatusOr<std::unique_ptr<store::WriteTransaction>> MemoryStore::Begin() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kBegin));
  if (transaction_open_) return Error(Reason::kInternal, "a write transaction is open");
  transaction_open_ = true;
  return std::unique_ptr<store::WriteTransaction>(std::make_unique<Transaction>(*this));
}

absl::Status MemoryStore::Reopen() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kReopen));
  if (transaction_open_) return Error(Reason::kInternal, "a write transaction is open");
  ++reopens_;
  return absl::OkStatus();
}

std::int64_t MemoryStore::AllocateHandles(std::size_t count) {
  const std::lock_guard lock(mutex_);
  return std::exchange(next_handle_, next_handle_ + static_cast<std::int64_t>(count));
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> MemoryStore::FindTokens(
    std::span<const std::int64_t> handles) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<std::optional<TokenRow>> found;
  for (const std::int64_t handle : handles) {
    const auto row = rows_.tokens.find(handle);
    found.push_back(row == rows_.tokens.end() ? std::nullopt : std::optional(row->second));
  }
  return found;
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> MemoryStore::FindTokensByPanIndex(
    std::string_view tenant, std::uint16_t profile, std::uint32_t index_version,
    std::span<const std::string> pan_indexes) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<std::optional<TokenRow>> found;
  for (const std::string& pan_index : pan_indexes) {
    const auto handle =
        rows_.pan_indexes.find(std::tuple(std::string(tenant), profile, index_version, pan_index));
    found.push_back(handle == rows_.pan_indexes.end() || handle->second == kNoHandle
                        ? std::nullopt
                        : std::optional(rows_.tokens.at(handle->second)));
  }
  return found;
}

absl::StatusOr<std::vector<std::optional<TokenRow>>> MemoryStore::FindTokensByDigits(
    std::string_view tenant, std::uint16_t profile, std::span<const std::string> digits) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<std::optional<TokenRow>> found;
  for (const std::string& wanted : digits) {
    const auto handle = rows_.digits.find(std::tuple(std::string(tenant), profile, wanted));
    found.push_back(handle == rows_.digits.end() ? std::nullopt
                                                 : std::optional(rows_.tokens.at(handle->second)));
  }
  return found;
}

absl::StatusOr<std::vector<TokenRow>> MemoryStore::ReadTokens(std::int64_t after,
                                                              std::size_t limit) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<TokenRow> found;
  for (auto row = rows_.tokens.upper_bound(after); row != rows_.tokens.end(); ++row) {
    if (found.size() == limit) break;
    found.push_back(row->second);
  }
  return found;
}

absl::StatusOr<std::vector<TokenRow>> MemoryStore::FindEndedTokens(std::string_view tenant,
                                                                   std::uint16_t profile,
                                                                   std::uint8_t state,
                                                                   std::int64_t by_ms,
                                                                   std::size_t limit) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<TokenRow> found;
  for (const auto& [handle, row] : rows_.tokens) {
    if (row.tenant == tenant && row.profile == profile && row.state == state &&
        row.ends_ms.has_value() && *row.ends_ms <= by_ms) {
      found.push_back(row);
    }
  }
  std::ranges::stable_sort(found, {}, [](const TokenRow& row) { return *row.ends_ms; });
  if (found.size() > limit)
    found.erase(found.begin() + static_cast<std::ptrdiff_t>(limit), found.end());
  return found;
}

absl::StatusOr<store::TokenList> MemoryStore::ListTokens(
    std::string_view tenant, std::uint16_t profile, std::span<const store::MetadataValue> filter,
    std::optional<std::uint8_t> state, std::int64_t after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  store::TokenList list;
  for (auto row = rows_.tokens.upper_bound(after); row != rows_.tokens.end(); ++row) {
    if (row->second.tenant != tenant || row->second.profile != profile) continue;
    const auto values = store::MetadataOf(row->second.metadata);
    const bool fits = std::all_of(filter.begin(), filter.end(), [&](const auto& wanted) {
      return std::find(values.begin(), values.end(), wanted) != values.end();
    });
    if (!fits || state.value_or(row->second.state) != row->second.state) continue;
    list.rows.push_back(row->second);
    if (list.rows.size() < limit) continue;
    list.last = row->first;
    break;
  }
  return list;
}

absl::StatusOr<std::uint64_t> MemoryStore::CountMetadata() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::uint64_t entries = 0;
  for (const auto& [handle, row] : rows_.tokens) entries += store::MetadataOf(row.metadata).size();
  return entries;
}

absl::StatusOr<std::vector<KeyVersionRow>> MemoryStore::ListKeyVersions() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<KeyVersionRow> found;
  for (const auto& [name, row] : rows_.keys) found.push_back(row);
  return found;
}

absl::StatusOr<std::vector<PartnerKeyRow>> MemoryStore::ListPartnerKeys() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<PartnerKeyRow> found;
  for (const auto& [name, row] : rows_.partner_keys) found.push_back(row);
  return found;
}

absl::StatusOr<std::optional<IdempotencyRow>> MemoryStore::FindIdempotency(
    std::string_view principal, std::string_view request_id, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  const auto found =
      rows_.idempotency.find(std::pair(std::string(principal), std::string(request_id)));
  if (found == rows_.idempotency.end() || found->second.expires_ms <= now_ms) return std::nullopt;
  return found->second;
}

absl::StatusOr<FrontierRow> MemoryStore::ReadFrontier() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  return rows_.frontier.value_or(FrontierRow());
}

absl::StatusOr<std::vector<LeafRow>> MemoryStore::ReadLeaves(std::uint64_t first,
                                                             std::size_t limit) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  std::vector<LeafRow> found;
  for (auto row = rows_.leaves.lower_bound(first); row != rows_.leaves.end(); ++row) {
    if (found.size() == limit) break;
    found.push_back(row->second);
  }
  return found;
}

absl::Status MemoryStore::VisitLeafHashes(
    std::uint64_t first, std::uint64_t end,
    const std::function<absl::Status(std::uint64_t index, std::string_view hash)>& visit) {
  const Rows rows = Snapshot();
  {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(TakeFault(Step::kRead));
  }
  for (std::uint64_t index = first; index < end; ++index) {
    const auto leaf = rows.leaves.find(index);
    if (leaf == rows.leaves.end()) return Error(Reason::kIntegrityFailure, "a leaf is missing");
    RETURN_IF_ERROR(visit(index, leaf->second.leaf_hash));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CheckpointRow>> MemoryStore::LatestCheckpoint() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(TakeFault(Step::kRead));
  if (rows_.checkpoints.empty()) return std::nullopt;
  return rows_.checkpoints.rbegin()->second;
}

}  // namespace keysvc::testing
