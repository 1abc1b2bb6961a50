#include "policy/limits_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "status/macros.h"

namespace keysvc::policy {
namespace {

constexpr std::int64_t kMost = 1'000'000;
constexpr std::int64_t kMostSignatures = 1'000'000'000;
constexpr absl::Duration kLongestWindow = absl::Hours(24);

absl::StatusOr<std::uint32_t> ReadCount(const YamlNode& parent, std::int64_t most) {
  ASSIGN_OR_RETURN(const YamlNode count, parent.Get("count"));
  ASSIGN_OR_RETURN(const std::int64_t value, count.AsInteger(1, most));
  return static_cast<std::uint32_t>(value);
}

absl::StatusOr<absl::Duration> ReadWindow(const YamlNode& node) {
  ASSIGN_OR_RETURN(const std::string text, node.AsString());
  std::uint32_t number = 0;
  const char unit = text.back();
  const bool canonical = text.find_first_not_of("0123456789") == text.size() - 1 &&
                         text.front() != '0' &&
                         absl::SimpleAtoi(text.substr(0, text.size() - 1), &number);
  const absl::Duration window = (unit == 'h' ? absl::Hours(1) : absl::Minutes(1)) * number;
  if (!canonical || (unit != 'h' && unit != 'm') || window > kLongestWindow) {
    return node.Fault("a window is expected: 1m to 1440m, or 1h to 24h");
  }
  return window;
}

absl::StatusOr<Budget> ReadBudget(const YamlNode& node, std::int64_t most) {
  RETURN_IF_ERROR(node.RequireKeys({"count", "window"}));
  Budget budget;
  ASSIGN_OR_RETURN(budget.count, ReadCount(node, most));
  ASSIGN_OR_RETURN(const YamlNode window, node.Get("window"));
  ASSIGN_OR_RETURN(budget.window, ReadWindow(window));
  return budget;
}

absl::StatusOr<std::vector<Budget>> ReadBudgets(const YamlNode& node, std::int64_t most) {
  ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node.Items());
  if (items.empty()) return node.Fault("the list is empty");
  std::vector<Budget> budgets;
  for (const YamlNode& item : items) {
    ASSIGN_OR_RETURN(const Budget budget, ReadBudget(item, most));
    if (!budgets.empty()) {
      const Budget& shorter = budgets.back();
      if (budget.window <= shorter.window) {
        return item.Fault("its window must be longer than that of the one before");
      }
      if (budget.count <= shorter.count) {
        return item.Fault("its count must be larger: the one before would never decide");
      }
      // How often the shorter window fits into the longer one, begun ones included.
      const std::int64_t times =
          (budget.window + shorter.window - absl::Minutes(1)) / shorter.window;
      if (budget.count >= shorter.count * times) {
        return item.Fault("it would never decide: the one before lets no more through");
      }
    }
    budgets.push_back(budget);
  }
  return budgets;
}

absl::StatusOr<MissLimit> ReadMisses(const YamlNode& node) {
  RETURN_IF_ERROR(node.RequireKeys({"count", "percent"}));
  MissLimit misses;
  ASSIGN_OR_RETURN(misses.count, ReadCount(node, kMost));
  if (const std::optional<YamlNode> percent = node.Find("percent")) {
    ASSIGN_OR_RETURN(const std::int64_t share, percent->AsInteger(0, 100));
    misses.percent = static_cast<std::uint32_t>(share);
  }
  return misses;
}

}  // namespace

absl::StatusOr<Limits> ReadLimits(const YamlNode& node, std::span<const Action> actions) {
  RETURN_IF_ERROR(node.RequireKeys(
      {"misses", "guesses", "reveals", "distinct_cards", "signatures", "key_signatures"}));
  Limits limits;
  if (const std::optional<YamlNode> misses = node.Find("misses")) {
    if (std::none_of(actions.begin(), actions.end(), MeetsMisses)) {
      return misses->Fault("\"misses\" goes with actions that name or look up tokens only");
    }
    ASSIGN_OR_RETURN(limits.misses, ReadMisses(*misses));
  }
  if (const std::optional<YamlNode> guesses = node.Find("guesses")) {
    if (std::none_of(actions.begin(), actions.end(), MeetsGuesses)) {
      return guesses->Fault(
          "\"guesses\" goes with Tokenize, LookUpToken, ConvertToken, UpdateTokenCard and "
          "FingerprintCard only");
    }
    RETURN_IF_ERROR(guesses->RequireKeys({"count"}));
    ASSIGN_OR_RETURN(limits.guesses.count, ReadCount(*guesses, kMost));
  }
  if (const std::optional<YamlNode> reveals = node.Find("reveals")) {
    if (std::none_of(actions.begin(), actions.end(), MeetsReveals)) {
      return reveals->Fault("\"reveals\" goes with Detokenize and ConvertToken only");
    }
    ASSIGN_OR_RETURN(limits.reveals, ReadBudgets(*reveals, kMost));
  }
  if (const std::optional<YamlNode> cards = node.Find("distinct_cards")) {
    if (std::none_of(actions.begin(), actions.end(), MeetsReveals)) {
      return cards->Fault("\"distinct_cards\" goes with Detokenize and ConvertToken only");
    }
    ASSIGN_OR_RETURN(limits.distinct_cards, ReadBudget(*cards, kMostDistinctCards));
    for (const Budget& reveals : limits.reveals) {
      if (reveals.window >= limits.distinct_cards->window &&
          reveals.count <= limits.distinct_cards->count) {
        return cards->Fault("it would never decide: \"reveals\" lets no more through");
      }
    }
  }
  for (const auto& [name, budgets] : {std::pair("signatures", &limits.signatures),
                                      std::pair("key_signatures", &limits.key_signatures)}) {
    const std::optional<YamlNode> signatures = node.Find(name);
    if (!signatures.has_value()) continue;
    if (std::none_of(actions.begin(), actions.end(), MeetsSignatures)) {
      return signatures->Fault("\"" + std::string(name) + "\" goes with actions that sign only");
    }
    ASSIGN_OR_RETURN(*budgets, ReadBudgets(*signatures, kMostSignatures));
  }
  return limits;
}

}  // namespace keysvc::policy
