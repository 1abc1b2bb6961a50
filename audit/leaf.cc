#include "audit/leaf.h"

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "audit/canonical_json.h"
#include "audit/merkle.h"
#include "crypto/random.h"

namespace keysvc::audit {
namespace {

constexpr std::string_view kLeafVersion("\x01", 1);
constexpr std::size_t kSaltSize = 16;

std::string HeaderOf(const Entry& entry, std::uint64_t index, absl::Time time) {
  const std::string_view action = entry.action;
  JsonObject header;
  header.Text("action", action);
  header.Text("actor", entry.actor);
  header.Text("class", action.substr(0, action.find('.')));
  header.Raw("index", std::to_string(index));
  header.Text("outcome", NameOf(entry.outcome));
  header.Text("profile", entry.profile);
  header.Text("time", LogTime(time));
  return header.Take();
}

std::string ItemsOf(const Entry& entry) {
  std::string items = "[";
  for (const Item& item : entry.items) {
    if (items.size() > 1) items += ',';
    JsonObject object;
    object.Text("outcome", NameOf(item.outcome));
    object.OptionalText("reason", item.reason);
    object.OptionalText("resource", item.resource);
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
  JsonObject body;
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

}  // namespace

std::string LogTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

store::LeafRow MakeLeaf(const Entry& entry, std::uint64_t index, absl::Time time) {
  const std::string salts = crypto::RandomBytes(2 * kSaltSize);
  store::LeafRow leaf;
  leaf.index = index;
  leaf.header = HeaderOf(entry, index, time);
  leaf.header_salt = salts.substr(0, kSaltSize);
  leaf.body = BodyOf(entry);
  leaf.body_salt = salts.substr(kSaltSize);
  leaf.leaf_hash = crypto::AsText(HashOfLeaf(leaf));
  return leaf;
}

crypto::Sha256Digest HashOfLeaf(const store::LeafRow& leaf) {
  std::string data(kLeafVersion);
  data += crypto::AsText(crypto::Sha256({leaf.header_salt, leaf.header}));
  data += crypto::AsText(crypto::Sha256({leaf.body_salt, leaf.body}));
  return LeafHash(data);
}

}  // namespace keysvc::audit
