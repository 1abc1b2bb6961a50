#include "policy/name.h"

#include <algorithm>
#include <cstddef>

namespace keysvc::policy {

bool IsName(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  constexpr std::ptrdiff_t kMostDigits = 11;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= kLongest && text[0] >= 'a' && text[0] <= 'z' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos &&
         std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) <=
             kMostDigits;
}

}  // namespace keysvc::policy
