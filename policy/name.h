#ifndef KEYSVC_POLICY_NAME_H_
#define KEYSVC_POLICY_NAME_H_

#include <string_view>

namespace keysvc::policy {

// Whether `text` is a name of a principal, role, rule, purpose, deployment, tenant, profile or key:
// [a-z][a-z0-9-]{0,62} with at most 11 digits. A card number has 12 or more, so that none hides in
// a name, which records and errors may show.
bool IsName(std::string_view text);

// Whether a resource is tenants/{tenant}/tokens: tokens that have not told their profile yet, so
// that the policy is asked again.
bool NamesUndecidedTokens(std::string_view resource);

// Whether `text` is a UUID in its usual spelling (RFC 9562 section 4), in lower or upper case.
bool IsUuid(std::string_view text);
// Whether such a text says its version, 1 to 8, and the variant of RFC 9562.
bool HasUuidVersion(std::string_view uuid);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_NAME_H_
