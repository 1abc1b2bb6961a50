#include "policy/limits_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "status/macros.h"

namespace keysvc::policy {
namespace {

constexpr std::int64_t kMostMisses = 1'000'000;

bool NamesTokens(Action action) {
  switch (action) {
    case Action::kDetokenize:
    case Action::kGetToken:
    case Action::kSuspendToken:
    case Action::kResumeToken:
    case Action::kDeleteToken:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<MissLimit> ReadMisses(const YamlNode& node) {
  RETURN_IF_ERROR(node.RequireKeys({"count", "percent"}));
  MissLimit misses;
  ASSIGN_OR_RETURN(const YamlNode count, node.Get("count"));
  ASSIGN_OR_RETURN(const std::int64_t most, count.AsInteger(1, kMostMisses));
  misses.count = static_cast<std::uint32_t>(most);
  if (const std::optional<YamlNode> percent = node.Find("percent")) {
    ASSIGN_OR_RETURN(const std::int64_t share, percent->AsInteger(0, 100));
    misses.percent = static_cast<std::uint32_t>(share);
  }
  return misses;
}

}  // namespace

absl::StatusOr<Limits> ReadLimits(const YamlNode& node, std::span<const Action> actions) {
  RETURN_IF_ERROR(node.RequireKeys({"misses"}));
  Limits limits;
  if (const std::optional<YamlNode> misses = node.Find("misses")) {
    if (std::none_of(actions.begin(), actions.end(), NamesTokens)) {
      return misses->Fault("\"misses\" goes with actions that name tokens only");
    }
    ASSIGN_OR_RETURN(limits.misses, ReadMisses(*misses));
  }
  return limits;
}

}  // namespace keysvc::policy
