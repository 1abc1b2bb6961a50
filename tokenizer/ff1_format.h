#ifndef KEYSVC_TOKENIZER_FF1_FORMAT_H_
#define KEYSVC_TOKENIZER_FF1_FORMAT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keysvc::tokenizer {

// What the tokens of an FF1 profile look like: the prefix, then digits whose Luhn sum is the
// offset, so that they never pass for a card. They are the card's digits, of which the first and
// the last are kept and those between permuted, with one digit that makes the sum right: the last,
// in the place of the card's check digit, or where the last four are kept one more in front. The
// key of a profile is bound to its format.
struct Ff1Format {
  // How many digits the cards have that the profile takes, 12 to 19.
  std::size_t shortest_card = 0;
  std::size_t longest_card = 0;
  std::size_t keep_first = 0;  // 0, 6 or 8
  std::size_t keep_last = 0;   // 0 or 4
  unsigned luhn_offset = 0;    // 1 to 9
  std::string prefix = {};     // 1 to 7 letters a-z and "_", or empty

  // CONFIG_INVALID says what contradicts what: also when for any card length fewer than 10^6
  // numbers could be permuted (SP 800-38G Rev. 1), and when the last four are kept without a
  // prefix, since such a token is the whole number of another card.
  absl::Status Check() const;

  bool Takes(std::size_t card_length) const {
    return card_length >= shortest_card && card_length <= longest_card;
  }
  // How many digits of such a card are permuted.
  std::size_t PermutedDigits(std::size_t card_length) const;

  // One spelling for each format (docs/formats.md).
  std::string ToString() const;

  // Whether the tokens of a profile whose key is bound to this text, its TokenFormat(), would pass
  // for tokens of this one: nothing but prefix and Luhn offset tells whose they are.
  bool SharesMarksWith(std::string_view token_format) const;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_FF1_FORMAT_H_
