#ifndef KEYSVC_POLICY_LIMITS_FILE_H_
#define KEYSVC_POLICY_LIMITS_FILE_H_

#include <span>

#include "absl/status/statusor.h"
#include "policy/action.h"
#include "policy/limits.h"
#include "policy/strict_yaml.h"

namespace keysvc::policy {

// The limits of a rule as the policy file writes them. A limit that none of the rule's actions can
// meet is a fault.
absl::StatusOr<Limits> ReadLimits(const YamlNode& node, std::span<const Action> actions);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_LIMITS_FILE_H_
