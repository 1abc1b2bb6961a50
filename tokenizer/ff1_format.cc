#include "tokenizer/ff1_format.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "crypto/ff1.h"
#include "status/abseil.h"
#include "status/reason.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

constexpr unsigned kRadix = 10;
constexpr std::size_t kLongestPrefix = 8;
constexpr std::string_view kOpaquePrefix = "tok_";
constexpr std::string_view kFormat = "ff1 1 ";
constexpr std::string_view kOffset = " offset=";
constexpr std::string_view kThenPrefix = " prefix=";

bool IsPrefix(std::string_view text) {
  if (text.size() < 2 || text.size() > kLongestPrefix || !text.ends_with('_')) return false;
  text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

absl::Status Invalid(std::string_view what) { return Error(Reason::kConfigInvalid, what); }

}  // namespace

absl::Status Ff1Format::Check() const {
  if (shortest_card < kShortestPan || longest_card > kLongestPan || shortest_card > longest_card) {
    return Invalid(
        "the shortest card has 12 digits, the longest 19, and one is not before the other");
  }
  if (keep_first != 0 && keep_first != 6 && keep_first != 8) {
    return Invalid("of the first digits 0, 6 or 8 are kept");
  }
  if (keep_last != 0 && keep_last != 4) return Invalid("of the last digits 0 or 4 are kept");
  if (luhn_offset < 1 || luhn_offset > 9) {
    return Invalid("the Luhn offset is 1 to 9: with 0, tokens would pass for cards");
  }
  if (!prefix.empty() && !IsPrefix(prefix)) {
    return Invalid("a prefix is 1 to 7 letters a-z and \"_\"");
  }
  if (prefix == kOpaquePrefix) return Invalid("opaque tokens begin with \"tok_\"");
  if (keep_last != 0 && prefix.empty()) {
    return Invalid(
        "tokens that keep the last four digits are a digit longer than the card and need a prefix");
  }
  for (std::size_t length = shortest_card; length <= longest_card; ++length) {
    const std::size_t permuted = PermutedDigits(length);
    if (!crypto::Ff1::Admits(kRadix, permuted)) {
      return Invalid(absl::StrCat("of a card of ", length, " digits ", permuted,
                                  " would be permuted, and fewer than 6, 10^6 numbers, are too few "
                                  "to hide one (SP 800-38G Rev. 1)"));
    }
  }
  return absl::OkStatus();
}

std::size_t Ff1Format::PermutedDigits(std::size_t card_length) const {
  const std::size_t kept = keep_first + (keep_last == 0 ? 1 : keep_last);
  return card_length - std::min(card_length, kept);
}

std::string Ff1Format::ToString() const {
  return absl::StrCat(ToAbsl(kFormat), "cards=", shortest_card, "-", longest_card,
                      " first=", keep_first, " last=", keep_last, ToAbsl(kOffset), luhn_offset,
                      ToAbsl(kThenPrefix), prefix);
}

bool Ff1Format::SharesMarksWith(std::string_view token_format) const {
  const std::size_t marks = token_format.find(kOffset);
  return token_format.starts_with(kFormat) && marks != std::string_view::npos &&
         ToAbsl(token_format.substr(marks)) ==
             absl::StrCat(ToAbsl(kOffset), luhn_offset, ToAbsl(kThenPrefix), prefix);
}

}  // namespace keysvc::tokenizer
