#ifndef KEYSVC_TOKENIZER_LOOK_ALIKES_H_
#define KEYSVC_TOKENIZER_LOOK_ALIKES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "absl/time/time.h"
#include "policy/limits.h"

namespace keysvc::tokenizer {

// Where a card always gets the same token, whoever has a token and the masked card that belongs to
// it can try cards until the token comes out. That takes many different cards of one BIN and last
// four, which honest traffic has few of: of the cards of a BIN, one in ten thousand has the same
// last four.
//
// The different cards that one caller turned into tokens of one profile within the last 24 hours,
// or the newest 100,000 of them, some 15 MB: both what is held against a limit and what explains it
// are of these. Not thread-safe.
class LookAlikes {
 public:
  // Whether the caller may have the token of this card: of one that it had within these hours, or
  // of one more of the masked view. `card` stands for the card and is the same for the same card;
  // `masked` is Pan::FirstSixLastFour().
  bool Admit(std::string_view card, std::uint64_t masked, const policy::GuessLimit& limit,
             absl::Time now);
  void Add(std::string_view card, std::uint64_t masked, absl::Time now);

  static constexpr std::size_t kMostCards = 100'000;
  static constexpr absl::Duration kWindow = absl::Hours(24);

 private:
  struct Seen {
    absl::Time at;
    std::size_t card;
    std::uint64_t masked;
  };

  void Forget(absl::Time now);
  void ForgetOldest();

  std::deque<Seen> seen_;  // oldest first
  std::unordered_set<std::size_t> cards_;
  std::unordered_map<std::uint64_t, std::uint32_t> of_masked_;
  std::unordered_map<std::uint64_t, std::uint32_t> of_bin_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_LOOK_ALIKES_H_
