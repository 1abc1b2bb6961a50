#ifndef KEYSVC_TOKENIZER_LOOK_ALIKES_H_
#define KEYSVC_TOKENIZER_LOOK_ALIKES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "policy/limits.h"
#include "tokenizer/count_min_sketch.h"

namespace keysvc::tokenizer {

// Where a card always gets the same token, whoever has a token and the masked card that belongs to
// it can try cards until the token comes out. That takes many different cards of one BIN and last
// four, which honest traffic has few of: of the cards of a BIN, one in ten thousand has the same
// last four.
//
// How many different cards of each masked view one caller turned into tokens of one profile in the
// running half of a day and in the two before it. However many there are, it takes at most 10 MB,
// and no flood of other cards makes it forget one: what it cannot tell apart it counts more often,
// and never less. Not thread-safe.
class LookAlikes {
 public:
  // Whether the caller may have the token of this card: of one that it had already, or of one more
  // of the masked view. Once one of a view was refused, all of it are, those that it had too: else
  // the one that is not refused were the one that is looked for. `card` stands for the card and is
  // the same for the same card; `masked` is Pan::ShownDigits().
  bool Admit(std::string_view card, std::uint64_t masked, const policy::GuessLimit& limit,
             absl::Time now);
  void Add(std::string_view card, std::uint64_t masked, absl::Time now);

  // What is counted is at least as old as this when it is counted no more, and half as old again at
  // most.
  static constexpr absl::Duration kWindow = absl::Hours(24);
  // Of the cards that are known to have been tried. All are forgotten at once when there are more
  // and count once more, so that a view of seven cards that come again and again grows by no more
  // between two times than what is allowed for the sketch.
  static constexpr std::size_t kMostCards = 7 * CountMinSketch::kWidth;

 private:
  struct HalfDay {
    CountMinSketch of_masked;
    std::unordered_map<std::uint64_t, std::uint32_t> of_bin;
    std::uint64_t all = 0;
  };

  HalfDay& Newest() { return half_days_.at(static_cast<std::size_t>(newest_) % half_days_.size()); }
  void Advance(absl::Time now);

  std::array<HalfDay, 3> half_days_;
  std::int64_t newest_ = 0;  // half days since 1970
  absl::flat_hash_set<std::size_t> cards_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_LOOK_ALIKES_H_
