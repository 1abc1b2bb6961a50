#include "keysvc/keys/open_intents.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "audit/leaf.h"
#include "crypto/bytes.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint64_t kLeavesAtOnce = 512;

// Records are canonical JSON, in which a member has one spelling and a quote inside a text is
// escaped, so that the member can be found as text. Resource names need no escapes.
constexpr std::string_view kIntentMember = R"("outcome":"intent")";
constexpr std::string_view kResourceMember = R"("resource":")";
constexpr std::string_view kIntentIndexMember = R"("intent":")";
constexpr std::string_view kDeliveriesBeforeMember = R"("deliveries_before":")";
constexpr std::string_view kDelivery = R"({"action":"KeyService.DeliverKey")";
constexpr std::string_view kHead = R"({"action":"Log.)";

std::string_view ValueOf(std::string_view member, std::string_view body) {
  const std::size_t at = body.find(member);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + member.size());
  return body.substr(0, body.find('"'));
}

std::string_view ResourceOf(std::string_view body) { return ValueOf(kResourceMember, body); }

// nullopt where the body does not have the member.
std::optional<std::uint64_t> IndexOf(std::string_view member, std::string_view body) {
  std::uint64_t index = 0;
  if (!absl::SimpleAtoi(ToAbsl(ValueOf(member, body)), &index)) return std::nullopt;
  return index;
}

// What the log says of deliveries, read backwards.
struct Deliveries {
  std::map<std::uint64_t, std::string> open;
  std::set<std::uint64_t> settled;
  std::uint64_t floor = 0;  // what is below, a head speaks for
};

absl::Status Read(const store::LeafRow& leaf, Deliveries& deliveries) {
  const bool delivery = leaf.header.starts_with(kDelivery);
  const bool head = deliveries.floor == 0 && leaf.header.starts_with(kHead);
  if (!delivery && !head) return absl::OkStatus();
  if (crypto::AsText(audit::HashOfLeaf(leaf)) != leaf.leaf_hash) {
    return Error(Reason::kIntegrityFailure, "a record about a delivery is not what was written");
  }
  if (head) {
    deliveries.floor = IndexOf(kDeliveriesBeforeMember, leaf.body).value_or(0);
  } else if (leaf.header.find(kIntentMember) == std::string::npos) {
    if (const auto intent = IndexOf(kIntentIndexMember, leaf.body)) {
      deliveries.settled.insert(*intent);
    }
  } else if (!deliveries.settled.contains(leaf.index)) {
    deliveries.open[leaf.index] = ResourceOf(leaf.body);
  }
  return absl::OkStatus();
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

absl::StatusOr<std::map<std::uint64_t, std::string>> FindOpenDeliveries(store::Store& store) {
  Deliveries deliveries;
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  std::uint64_t end = frontier.size;
  while (end > deliveries.floor) {
    const std::uint64_t first = std::max(deliveries.floor, end - std::min(end, kLeavesAtOnce));
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(first, static_cast<std::size_t>(end - first)));
    for (auto leaf = leaves.rbegin(); leaf != leaves.rend(); ++leaf) {
      if (leaf->index < deliveries.floor) break;
      RETURN_IF_ERROR(Read(*leaf, deliveries));
    }
    end = first;
  }
  return std::move(deliveries.open);
}

}  // namespace keysvc::keys
