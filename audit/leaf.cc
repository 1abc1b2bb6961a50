#include "audit/leaf.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "audit/canonical_json.h"
#include "audit/merkle.h"
#include "crypto/random.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr std::string_view kLeafVersion("\x01", 1);
constexpr std::size_t kSaltSize = 16;
// A successful item's text; that of a body without its items.
constexpr std::size_t kExpectedItem = 120;
constexpr std::size_t kExpectedBody = 640;

std::string HeaderOf(const Entry& entry, std::uint64_t index, std::string_view time) {
  const std::string_view action = entry.action;
  JsonObject header;
  header.Text("action", action);
  header.Text("actor", entry.actor);
  header.Text("class", action.substr(0, action.find('.')));
  header.Raw("index", std::to_string(index));
  header.Text("outcome", NameOf(entry.outcome));
  header.Text("profile", entry.profile);
  header.Text("time", time);
  return header.Take();
}

std::string ItemsOf(const Entry& entry) {
  std::string items = "[";
  items.reserve(kExpectedItem * entry.items.size());
  for (const Item& item : entry.items) {
    if (items.size() > 1) items += ',';
    JsonObject object(kExpectedItem);
    if (item.asserted_risk_score.has_value()) {
      object.Raw("asserted_risk_score", std::to_string(*item.asserted_risk_score));
    }
    object.OptionalText("domain", item.domain);
    object.Text("outcome", NameOf(item.outcome));
    object.OptionalText("reason", item.reason);
    object.OptionalText("resource", item.resource);
    object.OptionalText("reveal", item.reveal);
    object.OptionalText("rule", item.rule);
    object.OptionalText("source", item.source);
    object.OptionalText("state_after", item.state_after);
    object.OptionalText("state_before", item.state_before);
    object.OptionalText("use", item.use);
    items += object.Take();
  }
  return items + "]";
}

std::string DetailsOf(const Entry& entry) {
  std::string details = "{";
  for (const auto& [name, value] : entry.details) {
    if (details.size() > 1) details += ',';
    AppendJsonString(details, name);
    details += ':';
    AppendJsonString(details, value);
  }
  return details + "}";
}

std::string BodyOf(const Entry& entry) {
  JsonObject body(kExpectedBody + kExpectedItem * entry.items.size());
  if (!entry.details.empty()) body.Raw("details", DetailsOf(entry));
  body.OptionalText("identity", entry.identity);
  if (!entry.items.empty()) body.Raw("items", ItemsOf(entry));
  body.OptionalText("origin", entry.origin);
  body.OptionalText("purpose", entry.purpose);
  body.OptionalText("reason", entry.reason);
  body.OptionalText("request_id", entry.request_id);
  body.OptionalText("resource", entry.resource);
  body.OptionalText("rule", entry.rule);
  body.OptionalText("trace_id", entry.trace_id);
  return body.Take();
}

crypto::Sha256Digest HashOfParts(const crypto::Sha256Digest& header,
                                 const crypto::Sha256Digest& body) {
  std::string data(kLeafVersion);
  data += crypto::AsText(header);
  data += crypto::AsText(body);
  return LeafHash(data);
}

}  // namespace

std::string LogTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<absl::Time> TimeOf(const store::LeafRow& leaf) {
  // The order of members makes the time the last one, and a time needs no escapes.
  constexpr std::string_view kMember = R"("time":")";
  constexpr std::string_view kEnd = R"("})";
  std::string_view header = leaf.header;
  const std::size_t member = header.rfind(kMember);
  absl::Time time;
  if (member != std::string_view::npos && header.ends_with(kEnd)) {
    header.remove_prefix(member + kMember.size());
    header.remove_suffix(kEnd.size());
    if (absl::ParseTime(absl::RFC3339_full, ToAbsl(header), &time, nullptr)) return time;
  }
  return Error(Reason::kIntegrityFailure, "a record of the log has no time");
}

LeafBody MakeLeafBody(const Entry& entry) {
  LeafBody body{.text = BodyOf(entry), .salt = crypto::RandomBytes(kSaltSize), .hash = {}};
  body.hash = crypto::Sha256({body.salt, body.text});
  return body;
}

store::LeafRow MakeLeaf(const Entry& entry, LeafBody body, std::uint64_t index,
                        std::string_view time) {
  store::LeafRow leaf;
  leaf.index = index;
  leaf.header = HeaderOf(entry, index, time);
  leaf.header_salt = crypto::RandomBytes(kSaltSize);
  leaf.leaf_hash =
      crypto::AsText(HashOfParts(crypto::Sha256({leaf.header_salt, leaf.header}), body.hash));
  leaf.body = std::move(body.text);
  leaf.body_salt = std::move(body.salt);
  return leaf;
}

store::LeafRow MakeLeaf(const Entry& entry, std::uint64_t index, absl::Time time) {
  return MakeLeaf(entry, MakeLeafBody(entry), index, LogTime(time));
}

crypto::Sha256Digest HashOfLeaf(const store::LeafRow& leaf) {
  return HashOfParts(crypto::Sha256({leaf.header_salt, leaf.header}),
                     crypto::Sha256({leaf.body_salt, leaf.body}));
}

}  // namespace keysvc::audit
