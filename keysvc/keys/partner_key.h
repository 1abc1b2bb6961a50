#ifndef KEYSVC_KEYSVC_KEYS_PARTNER_KEY_H_
#define KEYSVC_KEYSVC_KEYS_PARTNER_KEY_H_

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/public_keys.h"

namespace keysvc::keys {

// tenants/{tenant}/partnerKeys/{key}; both parts are names (policy::IsName).
struct PartnerKeyName {
  std::string tenant;
  std::string key;

  // INVALID_ARGUMENT/FIELD_INVALID, field "name".
  static absl::StatusOr<PartnerKeyName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const PartnerKeyName&, const PartnerKeyName&) = default;
};

// What is registered once and never changes: a new key of the partner gets a new name.
struct PartnerKeyTerms {
  Purpose purpose = Purpose::kSign;
  Algorithm algorithm = Algorithm::kEcP256;
  // What the partner calls it in `kid`, `keyid`. Empty: it may be called anything.
  std::string kid = {};
  absl::Time not_before;
  absl::Time not_after;
  std::string public_key = {};  // X.509 SubjectPublicKeyInfo in DER
};

enum class PartnerKeyState { kActive, kDisabled };
std::string_view NameOf(PartnerKeyState state);  // "active", "disabled"
std::optional<PartnerKeyState> PartnerKeyStateNamed(std::string_view name);

// A public key of somebody else, by which what they send is verified or what they get is wrapped.
struct PartnerKey {
  PartnerKeyName name;
  PartnerKeyTerms terms;
  std::shared_ptr<const PublicHalf> half;  // of terms.public_key
  absl::Time created;
  std::string registered_by;  // the principal
  PartnerKeyState state = PartnerKeyState::kActive;
};

// Whether it may verify, or be delivered to, now. FAILED_PRECONDITION with PARTNER_KEY_DISABLED,
// PARTNER_KEY_NOT_YET_VALID or PARTNER_KEY_EXPIRED.
absl::Status CheckVerifies(const PartnerKey& key, absl::Time now);

// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal: what the key is pinned by.
std::string PinOf(const PartnerKeyTerms& terms);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PARTNER_KEY_H_
