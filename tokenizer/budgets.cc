#include "tokenizer/budgets.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "audit/recorded_entry.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

// The longest window that anything is counted in.
constexpr absl::Duration kLongestWindow = absl::Hours(1);

// What looks tokens up, as records call it.
constexpr auto kLookUps = std::to_array<std::string_view>(
    {"TokenService.Detokenize", "TokenService.GetToken", "TokenService.SuspendToken",
     "TokenService.ResumeToken", "TokenService.DeleteToken"});

absl::Status MissesExhausted() {
  return Error(Reason::kMissesExhausted, "too many tokens that there are not; no token is read");
}

bool IsExhausted(SlidingCount& missed, SlidingCount& looked_up, const policy::MissLimit& limit,
                 absl::Time now) {
  const std::uint64_t share = looked_up.At(now) * limit.percent / 100;
  return missed.At(now) >= std::max<std::uint64_t>(limit.count, share);
}

}  // namespace

absl::Status Budgets::CountRecords(store::Store& store, absl::Time now) {
  return audit::VisitEntriesSince(store, now - kLongestWindow, "TokenService",
                                  [&](absl::Time time, const audit::Entry& record) {
                                    Count(record, std::min(time, now));
                                    return absl::OkStatus();
                                  });
}

absl::Status Budgets::CheckMisses(const policy::Permit& permit, absl::Time now) {
  const std::lock_guard lock(mutex_);
  Used& used = used_[permit.caller().principal];
  if (IsExhausted(used.missed, used.looked_up, permit.limits().misses, now)) {
    return MissesExhausted();
  }
  return absl::OkStatus();
}

absl::Status Budgets::CountLookUp(const policy::Permit& permit, const absl::Status& outcome,
                                  absl::Time now) {
  const std::lock_guard lock(mutex_);
  Used& used = used_[permit.caller().principal];
  if (IsExhausted(used.missed, used.looked_up, permit.limits().misses, now)) {
    return MissesExhausted();
  }
  const bool missed = ReasonOf(outcome) == Reason::kTokenNotFound;
  if (outcome.ok() || missed) used.looked_up.Add(now);
  if (missed) used.missed.Add(now);
  return absl::OkStatus();
}

void Budgets::Count(const audit::Entry& record, absl::Time time) {
  if (std::ranges::find(kLookUps, record.action) == kLookUps.end()) return;
  // A kept answer looks nothing up.
  if (record.details.contains("repetition")) return;
  const std::string_view not_found = InfoOf(Reason::kTokenNotFound).name;
  Used& used = used_[record.actor];
  for (const audit::Item& item : record.items) {
    const bool missed = item.reason == not_found;
    if (item.outcome == audit::Outcome::kSuccess || missed) used.looked_up.Add(time);
    if (missed) used.missed.Add(time);
  }
}

}  // namespace keysvc::tokenizer
