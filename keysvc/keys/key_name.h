#ifndef KEYSVC_KEYSVC_KEYS_KEY_NAME_H_
#define KEYSVC_KEYSVC_KEYS_KEY_NAME_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::keys {

// tenants/{tenant}/keys/{key}; both parts are names (policy::IsName).
struct KeyName {
  std::string tenant;
  std::string key;

  // INVALID_ARGUMENT/FIELD_INVALID, field "name".
  static absl::StatusOr<KeyName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const KeyName&, const KeyName&) = default;
};

// tenants/{tenant}/keys/{key}/versions/{n}; n is 1 .. 2^32-1 without leading zeros.
struct KeyVersionName {
  KeyName key;
  std::uint32_t version = 0;

  // INVALID_ARGUMENT/FIELD_INVALID, field "name".
  static absl::StatusOr<KeyVersionName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const KeyVersionName&, const KeyVersionName&) = default;
};

// What a version's key is called on the token, when it lives there: the label follows from the
// name, so that no row can borrow another key's.
std::string HsmLabelOf(std::string_view deployment, const KeyVersionName& name);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_NAME_H_
