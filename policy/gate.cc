#include "policy/gate.h"

#include <utility>

#include "absl/strings/cord.h"
#include "policy/name.h"
#include "policy/risk.h"
#include "status/reason.h"

namespace keysvc::policy {
namespace {

constexpr char kRuleUrl[] = "keysvc/denying_rule";

absl::Status TooRisky(const Rule& rule, bool asserted) {
  absl::Status denied = Error(Reason::kRiskTooHigh,
                              asserted ? "the policy does not allow this at such a risk"
                                       : "the policy asks for a risk score; a call without one is "
                                         "taken for the riskiest");
  denied.SetPayload(kRuleUrl, absl::Cord(rule.id));
  return denied;
}

}  // namespace

Permit::Permit(Caller caller, Action action, std::string resource, std::shared_ptr<const Rule> rule,
               std::string purpose, Reveal reveal)
    : caller_(std::move(caller)),
      action_(action),
      resource_(std::move(resource)),
      rule_(std::move(rule)),
      purpose_(std::move(purpose)),
      reveal_(reveal) {}

Gate::Gate(std::shared_ptr<const Policy> policy, std::function<absl::Time()> clock)
    : clock_(std::move(clock)), policy_(std::move(policy)) {}

absl::StatusOr<Caller> Gate::Identify(std::string_view identity, std::string_view origin) const {
  const std::shared_ptr<const Policy> in_force = policy();
  const Principal* principal = in_force->FindByIdentity(identity);
  if (principal == nullptr) {
    return Error(Reason::kIdentityUnknown, "the policy names no principal with this identity");
  }
  return Caller{principal->name, principal->identity, std::string(origin), principal->kind};
}

absl::StatusOr<Permit> Gate::Authorize(const Caller& caller, Action action,
                                       std::string_view resource, std::string_view purpose) const {
  return Decide(caller, action, resource, purpose, std::nullopt);
}

absl::StatusOr<Permit> Gate::Decide(const Caller& caller, Action action, std::string_view resource,
                                    std::string_view purpose,
                                    std::optional<std::uint32_t> asserted_risk) const {
  const std::shared_ptr<const Policy> in_force = policy();
  const Principal* principal = in_force->FindByIdentity(caller.identity);
  const Rule* rule = nullptr;
  if (principal != nullptr && principal->name == caller.principal) {
    rule = in_force->Decide(*principal, action, resource, purpose, {clock_(), caller.origin});
  }
  if (rule == nullptr) return Error(Reason::kPolicyDenied, "the policy does not allow this");
  // Before a token has told its profile another rule may turn out to decide: this one's thresholds
  // say nothing yet.
  const std::optional<Reveal> reveal = NamesUndecidedTokens(resource)
                                           ? Reveal::kLastFour
                                           : Narrowed(rule->reveal, rule->risk, asserted_risk);
  if (!reveal.has_value()) return TooRisky(*rule, asserted_risk.has_value());
  return Permit(caller, action, std::string(resource), std::shared_ptr<const Rule>(in_force, rule),
                std::string(purpose), *reveal);
}

absl::StatusOr<Permit> Gate::Narrow(const Permit& permit, std::string_view profile_resource,
                                    std::optional<std::uint32_t> asserted_risk) const {
  return Decide(permit.caller(), permit.action(), profile_resource, permit.purpose(),
                asserted_risk);
}

void Gate::Replace(std::shared_ptr<const Policy> policy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  policy_ = std::move(policy);
}

std::shared_ptr<const Policy> Gate::policy() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return policy_;
}

std::string DenyingRule(const absl::Status& status) {
  const auto payload = status.GetPayload(kRuleUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace keysvc::policy
