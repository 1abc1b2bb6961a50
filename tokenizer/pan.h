#ifndef KEYSVC_TOKENIZER_PAN_H_
#define KEYSVC_TOKENIZER_PAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"

namespace keysvc::tokenizer {

constexpr std::size_t kShortestPan = 12;
constexpr std::size_t kLongestPan = 19;

// A primary account number (ISO/IEC 7812-1): 12 to 19 ASCII digits with a right Luhn check digit,
// not all the same. A secret: moves, never copies, prints nowhere; never held as an integer.
class Pan {
 public:
  // INVALID_ARGUMENT/PAN_INVALID, field "card.pan", for anything else; the message never says which
  // digits.
  static absl::StatusOr<Pan> Parse(crypto::ByteView digits);

  std::size_t length() const { return digits_.size(); }
  crypto::ByteView Expose(crypto::SecretAccess access) const { return digits_.Expose(access); }

  // First six and last four, "*" between (PCI DSS 3.4.1); of numbers shorter than 14 digits only
  // the last four, so that never fewer than four digits are hidden (truncation, PCI SSC FAQ 1091).
  // May be shown to those who may see masked cards.
  std::string Masked() const;
  // "*" for all but the last four.
  std::string LastFour() const;
  // The digits that Masked() shows, as a number: what whoever saw a masked card knows of it.
  std::uint64_t ShownDigits() const;

 private:
  std::size_t ShownFirst() const;
  explicit Pan(crypto::SecretBytes digits) : digits_(std::move(digits)) {}
  crypto::SecretBytes digits_;
};

// The Luhn sum of the digits modulo 10 (ISO/IEC 7812-1 annex B); nullopt for anything but digits.
std::optional<unsigned> LuhnRemainder(crypto::ByteView digits);
// Whether the digits pass the Luhn check (ISO/IEC 7812-1 annex B). False for anything but digits.
bool PassesLuhn(crypto::ByteView digits);

// Gives `place`, one of `digits`, the one value with which their Luhn sum is `remainder` modulo 10.
void SetLuhnRemainder(std::span<std::uint8_t> digits, std::uint8_t& place, unsigned remainder);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_PAN_H_
