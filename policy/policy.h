#ifndef KEYSVC_POLICY_POLICY_H_
#define KEYSVC_POLICY_POLICY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/action.h"
#include "policy/address_range.h"
#include "policy/limits.h"
#include "policy/risk.h"
#include "policy/weekly_hours.h"

namespace keysvc::policy {

// kService is a program; kOfficer and kAuditor are persons. The kind fixes the duty: a service uses
// data, an officer manages keys, an auditor reads the log, and nobody does two of these.
enum class PrincipalKind { kService, kOfficer, kAuditor };

struct Principal {
  std::string name;      // unique; what records call the actor
  std::string identity;  // the one SPIFFE URI of its certificate, unique
  PrincipalKind kind = PrincipalKind::kService;
  std::vector<std::string> roles;
};

// Allows when every list matches. Resources are patterns, as Covers() reads them. An empty purpose
// list means that no purpose is asked for; otherwise the caller must state one of them. An empty
// list of addresses means any.
struct Rule {
  std::string id;  // unique; recorded with every call it allowed
  std::vector<std::string> roles;
  std::vector<Action> actions;
  std::vector<std::string> resources;
  std::vector<std::string> purposes;
  Reveal reveal = Reveal::kLastFour;  // for kDetokenize
  Limits limits = {};
  WeeklyHours hours = {};
  std::vector<AddressRange> addresses = {};  // of the peer
  RiskThresholds risk = {};  // says what is left of `reveal`, never which rule decides
};

// When and from where a call comes. No hours hold a time that is not known and no range an address
// that is none, unless what is left out is open: then all do.
struct Circumstances {
  std::optional<absl::Time> time;
  std::string_view address;
  bool open = false;
};

// Whether a pattern covers a resource. Patterns are
//   tenants/{tenant}/tokenProfiles/{profile}    tenants/{tenant}/keys/{key}    auditLog
//   tenants/{tenant}/partnerKeys/{key}
// and each part in braces may be "*", which stands for any one segment. Resources are the same
// names without "*", and
//   tenants/{tenant}/tokens   before a token has told its profile: covered when the pattern covers
//                             any profile of the tenant
//   tenants/{tenant}/keys     a collection, and so all keys of the tenant: covered by
//                             tenants/{tenant}/keys/* only
//   tenants/{tenant}/partnerKeys, tenants/{tenant}/tokenProfiles    likewise
// Covers(a, b) of two patterns tells whether a covers all that b does.
bool Covers(std::string_view pattern, std::string_view resource);
// Whether a resource is such a collection.
bool NamesCollection(std::string_view resource);

// One policy, immutable and complete. Pure: no I/O, no clock.
struct Policy {
  std::vector<Principal> principals;
  std::vector<Rule> rules;  // the first that matches decides; none: denied
  std::string digest;       // SHA-256 of the file, hex

  const Principal* FindByIdentity(std::string_view identity) const;
  // Whether some rule lists this purpose.
  bool KnowsPurpose(std::string_view purpose) const;
  // The first rule that allows it, nullptr when none does, or when the purpose is stated but listed
  // nowhere.
  const Rule* Decide(const Principal& principal, Action action, std::string_view resource,
                     std::string_view purpose, const Circumstances& circumstances) const;
};

// Parses and checks a policy file's text. Every fault is INVALID_ARGUMENT/POLICY_INVALID with
// "file:line:column: what" and quotes no value: unknown or duplicate keys, unknown names, two
// principals with one identity, a rule that can never decide (roles nobody holds, actions and
// resources that do not meet, or all of it covered by earlier rules), a rule that gives a principal
// another duty than its kind's.
absl::StatusOr<std::shared_ptr<const Policy>> ParsePolicy(std::string_view text,
                                                          std::string_view file_name);
// The same for a file, at most 1 MiB long.
absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(const std::string& path);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_POLICY_H_
