#ifndef KEYSVC_POLICY_RISK_H_
#define KEYSVC_POLICY_RISK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "policy/action.h"

namespace keysvc::policy {

// A risk score is what a caller says of how risky its request is, from 0 on; this is the riskiest.
inline constexpr std::uint32_t kHighestRisk = 100;

// From which risk score on calls of a rule are shown less than it reveals. Each is 1 to
// kHighestRisk, and what shows less begins at a higher score.
struct RiskThresholds {
  std::optional<std::uint32_t> masked_from = {};
  std::optional<std::uint32_t> last4_from = {};
  std::optional<std::uint32_t> denied_from = {};

  bool empty() const {
    return !masked_from.has_value() && !last4_from.has_value() && !denied_from.has_value();
  }
};

// What is left of `reveal` for a call that asserts this score; nullopt: nothing, it is denied.
// Never more than `reveal`, nor than for a lower score. A call that asserts none is taken for the
// riskiest.
std::optional<Reveal> Narrowed(Reveal reveal, const RiskThresholds& thresholds,
                               std::optional<std::uint32_t> asserted);

// For people: "masked from 40, last4 from 60, denied from 80". Empty where there are none.
std::string Describe(const RiskThresholds& thresholds);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_RISK_H_
