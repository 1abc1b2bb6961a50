#ifndef KEYSVC_TOKENIZER_EMV_FORMAT_H_
#define KEYSVC_TOKENIZER_EMV_FORMAT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tokenizer/card_data.h"

namespace keysvc::tokenizer {

// Numbers that begin with the same digits and are equally long.
struct IssuedRange {
  std::string prefix;
  std::size_t length = 0;

  // CONFIG_INVALID unless these are 6 to 12 digits of 13 to 19, at least six are left beside the
  // check digit, and no card network is known to issue such numbers (issuer_ranges.h).
  absl::Status Check() const;
  // Whether such a number begins as those of the range and is as long.
  bool Contains(std::string_view digits) const;
  bool Overlaps(const IssuedRange& other) const;
};

// The range in what EmvFormat::ToString gave; nullopt in other texts.
std::optional<IssuedRange> IssuedRangeOf(std::string_view token_format);

// What the tokens of an EMV profile are, after the EMV Payment Tokenisation framework without
// claiming to conform to it: numbers with a right Luhn check digit, in a range that is the
// operator's and has no cards, made for one token requestor and valid until the end of a month. The
// data key of a profile is bound to its format.
struct EmvFormat {
  IssuedRange range = {};
  // What makes the range the operator's: 20 to 200 printable ASCII characters, at most 11 of them
  // digits. Recorded with the key.
  std::string attestation = {};
  std::string token_requestor_id = {};  // 11 digits, the first 3 the token service provider's code
  unsigned months_valid = 0;            // after the month of its making, 1 to 120

  // CONFIG_INVALID says what is wrong; the range included.
  absl::Status Check() const;

  // The last month of a token that is made then (UTC).
  Expiry ExpiryOf(absl::Time created) const;

  // One spelling for each format (docs/formats.md).
  std::string ToString() const;
};

// The first moment after the month (UTC).
absl::Time EndOf(const Expiry& month);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_EMV_FORMAT_H_
