#include "audit/recorded_entry.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "audit/leaf.h"
#include "crypto/digest.h"
#include "nlohmann/json.hpp"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLeavesAtOnce = 512;

absl::Status Malformed() {
  return Error(Reason::kIntegrityFailure, "a stored record is not what was written");
}

std::optional<Outcome> OutcomeNamed(std::string_view name) {
  for (const Outcome outcome :
       {Outcome::kSuccess, Outcome::kDenied, Outcome::kFailed, Outcome::kIntent}) {
    if (NameOf(outcome) == name) return outcome;
  }
  return std::nullopt;
}

// Throws where a member is missing or of another type.
absl::StatusOr<Entry> FromJson(const Json& header, const Json& body) {
  Entry entry;
  entry.action = header.at("action").get<std::string>();
  entry.actor = header.at("actor").get<std::string>();
  entry.profile = header.at("profile").get<std::string>();
  const auto outcome = OutcomeNamed(header.at("outcome").get<std::string>());
  if (!outcome.has_value()) return Malformed();
  entry.outcome = *outcome;
  entry.resource = body.value("resource", "");
  entry.rule = body.value("rule", "");
  entry.reason = body.value("reason", "");
  entry.request_id = body.value("request_id", "");
  const Json details = body.value("details", Json::object());
  for (const auto& [name, value] : details.items()) {
    entry.details[name] = value.get<std::string>();
  }
  const Json items = body.value("items", Json::array());
  for (const Json& json : items) {
    const auto result = OutcomeNamed(json.at("outcome").get<std::string>());
    if (!result.has_value()) return Malformed();
    entry.items.push_back({json.value("resource", ""), *result, json.value("reason", ""),
                           json.value("state_before", ""), json.value("state_after", ""),
                           json.value("rule", ""), json.value("source", ""),
                           json.value("domain", ""), json.value("use", ""),
                           json.value("reveal", ""), std::nullopt});
    if (json.contains("asserted_risk_score")) {
      entry.items.back().asserted_risk_score = json.at("asserted_risk_score").get<std::uint32_t>();
    }
  }
  return entry;
}

// How the header of a record of this class starts: its members are in the order of their names, so
// that the action is always first.
std::string StartOf(std::string_view name) { return R"({"action":")" + std::string(name) + "."; }

// Every leaf from `next` on, in order.
absl::Status VisitLeaves(store::Store& store, std::uint64_t next,
                         const std::function<absl::Status(const store::LeafRow&)>& visit) {
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  while (next < frontier.size) {
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(next, kLeavesAtOnce));
    if (leaves.empty()) return Malformed();
    for (const store::LeafRow& leaf : leaves) {
      if (leaf.index != next++) return Malformed();
      RETURN_IF_ERROR(visit(leaf));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Entry> ReadEntry(const store::LeafRow& leaf) {
  if (crypto::AsText(HashOfLeaf(leaf)) != leaf.leaf_hash) return Malformed();
  try {
    return FromJson(Json::parse(leaf.header), Json::parse(leaf.body));
  } catch (const Json::exception&) {
    return Malformed();
  }
}

absl::Status VisitEntries(
    store::Store& store, std::string_view first, std::string_view second,
    const std::function<absl::Status(std::uint64_t index, const Entry&)>& visit) {
  const std::string first_start = StartOf(first);
  const std::string second_start = StartOf(second);
  return VisitLeaves(store, 0, [&](const store::LeafRow& leaf) -> absl::Status {
    // Also of what is passed over: a record under another action would not be missed.
    if (crypto::AsText(HashOfLeaf(leaf)) != leaf.leaf_hash) return Malformed();
    if (!leaf.header.starts_with(first_start) && !leaf.header.starts_with(second_start)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Entry entry, ReadEntry(leaf));
    return visit(leaf.index, entry);
  });
}

absl::Status VisitEntriesSince(
    store::Store& store, absl::Time since, std::string_view only,
    const std::function<absl::Status(absl::Time time, const Entry&)>& visit) {
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  std::uint64_t first = frontier.size;
  for (absl::Time time = absl::InfiniteFuture(); first > 0 && time >= since;) {
    first -= std::min<std::uint64_t>(first, kLeavesAtOnce);
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaf, store.ReadLeaves(first, 1));
    if (leaf.size() != 1) return Malformed();
    ASSIGN_OR_RETURN(time, TimeOf(leaf.front()));
  }
  const std::string start = StartOf(only);
  return VisitLeaves(store, first, [&](const store::LeafRow& leaf) -> absl::Status {
    if (!leaf.header.starts_with(start)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const absl::Time time, TimeOf(leaf));
    if (time < since) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Entry entry, ReadEntry(leaf));
    return visit(time, entry);
  });
}

}  // namespace keysvc::audit
