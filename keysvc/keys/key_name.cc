#include "keysvc/keys/key_name.h"

#include <charconv>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// Takes `collection`/{id}/ or, at the end, `collection`/{id} off the front of `rest`.
std::optional<std::string_view> TakeSegment(std::string_view collection, std::string_view& rest) {
  if (!rest.starts_with(collection)) return std::nullopt;
  rest.remove_prefix(collection.size());
  const std::size_t end = rest.find('/');
  const std::string_view id = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return id;
}

absl::Status Malformed() {
  return Error(Reason::kFieldInvalid, "not the resource name of a key", "name");
}

// Parses the part that both names share and leaves what follows it in `rest`.
absl::StatusOr<KeyName> ParseKey(std::string_view& rest) {
  const auto tenant = TakeSegment("tenants/", rest);
  if (!tenant.has_value() || !policy::IsName(*tenant)) return Malformed();
  const auto key = TakeSegment("/keys/", rest);
  if (!key.has_value() || !policy::IsName(*key)) return Malformed();
  return KeyName{std::string(*tenant), std::string(*key)};
}

}  // namespace

absl::StatusOr<KeyName> KeyName::Parse(std::string_view name) {
  ASSIGN_OR_RETURN(KeyName key, ParseKey(name));
  if (!name.empty()) return Malformed();
  return key;
}

std::string KeyName::ToString() const { return absl::StrCat("tenants/", tenant, "/keys/", key); }

absl::StatusOr<KeyVersionName> KeyVersionName::Parse(std::string_view name) {
  ASSIGN_OR_RETURN(KeyName key, ParseKey(name));
  const auto digits = TakeSegment("/versions/", name);
  if (!digits.has_value() || !name.empty() || digits->starts_with('0')) return Malformed();
  std::uint32_t version = 0;
  const char* const end = digits->data() + digits->size();
  const auto [stopped, error] = std::from_chars(digits->data(), end, version);
  if (error != std::errc() || stopped != end || version == 0) return Malformed();
  return KeyVersionName{std::move(key), version};
}

std::string KeyVersionName::ToString() const {
  return absl::StrCat(key.ToString(), "/versions/", version);
}

std::string HsmLabelOf(std::string_view deployment, const KeyVersionName& name) {
  return absl::StrCat(ToAbsl(deployment), "/", name.key.tenant, "/", name.key.key, "/v",
                      name.version);
}

}  // namespace keysvc::keys
