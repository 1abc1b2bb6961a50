#include "policy/limits.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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

bool MeetsSignatures(Action action) {
  return action == Action::kSign || action == Action::kSignDigest || action == Action::kSignJws ||
         action == Action::kSignHttpMessage || action == Action::kSignWebhook ||
         action == Action::kSignCose;
}

std::string Describe(const Limits& limits, Action action) {
  std::vector<std::string> all;
  if (MeetsMisses(action)) {
    all.push_back(
        absl::StrCat(limits.misses.count, " misses in 1h or ", limits.misses.percent, " %"));
  }
  if (MeetsGuesses(action)) {
    all.push_back(absl::StrCat(limits.guesses.count, " cards of one BIN and last four in 24h",
                               action == Action::kTokenize || action == Action::kConvertToken ||
                                       action == Action::kUpdateTokenCard
                                   ? " where tokens are deterministic"
                                   : ""));
  }
  if (MeetsReveals(action)) {
    for (const Budget& reveals : limits.reveals) all.push_back(TextOf(reveals, " reveals in "));
    if (limits.distinct_cards.has_value()) {
      all.push_back(TextOf(*limits.distinct_cards, " cards in "));
    }
  }
  if (MeetsSignatures(action)) {
    for (const Budget& own : limits.signatures) all.push_back(TextOf(own, " signatures in "));
    for (const Budget& of_key : limits.key_signatures) {
      all.push_back(TextOf(of_key, " signatures by the key in "));
    }
  }
  return absl::StrJoin(all, ", ");
}

}  // namespace keysvc::policy
