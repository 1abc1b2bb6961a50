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

bool NamesUndecidedTokens(std::string_view resource) {
  constexpr std::string_view kBefore = "tenants/";
  constexpr std::string_view kAfter = "/tokens";
  if (!resource.starts_with(kBefore) || !resource.ends_with(kAfter)) return false;
  resource.remove_prefix(kBefore.size());
  return resource.find('/') + kAfter.size() == resource.size();
}

bool IsUuid(std::string_view text) {
  constexpr std::size_t kLength = 36;
  bool valid = text.size() == kLength;
  for (std::size_t i = 0; valid && i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    valid = dash ? c == '-' : hex;
  }
  return valid;
}

bool HasUuidVersion(std::string_view uuid) {
  constexpr std::size_t kVersionAt = 14;
  constexpr std::size_t kVariantAt = 19;
  constexpr std::string_view kVariant = "89abAB";
  return uuid[kVersionAt] >= '1' && uuid[kVersionAt] <= '8' &&
         kVariant.find(uuid[kVariantAt]) != std::string_view::npos;
}

}  // namespace keysvc::policy
