#include "keysvc/keys/signature_budgets.h"

#include <algorithm>
#include <span>

#include "policy/limits.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

std::pair<std::string, std::string> PairOf(std::string_view one, std::string_view other) {
  return {std::string(one), std::string(other)};
}

}  // namespace

void SignatureBudgets::Add(std::string_view principal, std::string_view rule, std::string_view key,
                           std::uint32_t signatures, absl::Time time) {
  const std::lock_guard lock(mutex_);
  by_caller_[PairOf(principal, rule)].made.Add(time, signatures);
  by_key_[PairOf(rule, key)].made.Add(time, signatures);
}

SigningAllowance::SigningAllowance(SignatureBudgets& budgets, const policy::Permit& permit,
                                   std::string_view key, std::size_t wanted, absl::Time now)
    : budgets_(budgets) {
  const policy::Limits& limits = permit.limits();
  const std::lock_guard lock(budgets_.mutex_);
  caller_ = &budgets_.by_caller_[PairOf(permit.caller().principal, permit.rule())];
  key_ = &budgets_.by_key_[PairOf(permit.rule(), key)];
  const auto left = [now](SignatureBudgets::Count& count, std::span<const policy::Budget> budget) {
    const std::uint64_t most = count.made.Left(budget, now);
    return most - std::min(most, count.pending);
  };
  const std::uint64_t of_caller = left(*caller_, limits.signatures);
  const std::uint64_t of_key = left(*key_, limits.key_signatures);
  size_ = std::min<std::uint64_t>({wanted, of_caller, of_key});
  if (size_ < wanted) {
    refusal_ = Error(Reason::kSignaturesExhausted,
                     of_caller <= of_key ? "the rule lets the caller sign no more for now"
                                         : "the rule lets the key sign no more for now");
  }
  caller_->pending += size_;
  key_->pending += size_;
}

SigningAllowance::~SigningAllowance() { Spend(0, absl::InfinitePast()); }

void SigningAllowance::Spend(std::size_t made, absl::Time now) {
  if (size_ == 0) return;
  const std::lock_guard lock(budgets_.mutex_);
  for (SignatureBudgets::Count* count : {caller_, key_}) {
    count->pending -= size_;
    if (made > 0) count->made.Add(now, static_cast<std::uint32_t>(made));
  }
  size_ = 0;
}

}  // namespace keysvc::keys
