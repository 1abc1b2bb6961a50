#ifndef KEYSVC_TOKENIZER_BUDGETS_H_
#define KEYSVC_TOKENIZER_BUDGETS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "policy/gate.h"
#include "status/reason.h"
#include "tokenizer/distinct_cards.h"
#include "tokenizer/look_alikes.h"
#include "tokenizer/sliding_count.h"

namespace keysvc::tokenizer {

// Whether an outcome is one by which guesses at tokens, at what they are for, and at cards that
// have some, are told; `reason` as the log has it.
bool IsMiss(std::string_view reason);

// What each caller has used up of the limits that the policy sets. In memory only, and bounded by
// the principals and rules of the policy; RecountBudgets() makes it again after a start. What is
// decided and what is counted is one step, so that no race goes over a limit. Times are of a clock
// that nobody sets. Thread-safe.
class Budgets {
 public:
  // RESOURCE_EXHAUSTED/MISSES_EXHAUSTED when the caller has named as many wrong tokens as it may:
  // then no token is looked at, right or wrong. The same, counted by itself, of cards whose tokens
  // are looked up (Action::kLookUpToken).
  absl::Status CheckMisses(const policy::Permit& permit, absl::Time now);
  // Counts that a token or a card was looked up, and says whether the caller may hear what came of
  // it; the same error once its misses are used up, be it by others of the same call.
  absl::Status CountLookUp(const policy::Permit& permit, const absl::Status& outcome,
                           absl::Time now);

  // RESOURCE_EXHAUSTED/REVEALS_EXHAUSTED when the rule's callers may not have the card of this
  // token, named in full, revealed any more. To be asked before it is opened; the permit is for the
  // token's profile.
  absl::Status CheckReveal(const policy::Permit& permit, std::string_view token, absl::Time now);
  // The same, and counts it when it may.
  absl::Status TakeReveal(const policy::Permit& permit, std::string_view token, absl::Time now);

  // A card that the answer tells of whether it is another one, such as by a token that it always
  // gets.
  struct Guess {
    std::string_view principal;
    std::string_view among;    // the profile's resource name, or what else cards are compared in
    std::string_view card;     // the same for the same card among them
    std::uint64_t masked = 0;  // Pan::ShownDigits()
  };
  // RESOURCE_EXHAUSTED/GUESSES_EXHAUSTED when the caller has tried too many cards that a masked
  // view does not tell apart; else counts this one.
  absl::Status TakeGuess(const Guess& guess, const policy::GuessLimit& limit, absl::Time now);

  // What happened before the process started, in the order in which it did.
  void AddLookUp(std::string_view principal, policy::Action action, bool missed, absl::Time time);
  void AddReveal(std::string_view principal, std::string_view rule, std::string_view token,
                 const std::optional<policy::Budget>& distinct, absl::Time time);
  void AddGuess(const Guess& guess, absl::Time time);

 private:
  struct LookUps {
    SlidingCount all;
    SlidingCount missed;
  };
  // Who looks for stolen cards finds few, and must not lose its tokens for that.
  struct LookUpsOf {
    LookUps tokens;
    LookUps cards;
  };
  struct Reveals {
    SlidingCount all;
    DistinctCards cards;
  };
  using Pair = std::pair<std::string, std::string>;

  LookUps& LookUpsBy(std::string_view principal, policy::Action action);
  static absl::Status MissesLeft(const policy::Permit& permit, LookUps& look_ups, absl::Time now);
  absl::Status RevealsLeft(const policy::Limits& limits, Reveals& reveals, std::string_view token,
                           absl::Time now);

  std::mutex mutex_;
  std::map<std::string, LookUpsOf, std::less<>> look_ups_;  // by principal
  std::map<Pair, Reveals> reveals_;                         // by principal and rule
  std::map<Pair, LookAlikes> look_alikes_;                  // by principal and Guess::among
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_BUDGETS_H_
