#include "status/reason.h"

#include <array>
#include <cstddef>

#include "absl/strings/cord.h"
#include "status/abseil.h"

namespace keysvc {
namespace {

constexpr char kReasonUrl[] = "keysvc/reason";
constexpr char kFieldUrl[] = "keysvc/field";

using enum absl::StatusCode;

constexpr auto kReasons = std::to_array<ReasonInfo>({
    {Reason::kMalformedRequest, "MALFORMED_REQUEST", kInvalidArgument, false},
    {Reason::kUnknownField, "UNKNOWN_FIELD", kInvalidArgument, false},
    {Reason::kFieldRequired, "FIELD_REQUIRED", kInvalidArgument, false},
    {Reason::kFieldInvalid, "FIELD_INVALID", kInvalidArgument, false},
    {Reason::kPanInvalid, "PAN_INVALID", kInvalidArgument, false},
    {Reason::kExpiryInvalid, "EXPIRY_INVALID", kInvalidArgument, false},
    {Reason::kBatchSize, "BATCH_SIZE", kInvalidArgument, false},
    {Reason::kMessageTooLarge, "MESSAGE_TOO_LARGE", kInvalidArgument, false},
    {Reason::kDeadlineRequired, "DEADLINE_REQUIRED", kInvalidArgument, false},
    {Reason::kDigestLength, "DIGEST_LENGTH", kInvalidArgument, false},
    {Reason::kRequestIdReused, "REQUEST_ID_REUSED", kInvalidArgument, false},
    {Reason::kPrivateKeyPresented, "PRIVATE_KEY_PRESENTED", kInvalidArgument, false},
    {Reason::kWrappedSecretInvalid, "WRAPPED_SECRET_INVALID", kInvalidArgument, false},
    {Reason::kMethodUnknown, "METHOD_UNKNOWN", kUnimplemented, false},
    {Reason::kIdentityMissing, "IDENTITY_MISSING", kUnauthenticated, false},
    {Reason::kIdentityAmbiguous, "IDENTITY_AMBIGUOUS", kUnauthenticated, false},
    {Reason::kIdentityUnknown, "IDENTITY_UNKNOWN", kUnauthenticated, false},
    {Reason::kCertificateRejected, "CERTIFICATE_REJECTED", kUnauthenticated, false},
    {Reason::kPolicyDenied, "POLICY_DENIED", kPermissionDenied, false},
    {Reason::kRiskTooHigh, "RISK_TOO_HIGH", kPermissionDenied, false},
    {Reason::kOfficerLoginRequired, "OFFICER_LOGIN_REQUIRED", kFailedPrecondition, false},
    {Reason::kSeparationOfDuties, "SEPARATION_OF_DUTIES", kPermissionDenied, false},
    {Reason::kMissesExhausted, "MISSES_EXHAUSTED", kResourceExhausted, true},
    {Reason::kRevealsExhausted, "REVEALS_EXHAUSTED", kResourceExhausted, true},
    {Reason::kGuessesExhausted, "GUESSES_EXHAUSTED", kResourceExhausted, true},
    {Reason::kSignaturesExhausted, "SIGNATURES_EXHAUSTED", kResourceExhausted, true},
    {Reason::kNoncesExhausted, "NONCES_EXHAUSTED", kResourceExhausted, true},
    {Reason::kTokenNotFound, "TOKEN_NOT_FOUND", kNotFound, false},
    {Reason::kCardNotTokenized, "CARD_NOT_TOKENIZED", kNotFound, false},
    {Reason::kCardsNotIndexed, "CARDS_NOT_INDEXED", kFailedPrecondition, false},
    {Reason::kTokenSuspended, "TOKEN_SUSPENDED", kFailedPrecondition, false},
    {Reason::kTokenDeleted, "TOKEN_DELETED", kFailedPrecondition, false},
    {Reason::kTokenExpired, "TOKEN_EXPIRED", kFailedPrecondition, false},
    {Reason::kTokenExhausted, "TOKEN_EXHAUSTED", kFailedPrecondition, false},
    {Reason::kTokensExhausted, "TOKENS_EXHAUSTED", kFailedPrecondition, false},
    {Reason::kDomainMismatch, "DOMAIN_MISMATCH", kFailedPrecondition, false},
    {Reason::kCardAlreadyTokenized, "CARD_ALREADY_TOKENIZED", kAlreadyExists, false},
    {Reason::kTokenTaken, "TOKEN_TAKEN", kAlreadyExists, false},
    {Reason::kKeyNotFound, "KEY_NOT_FOUND", kNotFound, false},
    {Reason::kProfileNotFound, "PROFILE_NOT_FOUND", kNotFound, false},
    {Reason::kProfileChanged, "PROFILE_CHANGED", kFailedPrecondition, false},
    {Reason::kKeyExists, "KEY_EXISTS", kAlreadyExists, false},
    {Reason::kKeyNotActive, "KEY_NOT_ACTIVE", kFailedPrecondition, false},
    {Reason::kKeyNotRotatable, "KEY_NOT_ROTATABLE", kFailedPrecondition, false},
    {Reason::kKeyNotPublished, "KEY_NOT_PUBLISHED", kFailedPrecondition, false},
    {Reason::kKeyPurposeMismatch, "KEY_PURPOSE_MISMATCH", kFailedPrecondition, false},
    {Reason::kCertificatesMissing, "CERTIFICATES_MISSING", kFailedPrecondition, false},
    {Reason::kKeyUsesExhausted, "KEY_USES_EXHAUSTED", kFailedPrecondition, false},
    {Reason::kKeyDelivered, "KEY_DELIVERED", kFailedPrecondition, false},
    {Reason::kPartnerKeyNotYetValid, "PARTNER_KEY_NOT_YET_VALID", kFailedPrecondition, false},
    {Reason::kPartnerKeyExpired, "PARTNER_KEY_EXPIRED", kFailedPrecondition, false},
    {Reason::kPartnerKeyDisabled, "PARTNER_KEY_DISABLED", kFailedPrecondition, false},
    {Reason::kAlgorithmUnsupported, "ALGORITHM_UNSUPPORTED", kFailedPrecondition, false},
    {Reason::kConflict, "CONFLICT", kAborted, true},
    {Reason::kOverloaded, "OVERLOADED", kResourceExhausted, true},
    {Reason::kShuttingDown, "SHUTTING_DOWN", kUnavailable, true},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", kDeadlineExceeded, false},
    {Reason::kHsmUnavailable, "HSM_UNAVAILABLE", kUnavailable, true},
    {Reason::kHsmFailure, "HSM_FAILURE", kInternal, false},
    {Reason::kPinRefused, "PIN_REFUSED", kFailedPrecondition, false},
    {Reason::kTokenMissing, "TOKEN_MISSING", kUnavailable, false},
    {Reason::kAuditUnavailable, "AUDIT_UNAVAILABLE", kUnavailable, true},
    {Reason::kStoreUnavailable, "STORE_UNAVAILABLE", kUnavailable, true},
    {Reason::kOutcomeUnknown, "OUTCOME_UNKNOWN", kUnavailable, true},
    {Reason::kKeyUsesNotReserved, "KEY_USES_NOT_RESERVED", kUnavailable, true},
    {Reason::kLockedMemory, "LOCKED_MEMORY", kResourceExhausted, true},
    {Reason::kIntegrityFailure, "INTEGRITY_FAILURE", kDataLoss, false},
    {Reason::kRollbackDetected, "ROLLBACK_DETECTED", kDataLoss, false},
    {Reason::kStoreForeign, "STORE_FOREIGN", kFailedPrecondition, false},
    {Reason::kStoreNewer, "STORE_NEWER", kFailedPrecondition, false},
    {Reason::kStoreInUse, "STORE_IN_USE", kFailedPrecondition, false},
    {Reason::kNotInitialized, "NOT_INITIALIZED", kFailedPrecondition, false},
    {Reason::kRecoveryShareInvalid, "RECOVERY_SHARE_INVALID", kInvalidArgument, false},
    {Reason::kRecoverySharesMismatch, "RECOVERY_SHARES_MISMATCH", kInvalidArgument, false},
    {Reason::kRecoverySharesTooFew, "RECOVERY_SHARES_TOO_FEW", kFailedPrecondition, false},
    {Reason::kRecoveryKeyMismatch, "RECOVERY_KEY_MISMATCH", kFailedPrecondition, false},
    {Reason::kNothingToRestore, "NOTHING_TO_RESTORE", kFailedPrecondition, false},
    {Reason::kConfigInvalid, "CONFIG_INVALID", kInvalidArgument, false},
    {Reason::kPolicyInvalid, "POLICY_INVALID", kInvalidArgument, false},
    {Reason::kEnvironmentMismatch, "ENVIRONMENT_MISMATCH", kFailedPrecondition, false},
    {Reason::kSelfTestFailed, "SELF_TEST_FAILED", kInternal, false},
    {Reason::kInternal, "INTERNAL", kInternal, false},
});

constexpr bool InEnumOrder() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return true;
}
static_assert(InEnumOrder());
static_assert(kReasons.size() == static_cast<std::size_t>(Reason::kInternal) + 1);

}  // namespace

std::span<const ReasonInfo> AllReasons() { return kReasons; }

const ReasonInfo& InfoOf(Reason reason) { return kReasons.at(static_cast<std::size_t>(reason)); }

bool IsLimit(Reason reason) {
  return reason == Reason::kMissesExhausted || reason == Reason::kRevealsExhausted ||
         reason == Reason::kGuessesExhausted || reason == Reason::kSignaturesExhausted;
}

bool IsDenial(Reason reason) {
  return reason == Reason::kPolicyDenied || reason == Reason::kRiskTooHigh ||
         reason == Reason::kOfficerLoginRequired || reason == Reason::kSeparationOfDuties ||
         IsLimit(reason);
}

absl::Status Error(Reason reason, std::string_view message, std::string_view field) {
  const ReasonInfo& info = InfoOf(reason);
  absl::Status status(info.code, ToAbsl(message));
  status.SetPayload(kReasonUrl, absl::Cord(ToAbsl(info.name)));
  if (!field.empty()) status.SetPayload(kFieldUrl, absl::Cord(ToAbsl(field)));
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  if (!payload.has_value()) return std::nullopt;
  for (const ReasonInfo& info : kReasons) {
    if (*payload == ToAbsl(info.name)) return info.reason;
  }
  return std::nullopt;
}

std::string FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFieldUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace keysvc
