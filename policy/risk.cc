#include "policy/risk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace keysvc::policy {

std::optional<Reveal> Narrowed(Reveal reveal, const RiskThresholds& thresholds,
                               std::optional<std::uint32_t> asserted) {
  const std::uint32_t score = asserted.value_or(kHighestRisk);
  const auto reached = [score](std::optional<std::uint32_t> from) {
    return from.has_value() && score >= *from;
  };
  if (reached(thresholds.denied_from)) return std::nullopt;
  if (reached(thresholds.last4_from)) return Reveal::kLastFour;
  if (reached(thresholds.masked_from)) return std::min(reveal, Reveal::kMasked);
  return reveal;
}

std::string Describe(const RiskThresholds& thresholds) {
  std::string text;
  const auto add = [&text](const char* what, std::optional<std::uint32_t> from) {
    if (from.has_value()) absl::StrAppend(&text, text.empty() ? "" : ", ", what, " from ", *from);
  };
  add("masked", thresholds.masked_from);
  add("last4", thresholds.last4_from);
  add("denied", thresholds.denied_from);
  return text;
}

}  // namespace keysvc::policy
