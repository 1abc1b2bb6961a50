// Every error that keysvc gives has a reason: a stable word that programs may act on. The table in
// reason.cc is the only list; docs/errors.md is checked against it.
#ifndef KEYSVC_STATUS_REASON_H_
#define KEYSVC_STATUS_REASON_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keysvc {

enum class Reason {
  // The caller's request.
  kMalformedRequest,
  kUnknownField,
  kFieldRequired,
  kFieldInvalid,
  kPanInvalid,
  kExpiryInvalid,
  kBatchSize,
  kMessageTooLarge,
  kDeadlineRequired,
  kDigestLength,
  kRequestIdReused,
  kPrivateKeyPresented,
  kWrappedSecretInvalid,
  kMethodUnknown,
  // Who calls, and what the policy says.
  kIdentityMissing,
  kIdentityAmbiguous,
  kIdentityUnknown,
  kCertificateRejected,
  kPolicyDenied,
  kRiskTooHigh,
  kOfficerLoginRequired,
  kSeparationOfDuties,
  kMissesExhausted,
  kRevealsExhausted,
  kGuessesExhausted,
  kSignaturesExhausted,
  kNoncesExhausted,
  // What the call names.
  kTokenNotFound,
  kCardNotTokenized,
  kCardsNotIndexed,
  kTokenSuspended,
  kTokenDeleted,
  kTokenExpired,
  kTokenExhausted,
  kTokensExhausted,
  kDomainMismatch,
  kCardAlreadyTokenized,
  kTokenTaken,
  kKeyNotFound,
  kProfileNotFound,
  kProfileChanged,
  kKeyExists,
  kKeyNotActive,
  kKeyNotRotatable,
  kKeyNotPublished,
  kKeyPurposeMismatch,
  kCertificatesMissing,
  kKeyUsesExhausted,
  kKeyDelivered,
  kPartnerKeyNotYetValid,
  kPartnerKeyExpired,
  kPartnerKeyDisabled,
  kAlgorithmUnsupported,
  // Concurrency and load.
  kConflict,
  kOverloaded,
  kShuttingDown,
  kDeadlineExceeded,
  // What keysvc stands on.
  kHsmUnavailable,
  kHsmFailure,
  kPinRefused,
  kTokenMissing,
  kAuditUnavailable,
  kStoreUnavailable,
  kOutcomeUnknown,
  kKeyUsesNotReserved,
  kLockedMemory,
  // Stored data that is not what it was.
  kIntegrityFailure,
  kRollbackDetected,
  kStoreForeign,
  kStoreNewer,
  kStoreInUse,
  kNotInitialized,
  // Recovery after the loss of the HSM.
  kRecoveryShareInvalid,
  kRecoverySharesMismatch,
  kRecoverySharesTooFew,
  kRecoveryKeyMismatch,
  kNothingToRestore,
  // Files that operators write.
  kConfigInvalid,
  kPolicyInvalid,
  kEnvironmentMismatch,
  kSelfTestFailed,
  kInternal,
};

// One row of the table: the word on the wire (UPPER_SNAKE, AIP-193), the canonical code that always
// goes with it, and whether a caller may simply try again (RetryInfo is attached).
struct ReasonInfo {
  Reason reason;
  std::string_view name;
  absl::StatusCode code;
  bool retryable;
};

// The whole table, in enum order. Thread-safe.
std::span<const ReasonInfo> AllReasons();

const ReasonInfo& InfoOf(Reason reason);

// Whether the caller has used up a limit that the policy sets.
bool IsLimit(Reason reason);
// Whether the policy, or a limit that it sets, forbids what was asked: records call that denied.
bool IsDenial(Reason reason);

// Makes an error. `message` is for people and never contains input, SQL, a PIN or a key; `field`
// names the request field at fault, as a proto path such as "card.pan", when there is one.
absl::Status Error(Reason reason, std::string_view message, std::string_view field = {});

// The reason an error was made with; nullopt for OK and for statuses made elsewhere.
std::optional<Reason> ReasonOf(const absl::Status& status);

// The field that Error() was given; empty when there was none.
std::string FieldOf(const absl::Status& status);

}  // namespace keysvc

#endif  // KEYSVC_STATUS_REASON_H_
