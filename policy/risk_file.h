#ifndef KEYSVC_POLICY_RISK_FILE_H_
#define KEYSVC_POLICY_RISK_FILE_H_

#include "absl/status/statusor.h"
#include "policy/action.h"
#include "policy/risk.h"
#include "policy/strict_yaml.h"

namespace keysvc::policy {

// The risk thresholds of a rule as the policy file writes them. One that shows no less than the
// rule reveals, or than those before it, is a fault, and so is none at all.
absl::StatusOr<RiskThresholds> ReadRisk(const YamlNode& node, Reveal reveal);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_RISK_FILE_H_
