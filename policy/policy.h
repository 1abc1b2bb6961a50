#ifndef KEYSVC_POLICY_POLICY_H_
#define KEYSVC_POLICY_POLICY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/action.h"

namespace keysvc::policy {

// kService is a program; kOfficer and kAuditor are persons.
enum class PrincipalKind { kService, kOfficer, kAuditor };

struct Principal {
  std::string name;      // unique; what records call the actor
  std::string identity;  // the one SPIFFE URI of its certificate, unique
  PrincipalKind kind = PrincipalKind::kService;
  std::vector<std::string> roles;
};

// Allows when every list matches. Resource patterns are resource names whose segments may be "*".
// An empty purpose list means that no purpose is asked for; otherwise the caller must state one of
// them.
struct Rule {
  std::string id;  // unique; recorded with every call it allowed
  std::vector<std::string> roles;
  std::vector<Action> actions;
  std::vector<std::string> resources;
  std::vector<std::string> purposes;
  Reveal reveal = Reveal::kLastFour;  // for kDetokenize
};

// One policy, immutable and complete. Pure: no I/O, no clock.
struct Policy {
  std::vector<Principal> principals;
  std::vector<Rule> rules;  // the first that matches decides; none: denied
  std::string digest;       // SHA-256 of the file, hex

  const Principal* FindByIdentity(std::string_view identity) const;
  // The first rule that allows it, nullptr when none does.
  const Rule* Decide(const Principal& principal, Action action, std::string_view resource,
                     std::string_view purpose) const;
};

// Parses and checks a policy file's text. Every fault is INVALID_ARGUMENT/POLICY_INVALID with
// "file:line:column: what": unknown or duplicate keys, unknown names, two principals with one
// identity, a rule that can never decide (roles nobody holds, or all of it covered by earlier
// rules), a principal whose rules break separation of duties (using data, managing keys and reading
// the log are three duties).
absl::StatusOr<std::shared_ptr<const Policy>> ParsePolicy(std::string_view text,
                                                          std::string_view file_name);
absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(const std::string& path);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_POLICY_H_
