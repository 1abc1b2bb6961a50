#include "keysvc/keys/signature_history.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "audit/entry.h"
#include "audit/recorded_entry.h"
#include "policy/action.h"
#include "policy/limits.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kService = "SigningService";

// Zero where no rule limits signatures.
absl::Duration LongestWindow(const policy::Policy& policy) {
  absl::Duration longest;
  for (const policy::Rule& rule : policy.rules) {
    for (const auto* budgets : {&rule.limits.signatures, &rule.limits.key_signatures}) {
      for (const policy::Budget& budget : *budgets) longest = std::max(longest, budget.window);
    }
  }
  return longest;
}

// What a call signed; a record of one signature has no items.
std::uint32_t SignaturesOf(const audit::Entry& record) {
  const std::optional<policy::Action> action =
      policy::ActionNamed(std::string_view(record.action).substr(kService.size() + 1));
  if (!action.has_value() || !policy::MeetsSignatures(*action)) return 0;
  // A kept answer is no other signature.
  if (record.details.contains("repetition")) return 0;
  if (record.items.empty()) return record.outcome == audit::Outcome::kSuccess ? 1 : 0;
  return static_cast<std::uint32_t>(std::count_if(
      record.items.begin(), record.items.end(),
      [](const audit::Item& item) { return item.outcome == audit::Outcome::kSuccess; }));
}

}  // namespace

absl::Status RecountSignatures(store::Store& store, const policy::Policy& policy, absl::Time now,
                               SignatureBudgets& budgets) {
  const absl::Duration window = LongestWindow(policy);
  if (window == absl::ZeroDuration()) return absl::OkStatus();
  return audit::VisitEntriesSince(
      store, now - window, kService, [&](absl::Time time, const audit::Entry& record) {
        if (const std::uint32_t signatures = SignaturesOf(record); signatures > 0) {
          budgets.Add(record.actor, record.rule, record.resource, signatures, std::min(time, now));
        }
        return absl::OkStatus();
      });
}

}  // namespace keysvc::keys
