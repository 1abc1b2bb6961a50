#include "policy/rule_checks.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/name.h"

namespace keysvc::policy {
namespace {

bool Contains(const auto& list, const auto& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

enum class Subject { kProfile, kKey, kPartnerKey, kOpenedKeys, kLog };

Subject SubjectOf(Action action) {
  switch (action) {
    case Action::kTokenize:
    case Action::kDetokenize:
    case Action::kGetToken:
    case Action::kLookUpToken:
    case Action::kConvertToken:
    case Action::kUpdateTokenCard:
    case Action::kImportTokens:
    case Action::kSuspendToken:
    case Action::kResumeToken:
    case Action::kDeleteToken:
    case Action::kListTokens:
    case Action::kGetRetentionReport:
      return Subject::kProfile;
    case Action::kFingerprintCard:
    case Action::kSign:
    case Action::kSignDigest:
    case Action::kSignJws:
    case Action::kSignHttpMessage:
    case Action::kSignWebhook:
    case Action::kSignCose:
    case Action::kVerify:
    case Action::kGetPublicKey:
    case Action::kCreateKey:
    case Action::kRotateKey:
    case Action::kDeliverKey:
    case Action::kImportKey:
    case Action::kCreateCertificateSigningRequest:
    case Action::kAttachCertificate:
    case Action::kListKeys:
    case Action::kGetKey:
      return Subject::kKey;
    case Action::kCreatePartnerKey:
    case Action::kDisablePartnerKey:
    case Action::kListPartnerKeys:
    case Action::kGetPartnerKey:
      return Subject::kPartnerKey;
    case Action::kLockKeys:
      return Subject::kOpenedKeys;
    case Action::kExportAudit:
    case Action::kGetCheckpoint:
      return Subject::kLog;
  }
  return Subject::kLog;
}

// nullopt for what is no pattern.
std::optional<Subject> SubjectOf(std::string_view pattern) {
  if (pattern == "auditLog") return Subject::kLog;
  if (pattern == "openedKeys") return Subject::kOpenedKeys;
  constexpr std::string_view kTenants = "tenants/";
  if (!pattern.starts_with(kTenants)) return std::nullopt;
  pattern.remove_prefix(kTenants.size());
  for (const auto& [collection, subject] :
       {std::pair<std::string_view, Subject>{"/tokenProfiles/", Subject::kProfile},
        std::pair<std::string_view, Subject>{"/keys/", Subject::kKey},
        std::pair<std::string_view, Subject>{"/partnerKeys/", Subject::kPartnerKey}}) {
    const std::size_t at = pattern.find(collection);
    if (at == std::string_view::npos) continue;
    const std::string_view tenant = pattern.substr(0, at);
    const std::string_view member = pattern.substr(at + collection.size());
    const bool right = (tenant == "*" || IsName(tenant)) && (member == "*" || IsName(member));
    return right ? std::optional(subject) : std::nullopt;
  }
  return std::nullopt;
}

// Whether `earlier` admits whenever and from wherever `later` does.
bool CoversCircumstances(const Rule& earlier, const Rule& later) {
  if (!earlier.hours.Cover(later.hours)) return false;
  if (earlier.addresses.empty()) return true;
  return !later.addresses.empty() &&
         std::all_of(later.addresses.begin(), later.addresses.end(), [&](const auto& range) {
           return std::any_of(earlier.addresses.begin(), earlier.addresses.end(),
                              [&](const auto& covering) { return covering.Covers(range); });
         });
}

// Whether `earlier` decides every call of `later` that asks for this. An empty purpose stands for
// calls that state none.
bool Shadows(const Rule& earlier, const Rule& later, Action action, std::string_view pattern,
             const std::string& purpose) {
  return CoversCircumstances(earlier, later) &&
         (earlier.purposes.empty() || Contains(earlier.purposes, purpose)) &&
         Contains(earlier.actions, action) &&
         std::any_of(earlier.resources.begin(), earlier.resources.end(),
                     [&](const auto& covering) { return Covers(covering, pattern); });
}

}  // namespace

bool IsPattern(std::string_view text) { return SubjectOf(text).has_value(); }

bool Meet(Action action, std::string_view pattern) {
  const std::optional<Subject> subject = SubjectOf(pattern);
  const bool lists = action == Action::kListKeys || action == Action::kListPartnerKeys ||
                     action == Action::kGetRetentionReport;
  if (lists && !pattern.ends_with("/*")) return false;
  // By a key of our own, or by a partner's.
  if (action == Action::kVerify && subject == Subject::kPartnerKey) return true;
  return subject == SubjectOf(action);
}

bool IsDutyOf(PrincipalKind kind, Action action) {
  switch (action) {
    case Action::kGetPublicKey:
      return true;
    case Action::kTokenize:
    case Action::kDetokenize:
    case Action::kGetToken:
    case Action::kLookUpToken:
    case Action::kConvertToken:
    case Action::kUpdateTokenCard:
    case Action::kImportTokens:
    case Action::kFingerprintCard:
    case Action::kSuspendToken:
    case Action::kResumeToken:
    case Action::kDeleteToken:
    case Action::kListTokens:
    case Action::kSign:
    case Action::kSignDigest:
    case Action::kSignJws:
    case Action::kSignHttpMessage:
    case Action::kSignWebhook:
    case Action::kSignCose:
    case Action::kVerify:
      return kind == PrincipalKind::kService;
    case Action::kCreateKey:
    case Action::kRotateKey:
    case Action::kDeliverKey:
    case Action::kImportKey:
    case Action::kCreateCertificateSigningRequest:
    case Action::kAttachCertificate:
    case Action::kListKeys:
    case Action::kGetKey:
    case Action::kLockKeys:
    case Action::kCreatePartnerKey:
    case Action::kDisablePartnerKey:
    case Action::kListPartnerKeys:
    case Action::kGetPartnerKey:
      return kind == PrincipalKind::kOfficer;
    case Action::kGetRetentionReport:
      return kind != PrincipalKind::kService;
    case Action::kExportAudit:
    case Action::kGetCheckpoint:
      return kind == PrincipalKind::kAuditor;
  }
  return false;
}

bool Holds(const Principal& principal, const Rule& rule) {
  return std::any_of(rule.roles.begin(), rule.roles.end(),
                     [&](const auto& role) { return Contains(principal.roles, role); });
}

bool CanDecide(const Policy& policy, std::size_t index) {
  const Rule& rule = policy.rules[index];
  const auto rule_at = std::next(policy.rules.begin(), static_cast<std::ptrdiff_t>(index));
  const std::vector<std::string> purposes =
      rule.purposes.empty() ? std::vector<std::string>{""} : rule.purposes;
  for (const Principal& principal : policy.principals) {
    if (!Holds(principal, rule)) continue;
    const auto decides = [&](Action action, const std::string& pattern,
                             const std::string& purpose) {
      return Meet(action, pattern) &&
             std::none_of(policy.rules.begin(), rule_at, [&](const Rule& earlier) {
               return Holds(principal, earlier) && Shadows(earlier, rule, action, pattern, purpose);
             });
    };
    for (const Action action : rule.actions) {
      for (const std::string& pattern : rule.resources) {
        for (const std::string& purpose : purposes) {
          if (decides(action, pattern, purpose)) return true;
        }
      }
    }
  }
  return false;
}

}  // namespace keysvc::policy
