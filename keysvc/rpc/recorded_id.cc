#include "keysvc/rpc/recorded_id.h"

#include <algorithm>
#include <cstddef>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "tokenizer/pan.h"

namespace keysvc::rpc {
namespace {

// Whether any of the digits in a row may be a card number.
bool HoldsCardNumber(std::string_view digits) {
  for (; digits.size() >= tokenizer::kShortestPan; digits.remove_prefix(1)) {
    const std::size_t longest = std::min(tokenizer::kLongestPan, digits.size());
    for (std::size_t length = tokenizer::kShortestPan; length <= longest; ++length) {
      if (tokenizer::Pan::Parse(crypto::AsBytes(digits.substr(0, length))).ok()) return true;
    }
  }
  return false;
}

bool MayHoldCardNumber(std::string_view id) {
  std::string digits;
  for (const char c : id) {
    if (c == '-') continue;
    if (c >= '0' && c <= '9') {
      digits += c;
      continue;
    }
    if (HoldsCardNumber(digits)) return true;
    digits.clear();
  }
  return HoldsCardNumber(digits);
}

}  // namespace

std::string RecordedIds::Of(std::string_view id) const {
  std::string recorded(id);
  if (!MayHoldCardNumber(id)) return recorded;
  constexpr std::string_view kLetters = "abcdef";
  const crypto::Sha256Digest digest = mac_.Compute(id);
  std::size_t next = 0;
  for (char& c : recorded) {
    if (c != '-') c = kLetters[digest[next++ % digest.size()] % kLetters.size()];
  }
  return recorded;
}

}  // namespace keysvc::rpc
