#include "policy/risk_file.h"

#include <cstdint>
#include <optional>
#include <string_view>

#include "status/macros.h"

namespace keysvc::policy {
namespace {

// The score under `key`, higher than all before it; nullopt where there is none. `highest` is that
// of those before.
absl::StatusOr<std::optional<std::uint32_t>> ReadThreshold(const YamlNode& parent,
                                                           std::string_view key, bool narrows,
                                                           std::uint32_t& highest) {
  const std::optional<YamlNode> node = parent.Find(key);
  if (!node.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::int64_t value, node->AsInteger(1, kHighestRisk));
  const auto score = static_cast<std::uint32_t>(value);
  if (!narrows) return node->Fault("it narrows nothing: the rule reveals no more than that");
  if (score <= highest) return node->Fault("it must be higher than that of what shows more");
  highest = score;
  return score;
}

}  // namespace

absl::StatusOr<RiskThresholds> ReadRisk(const YamlNode& node, Reveal reveal) {
  RETURN_IF_ERROR(node.RequireKeys({"masked_from", "last4_from", "denied_from"}));
  RiskThresholds thresholds;
  std::uint32_t highest = 0;
  ASSIGN_OR_RETURN(thresholds.masked_from,
                   ReadThreshold(node, "masked_from", reveal > Reveal::kMasked, highest));
  ASSIGN_OR_RETURN(thresholds.last4_from,
                   ReadThreshold(node, "last4_from", reveal > Reveal::kLastFour, highest));
  ASSIGN_OR_RETURN(thresholds.denied_from, ReadThreshold(node, "denied_from", true, highest));
  if (thresholds.empty()) {
    return node.Fault("one of \"masked_from\", \"last4_from\" and \"denied_from\" is expected");
  }
  return thresholds;
}

}  // namespace keysvc::policy
