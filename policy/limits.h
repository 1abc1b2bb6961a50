#ifndef KEYSVC_POLICY_LIMITS_H_
#define KEYSVC_POLICY_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "policy/action.h"

namespace keysvc::policy {

// How often something may happen: `count` times in any `window`, which is whole minutes and at most
// 24 hours.
struct Budget {
  std::uint32_t count = 0;
  absl::Duration window;
};

// What `distinct_cards` may be at most: each takes memory while its window lasts.
inline constexpr std::uint32_t kMostDistinctCards = 100'000;

// How many wrong tokens a caller may name within an hour: `count`, or `percent` of all tokens that
// it names in that hour, whichever is more. The same for itself of cards that are looked up and
// have no token.
struct MissLimit {
  std::uint32_t count = 50;
  std::uint32_t percent = 1;
};

// How many different cards that a masked view does not tell apart, being of one BIN and last four,
// a caller may turn into fingerprints or account references, or where a card always gets the same
// token into that, put behind such a token, or look up, within 24 hours: `count`, or five times
// what its other cards of that BIN explain, whichever is more.
struct GuessLimit {
  std::uint32_t count = 20;
};

// What the callers of a rule may do only so often, each caller by itself, and the keys that it is
// about. What they have done is counted elsewhere.
struct Limits {
  MissLimit misses = {};
  GuessLimit guesses = {};
  std::vector<Budget> reveals = {};  // of cards, also of one card again; shortest window first
  std::optional<Budget> distinct_cards = {};  // of tokens whose cards are revealed
  std::vector<Budget> signatures = {};        // by whichever key; shortest window first
  // By one key, of all callers of the rule together; likewise.
  std::vector<Budget> key_signatures = {};
};

// Whether calls of this action can meet the limit on misses, or on guesses.
bool MeetsMisses(Action action);
bool MeetsGuesses(Action action);
// Whether they open cards, and so meet those on reveals and distinct cards.
bool MeetsReveals(Action action);
// Whether they sign, and so meet those on signatures.
bool MeetsSignatures(Action action);

// Those that calls of this action can meet, for people: "50 misses in 1h or 1 %, 1000 reveals in
// 1h". Empty where there are none.
std::string Describe(const Limits& limits, Action action);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_LIMITS_H_
