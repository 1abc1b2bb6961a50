#ifndef KEYSVC_POLICY_GATE_H_
#define KEYSVC_POLICY_GATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "policy/policy.h"

namespace keysvc::policy {

// Who calls, as the edge established it: the principal's name and the facts that records need.
struct Caller {
  std::string principal;
  std::string identity;
  std::string origin;  // the peer's address
  PrincipalKind kind = PrincipalKind::kService;
};

// Proof that the policy allowed this caller this action on this resource. Only Gate makes one; it
// moves but never copies; every domain call takes one, so a forgotten check does not compile.
class Permit {
 public:
  Permit(Permit&&) noexcept = default;
  Permit& operator=(Permit&&) noexcept = default;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  const Caller& caller() const { return caller_; }
  Action action() const { return action_; }
  const std::string& resource() const { return resource_; }
  const std::string& rule() const { return rule_->id; }
  const Limits& limits() const { return rule_->limits; }
  const std::string& purpose() const { return purpose_; }
  Reveal reveal() const { return reveal_; }

 private:
  friend class Gate;
  Permit(Caller caller, Action action, std::string resource, std::shared_ptr<const Rule> rule,
         std::string purpose, Reveal reveal);

  Caller caller_;
  Action action_;
  std::string resource_;
  std::shared_ptr<const Rule> rule_;  // never null; keeps its whole policy
  std::string purpose_;
  Reveal reveal_;
};

// The one place where access is decided. Thread-safe; decides by the policy in force at the call.
class Gate {
 public:
  // The clock is thread-safe and tells the hour for rules that have hours.
  explicit Gate(std::shared_ptr<const Policy> policy,
                std::function<absl::Time()> clock = absl::Now);

  // The caller with this certificate identity; UNAUTHENTICATED/IDENTITY_UNKNOWN when the policy
  // names none.
  absl::StatusOr<Caller> Identify(std::string_view identity, std::string_view origin) const;

  // PERMISSION_DENIED/POLICY_DENIED unless a rule allows it, also for a caller who is no longer
  // named, out of the rule's hours or addresses, and for a purpose that no rule lists, so that a
  // permit's purpose is never a caller's free text. The resource is one that Covers() knows. A
  // permit for tenants/{tenant}/tokens, where the profile is still to be seen, reveals the last
  // four at most; every other one what its rule leaves of a call that asserts no risk score.
  absl::StatusOr<Permit> Authorize(const Caller& caller, Action action, std::string_view resource,
                                   std::string_view purpose = {}) const;

  // The second decision for tokens, once the token has told its profile: a permit for the same
  // caller, action and purpose on that profile's resource name, or PERMISSION_DENIED. The risk
  // score is what the caller asserts, and has no say in which rule decides: that rule lowers what
  // the permit reveals, or denies with RISK_TOO_HIGH.
  absl::StatusOr<Permit> Narrow(const Permit& permit, std::string_view profile_resource,
                                std::optional<std::uint32_t> asserted_risk = std::nullopt) const;

  void Replace(std::shared_ptr<const Policy> policy);
  std::shared_ptr<const Policy> policy() const;

 private:
  absl::StatusOr<Permit> Decide(const Caller& caller, Action action, std::string_view resource,
                                std::string_view purpose,
                                std::optional<std::uint32_t> asserted_risk) const;

  const std::function<absl::Time()> clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Policy> policy_;
};

// The id of the rule that denied a call for its risk (RISK_TOO_HIGH); empty for every other status.
// For records: callers are not told.
std::string DenyingRule(const absl::Status& status);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_GATE_H_
