#include "tokenizer/hidden_pan.h"

#include <string>

#include "absl/strings/ascii.h"
#include "crypto/bytes.h"
#include "tokenizer/issuer_ranges.h"

namespace keysvc::tokenizer {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool Parts(char c) { return std::string_view(" .-_").find(c) != std::string_view::npos; }

// Whether the text, which begins with a digit, begins with a card number.
bool BeginsWithPan(std::string_view text, std::size_t shortest) {
  std::string digits;
  for (const char c : text) {
    if (Parts(c)) continue;
    if (!IsDigit(c) || digits.size() == kLongestPan) return false;
    digits += c;
    if (digits.size() >= shortest && IsPanOfKnownIssuer(digits)) return true;
  }
  return false;
}

}  // namespace

bool IsPanOfKnownIssuer(std::string_view digits) {
  return digits.size() >= kShortestPan && digits.size() <= kLongestPan &&
         PassesLuhn(crypto::AsBytes(digits)) && !IssuerOf(digits).empty();
}

bool MayHidePan(std::string_view text, std::size_t shortest) {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (IsDigit(text.front()) && BeginsWithPan(text, shortest)) return true;
  }
  return false;
}

}  // namespace keysvc::tokenizer
