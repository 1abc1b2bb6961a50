#include "policy/limits.h"

#include "absl/strings/str_cat.h"

namespace keysvc::policy {
namespace {

std::string TextOf(const Budget& budget, const char* what) {
  return absl::StrCat(budget.count, what, absl::FormatDuration(budget.window));
}

}  // namespace

bool MeetsMisses(Action action) { return NamesTokens(action) || action == Action::kLookUpToken; }

bool MeetsGuesses(Action action) {
  return action == Action::kTokenize || action == Action::kLookUpToken ||
         action == Action::kConvertToken || action == Action::kUpdateTokenCard ||
         action == Action::kFingerprintCard;
}

bool MeetsReveals(Action action) {
  return action == Action::kDetokenize || action == Action::kConvertToken;
}

std::string Describe(const Limits& limits, Action action) {
  std::string text;
  if (MeetsMisses(action)) {
    absl::StrAppend(&text, limits.misses.count, " misses in 1h or ", limits.misses.percent, " %");
  }
  if (MeetsGuesses(action)) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", limits.guesses.count,
                    " cards of one BIN and last four in 24h",
                    action == Action::kTokenize || action == Action::kConvertToken ||
                            action == Action::kUpdateTokenCard
                        ? " where tokens are deterministic"
                        : "");
  }
  if (!MeetsReveals(action)) return text;
  for (const Budget& reveals : limits.reveals) {
    absl::StrAppend(&text, ", ", TextOf(reveals, " reveals in "));
  }
  if (limits.distinct_cards.has_value()) {
    absl::StrAppend(&text, ", ", TextOf(*limits.distinct_cards, " cards in "));
  }
  return text;
}

}  // namespace keysvc::policy
