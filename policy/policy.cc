#include "policy/policy.h"

#include <algorithm>

namespace keysvc::policy {
namespace {

bool Contains(const auto& list, const auto& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The segments of a resource name; none when one is empty or there are more than any name has.
std::vector<std::string_view> SegmentsOf(std::string_view name) {
  constexpr std::size_t kMost = 4;
  std::vector<std::string_view> segments;
  segments.reserve(kMost);
  for (bool more = true; more;) {
    const std::size_t slash = name.find('/');
    const std::string_view segment = name.substr(0, slash);
    if (segment.empty() || segments.size() == kMost) return {};
    segments.push_back(segment);
    more = slash != std::string_view::npos;
    if (more) name.remove_prefix(slash + 1);
  }
  return segments;
}

bool IsCollection(const std::vector<std::string_view>& segments) {
  return segments.size() == 3 &&
         (segments[2] == "keys" || segments[2] == "partnerKeys" || segments[2] == "tokenProfiles");
}

bool Admits(const Rule& rule, const Circumstances& circumstances) {
  const bool any_time = circumstances.open && !circumstances.time.has_value();
  if (!any_time && !rule.hours.Contain(circumstances.time)) return false;
  if (rule.addresses.empty() || (circumstances.open && circumstances.address.empty())) return true;
  const std::optional<Address> address = ParseAddress(circumstances.address);
  return address.has_value() &&
         std::any_of(rule.addresses.begin(), rule.addresses.end(),
                     [&](const AddressRange& range) { return range.Contains(*address); });
}

}  // namespace

bool NamesCollection(std::string_view resource) { return IsCollection(SegmentsOf(resource)); }

bool Covers(std::string_view pattern, std::string_view resource) {
  const std::vector<std::string_view> wanted = SegmentsOf(pattern);
  std::vector<std::string_view> given = SegmentsOf(resource);
  if (given.empty()) return false;
  bool any_member = false;
  if (given.size() == 3 && given[2] == "tokens") {
    given = {given[0], given[1], "tokenProfiles", "*"};
    any_member = true;
  } else if (IsCollection(given)) {
    given.push_back("*");
  }
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool last = i + 1 == wanted.size();
    if (wanted[i] != "*" && wanted[i] != given[i] && !(last && any_member)) return false;
  }
  return true;
}

const Principal* Policy::FindByIdentity(std::string_view identity) const {
  const auto found = std::find_if(
      principals.begin(), principals.end(),
      [identity](const Principal& principal) { return principal.identity == identity; });
  return found == principals.end() ? nullptr : &*found;
}

bool Policy::KnowsPurpose(std::string_view purpose) const {
  return std::any_of(rules.begin(), rules.end(),
                     [purpose](const Rule& rule) { return Contains(rule.purposes, purpose); });
}

const Rule* Policy::Decide(const Principal& principal, Action action, std::string_view resource,
                           std::string_view purpose, const Circumstances& circumstances) const {
  if (!purpose.empty() && !KnowsPurpose(purpose)) return nullptr;
  for (const Rule& rule : rules) {
    const bool held = std::any_of(rule.roles.begin(), rule.roles.end(), [&](const auto& role) {
      return Contains(principal.roles, role);
    });
    const bool covered =
        std::any_of(rule.resources.begin(), rule.resources.end(),
                    [&](const auto& pattern) { return Covers(pattern, resource); });
    const bool wanted = rule.purposes.empty() || Contains(rule.purposes, purpose);
    if (held && covered && wanted && Contains(rule.actions, action) &&
        Admits(rule, circumstances)) {
      return &rule;
    }
  }
  return nullptr;
}

}  // namespace keysvc::policy
