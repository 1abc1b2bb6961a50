#include "tokenizer/hidden_pan.h"

#include <string>

#include "absl/strings/ascii.h"
#include "crypto/bytes.h"
#include "tokenizer/issuer_ranges.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool Parts(char c) { return std::string_view(" .-_").find(c) != std::string_view::npos; }

// Whether the text, which begins with a digit, begins with a card number.
bool BeginsWithPan(std::string_view text) {
  std::string digits;
  bool parted = false;
  for (const char c : text) {
    if (!IsDigit(c)) {
      if (parted || !Parts(c)) return false;
      parted = true;
      continue;
    }
    parted = false;
    digits += c;
    if (digits.size() > kLongestPan) return false;
    if (digits.size() >= kShortestPan && PassesLuhn(crypto::AsBytes(digits)) &&
        !IssuerOf(digits).empty()) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool MayHidePan(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (IsDigit(text.front()) && BeginsWithPan(text)) return true;
  }
  return false;
}

}  // namespace keysvc::tokenizer
