// Cases that a policy has to decide as they say: kept beside it, run before it takes effect.
#ifndef KEYSVC_POLICY_POLICY_CASES_H_
#define KEYSVC_POLICY_POLICY_CASES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/policy.h"

namespace keysvc::policy {

struct PolicyCase {
  std::string place;  // "file:line:column"
  std::string principal;
  Action action = Action::kTokenize;
  std::string resource;
  std::string purpose;
  std::optional<absl::Time> time;
  std::string address;
  std::optional<std::uint32_t> risk_score;
  std::string allowed_by;        // the rule's id; empty: denied
  std::optional<Reveal> reveal;  // where the case says it
};

// Parses a file of cases:
//   version: 1
//   cases:
//     - {principal: settlement, action: Detokenize, resource: tenants/acme/tokenProfiles/cards,
//        purpose: settlement, at: "2026-01-05T10:00:00Z", address: 192.0.2.7, risk_score: 10,
//        allowed_by: settlement-reveals, reveal: full}
//     - {principal: fraud, action: Tokenize, resource: tenants/acme/tokenProfiles/cards,
//        denied: true}
// Faults as ParsePolicy's. `at` is needed where the policy has rules with hours, `address` where it
// has rules with addresses that could decide, `risk_score` where the rule that decides has
// thresholds.
absl::StatusOr<std::vector<PolicyCase>> ParsePolicyCases(std::string_view text,
                                                         std::string_view file_name);

// nullopt when the policy decides as the case says, else "place: what it does instead". A case
// that would hold by mistake is at fault too: a principal or a purpose that the policy does not
// know, and a case without the time, the address or the risk score that decides it.
std::optional<std::string> FaultOf(const PolicyCase& expected, const Policy& policy);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_POLICY_CASES_H_
