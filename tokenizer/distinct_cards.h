#ifndef KEYSVC_TOKENIZER_DISTINCT_CARDS_H_
#define KEYSVC_TOKENIZER_DISTINCT_CARDS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "absl/time/time.h"
#include "policy/limits.h"

namespace keysvc::tokenizer {

// Which cards were revealed lately, by their tokens: two tokens of one card are two. Holds no
// more than kMostDistinctCards. Not thread-safe.
class DistinctCards {
 public:
  // Whether the card was there within the window, or one more may be.
  bool Admit(std::string_view token, const policy::Budget& budget, absl::Time now);
  void Add(std::string_view token, const policy::Budget& budget, absl::Time now);

 private:
  // The first minute of the window that ends now.
  std::int64_t Advance(const policy::Budget& budget, absl::Time now);
  // At most once a minute, since it looks at every card.
  void ForgetBefore(std::int64_t oldest);

  std::unordered_map<std::size_t, std::int64_t> minute_of_;  // the last one, by a hash of the token
  std::int64_t newest_ = 0;                                  // minutes since 1970
  std::int64_t swept_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_DISTINCT_CARDS_H_
