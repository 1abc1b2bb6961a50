#include "audit/recorded_entry.h"

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
    entry.items.push_back({json.value("resource", ""), *result, json.value("reason", "")});
  }
  return entry;
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
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  // Members are in the order of their names, so the action is always first.
  const std::string first_start = R"({"action":")" + std::string(first) + ".";
  const std::string second_start = R"({"action":")" + std::string(second) + ".";
  for (std::uint64_t next = 0; next < frontier.size;) {
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(next, kLeavesAtOnce));
    if (leaves.empty()) return Malformed();
    for (const store::LeafRow& leaf : leaves) {
      if (leaf.index != next++) return Malformed();
      // Also of what is passed over: a record under another action would not be missed.
      if (crypto::AsText(HashOfLeaf(leaf)) != leaf.leaf_hash) return Malformed();
      if (!leaf.header.starts_with(first_start) && !leaf.header.starts_with(second_start)) continue;
      ASSIGN_OR_RETURN(const Entry entry, ReadEntry(leaf));
      RETURN_IF_ERROR(visit(leaf.index, entry));
    }
  }
  return absl::OkStatus();
}

}  // namespace keysvc::audit
