#include "keysvc/keys/open_intents.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "status/macros.h"

namespace keysvc::keys {
namespace {

constexpr std::uint64_t kLeavesAtOnce = 512;

// Records are canonical JSON, in which a member has one spelling and a quote inside a text is
// escaped, so that the member can be found as text. Resource names need no escapes.
constexpr std::string_view kIntentMember = R"("outcome":"intent")";
constexpr std::string_view kResourceMember = R"("resource":")";

std::string_view ResourceOf(std::string_view body) {
  const std::size_t member = body.find(kResourceMember);
  if (member == std::string_view::npos) return {};
  body.remove_prefix(member + kResourceMember.size());
  return body.substr(0, body.find('"'));
}

}  // namespace

absl::StatusOr<std::map<std::string, std::uint64_t>> FindIntents(store::Store& store,
                                                                 std::set<std::string> resources) {
  std::map<std::string, std::uint64_t> intents;
  if (resources.empty()) return intents;
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  std::uint64_t end = frontier.size;
  while (end > 0 && !resources.empty()) {
    const std::uint64_t first = end - std::min(end, kLeavesAtOnce);
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(first, static_cast<std::size_t>(end - first)));
    for (const store::LeafRow& leaf : leaves) {
      if (leaf.header.find(kIntentMember) == std::string::npos) continue;
      const std::string resource(ResourceOf(leaf.body));
      if (resources.erase(resource) == 1) intents[resource] = leaf.index;
    }
    end = first;
  }
  return intents;
}

}  // namespace keysvc::keys
