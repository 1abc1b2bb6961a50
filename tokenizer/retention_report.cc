#include "tokenizer/retention_report.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/token_row.h"
#include "tokenizer/token_state.h"

namespace keysvc::tokenizer {
namespace {

// Some ten milliseconds, after which others on the lane have their turn.
constexpr std::size_t kRowsAtOnce = 2048;

}  // namespace

RetentionReport::RetentionReport(store::Store& store, const Profiles& profiles, KeySource& keys,
                                 std::string tenant, absl::Time now)
    : store_(store), profiles_(profiles), keys_(keys), tenant_(std::move(tenant)), now_(now) {
  for (const Profile& profile : profiles_.all()) {
    if (profile.tenant != tenant_) continue;
    by_number_[profile.number].profile = &profile;
  }
}

absl::StatusOr<bool> RetentionReport::ReadMore() {
  ASSIGN_OR_RETURN(const std::vector<store::TokenRow> rows, store_.ReadTokens(last_, kRowsAtOnce));
  if (rows.empty()) return false;
  for (const store::TokenRow& row : rows) {
    // Also those of other tenants: which tenant a row is of is only known by its MAC.
    ASSIGN_OR_RETURN(const auto row_mac, keys_.RowMacKey(row.tenant));
    RETURN_IF_ERROR(CheckRow(row, *row_mac));
    if (row.tenant == tenant_) RETURN_IF_ERROR(Count(row));
  }
  last_ = rows.back().handle;
  rows_read_ += rows.size();
  return true;
}

std::vector<ProfileRetention> RetentionReport::counted() const {
  std::vector<ProfileRetention> profiles;
  for (const auto& [number, retention] : by_number_) {
    profiles.push_back(retention);
    profiles.back().number = number;
  }
  return profiles;
}

absl::Status RetentionReport::Count(const store::TokenRow& row) {
  ProfileRetention& of = by_number_[row.profile];
  RETURN_IF_ERROR(ProveCard(row, of.profile));
  const TokenState state = StateOf(row);
  if (state == TokenState::kDeleted) {
    ++of.deleted;
    return absl::OkStatus();
  }
  const absl::Time created = absl::FromUnixMillis(row.created_ms);
  of.oldest = std::min(of.oldest.value_or(created), created);
  const absl::Time ends =
      row.ends_ms.has_value() ? absl::FromUnixMillis(*row.ends_ms) : absl::InfiniteFuture();
  if (state == TokenState::kSuspended && ends <= now_) {
    ++of.suspended;
    ++of.suspended_past_end;
    return absl::OkStatus();
  }
  if (ends <= now_) {
    ++of.ended;
    const absl::Duration grace = of.profile != nullptr ? of.profile->grace : absl::ZeroDuration();
    if (ends + grace + kErasedWithin < now_) ++of.overdue;
    return absl::OkStatus();
  }
  ++(state == TokenState::kSuspended ? of.suspended : of.active);
  if (ends == absl::InfiniteFuture()) {
    ++of.without_end;
  } else {
    of.last_end = std::max(of.last_end.value_or(ends), ends);
  }
  return absl::OkStatus();
}

absl::Status RetentionReport::ProveCard(const store::TokenRow& row, const Profile* profile) {
  if (profile == nullptr || StateOf(row) == TokenState::kDeleted) return absl::OkStatus();
  const auto data_key = keys_.DataKey(*profile, row.data_version);
  // A version whose state or period forbids its use keeps its cards all the same.
  if (ReasonOf(data_key.status()) == Reason::kKeyNotActive) return absl::OkStatus();
  RETURN_IF_ERROR(data_key.status());
  return OpenRow(row, **data_key).status();
}

}  // namespace keysvc::tokenizer
