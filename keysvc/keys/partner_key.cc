#include "keysvc/keys/partner_key.h"

#include <array>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kTenants = "tenants/";
constexpr std::string_view kPartnerKeys = "/partnerKeys/";
constexpr auto kStates = std::to_array<std::string_view>({"active", "disabled"});

}  // namespace

absl::StatusOr<PartnerKeyName> PartnerKeyName::Parse(std::string_view name) {
  const std::size_t at = name.find(kPartnerKeys);
  if (name.starts_with(kTenants) && at != std::string_view::npos && at >= kTenants.size()) {
    const std::string_view tenant = name.substr(kTenants.size(), at - kTenants.size());
    const std::string_view key = name.substr(at + kPartnerKeys.size());
    if (policy::IsName(tenant) && policy::IsName(key)) {
      return PartnerKeyName{.tenant = std::string(tenant), .key = std::string(key)};
    }
  }
  return Error(Reason::kFieldInvalid, "not the resource name of a partner's key", "name");
}

std::string PartnerKeyName::ToString() const {
  return absl::StrCat(ToAbsl(kTenants), tenant, ToAbsl(kPartnerKeys), key);
}

std::string_view NameOf(PartnerKeyState state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::optional<PartnerKeyState> PartnerKeyStateNamed(std::string_view name) {
  for (const PartnerKeyState state : {PartnerKeyState::kActive, PartnerKeyState::kDisabled}) {
    if (NameOf(state) == name) return state;
  }
  return std::nullopt;
}

absl::Status CheckVerifies(const PartnerKey& key, absl::Time now) {
  if (key.state == PartnerKeyState::kDisabled) {
    return Error(Reason::kPartnerKeyDisabled, "the partner's key is disabled");
  }
  if (now < key.terms.not_before) {
    return Error(Reason::kPartnerKeyNotYetValid, "the partner's key is not valid yet");
  }
  if (now > key.terms.not_after) {
    return Error(Reason::kPartnerKeyExpired, "the partner's key has expired");
  }
  return absl::OkStatus();
}

std::string PinOf(const PartnerKeyTerms& terms) {
  return absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(terms.public_key))));
}

}  // namespace keysvc::keys
