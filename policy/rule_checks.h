#ifndef KEYSVC_POLICY_RULE_CHECKS_H_
#define KEYSVC_POLICY_RULE_CHECKS_H_

#include <cstddef>
#include <string_view>

#include "policy/policy.h"

namespace keysvc::policy {

// Whether this is a resource pattern as Covers() describes them.
bool IsPattern(std::string_view text);

// Whether the action can ever be asked on something that the pattern covers.
bool Meet(Action action, std::string_view pattern);

// Whether principals of this kind may hold the action. Public keys are for everybody.
bool IsDutyOf(PrincipalKind kind, Action action);

bool Holds(const Principal& principal, const Rule& rule);

// Whether the rule with this index is the first to allow some principal something.
bool CanDecide(const Policy& policy, std::size_t index);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_RULE_CHECKS_H_
