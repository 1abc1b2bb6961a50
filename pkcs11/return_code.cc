#include "pkcs11/return_code.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "status/abseil.h"

namespace keysvc::pkcs11 {
namespace {

constexpr char kRecoveryUrl[] = "keysvc/recovery";

constexpr auto kReturnCodes = std::to_array<ReturnCode>({
    {CKR_OK, "CKR_OK", Recovery::kFatal, Reason::kInternal},
    {CKR_CANCEL, "CKR_CANCEL", Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_NO_EVENT, "CKR_NO_EVENT", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_NEED_TO_CREATE_THREADS, "CKR_NEED_TO_CREATE_THREADS", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_CANT_LOCK, "CKR_CANT_LOCK", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_ACTION_PROHIBITED, "CKR_ACTION_PROHIBITED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_DATA_INVALID, "CKR_DATA_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_ENCRYPTED_DATA_INVALID, "CKR_ENCRYPTED_DATA_INVALID", Recovery::kFatal,
     Reason::kIntegrityFailure},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, "CKR_ENCRYPTED_DATA_LEN_RANGE", Recovery::kFatal,
     Reason::kIntegrityFailure},
    {CKR_AEAD_DECRYPT_FAILED, "CKR_AEAD_DECRYPT_FAILED", Recovery::kFatal,
     Reason::kIntegrityFailure},
    {CKR_FUNCTION_CANCELED, "CKR_FUNCTION_CANCELED", Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_FUNCTION_NOT_PARALLEL, "CKR_FUNCTION_NOT_PARALLEL", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", Recovery::kFatal,
     Reason::kAlgorithmUnsupported},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", Recovery::kDiscardSession,
     Reason::kHsmUnavailable},
    {CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_KEY_NOT_NEEDED, "CKR_KEY_NOT_NEEDED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_KEY_CHANGED, "CKR_KEY_CHANGED", Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_KEY_NEEDED, "CKR_KEY_NEEDED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_KEY_INDIGESTIBLE, "CKR_KEY_INDIGESTIBLE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_KEY_NOT_WRAPPABLE, "CKR_KEY_NOT_WRAPPABLE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_KEY_UNEXTRACTABLE, "CKR_KEY_UNEXTRACTABLE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", Recovery::kFatal,
     Reason::kAlgorithmUnsupported},
    {CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", Recovery::kDiscardSession,
     Reason::kHsmUnavailable},
    {CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE", Recovery::kDiscardSession,
     Reason::kHsmUnavailable},
    {CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED", Recovery::kDiscardSession,
     Reason::kHsmUnavailable},
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_INVALID, "CKR_PIN_INVALID", Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", Recovery::kFatal, Reason::kPinRefused},
    {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", Recovery::kDiscardSession,
     Reason::kHsmUnavailable},
    {CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKR_SESSION_PARALLEL_NOT_SUPPORTED", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_SESSION_READ_ONLY, "CKR_SESSION_READ_ONLY", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_SESSION_EXISTS, "CKR_SESSION_EXISTS", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_SESSION_READ_ONLY_EXISTS, "CKR_SESSION_READ_ONLY_EXISTS", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_SESSION_READ_WRITE_SO_EXISTS, "CKR_SESSION_READ_WRITE_SO_EXISTS", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_SIGNATURE_INVALID, "CKR_SIGNATURE_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_SIGNATURE_LEN_RANGE, "CKR_SIGNATURE_LEN_RANGE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_TEMPLATE_INCOMPLETE, "CKR_TEMPLATE_INCOMPLETE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED", Recovery::kTokenAway,
     Reason::kHsmUnavailable},
    {CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_UNWRAPPING_KEY_SIZE_RANGE, "CKR_UNWRAPPING_KEY_SIZE_RANGE", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", Recovery::kLoginLost,
     Reason::kHsmUnavailable},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_USER_TYPE_INVALID, "CKR_USER_TYPE_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_USER_TOO_MANY_TYPES, "CKR_USER_TOO_MANY_TYPES", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_WRAPPED_KEY_INVALID, "CKR_WRAPPED_KEY_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_WRAPPED_KEY_LEN_RANGE, "CKR_WRAPPED_KEY_LEN_RANGE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_WRAPPING_KEY_HANDLE_INVALID, "CKR_WRAPPING_KEY_HANDLE_INVALID", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_WRAPPING_KEY_SIZE_RANGE, "CKR_WRAPPING_KEY_SIZE_RANGE", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "CKR_WRAPPING_KEY_TYPE_INCONSISTENT", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_RANDOM_SEED_NOT_SUPPORTED, "CKR_RANDOM_SEED_NOT_SUPPORTED", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_RANDOM_NO_RNG, "CKR_RANDOM_NO_RNG", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_DOMAIN_PARAMS_INVALID, "CKR_DOMAIN_PARAMS_INVALID", Recovery::kFatal,
     Reason::kAlgorithmUnsupported},
    {CKR_CURVE_NOT_SUPPORTED, "CKR_CURVE_NOT_SUPPORTED", Recovery::kFatal,
     Reason::kAlgorithmUnsupported},
    {CKR_BUFFER_TOO_SMALL, "CKR_BUFFER_TOO_SMALL", Recovery::kDiscardSession, Reason::kHsmFailure},
    {CKR_SAVED_STATE_INVALID, "CKR_SAVED_STATE_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_INFORMATION_SENSITIVE, "CKR_INFORMATION_SENSITIVE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_STATE_UNSAVEABLE, "CKR_STATE_UNSAVEABLE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", Recovery::kTokenAway,
     Reason::kHsmUnavailable},
    {CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_MUTEX_BAD, "CKR_MUTEX_BAD", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_MUTEX_NOT_LOCKED, "CKR_MUTEX_NOT_LOCKED", Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_NEW_PIN_MODE, "CKR_NEW_PIN_MODE", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_NEXT_OTP, "CKR_NEXT_OTP", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_EXCEEDED_MAX_ITERATIONS, "CKR_EXCEEDED_MAX_ITERATIONS", Recovery::kFatal,
     Reason::kHsmFailure},
    {CKR_FIPS_SELF_TEST_FAILED, "CKR_FIPS_SELF_TEST_FAILED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_LIBRARY_LOAD_FAILED, "CKR_LIBRARY_LOAD_FAILED", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_PIN_TOO_WEAK, "CKR_PIN_TOO_WEAK", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_PUBLIC_KEY_INVALID, "CKR_PUBLIC_KEY_INVALID", Recovery::kFatal, Reason::kHsmFailure},
    {CKR_FUNCTION_REJECTED, "CKR_FUNCTION_REJECTED", Recovery::kRetry, Reason::kHsmUnavailable},
});

static_assert(std::is_sorted(kReturnCodes.begin(), kReturnCodes.end(),
                             [](const auto& a, const auto& b) { return a.code < b.code; }));

constexpr ReturnCode kUnlisted = {CKR_VENDOR_DEFINED, "an unlisted code", Recovery::kDiscardSession,
                                  Reason::kHsmUnavailable};

}  // namespace

std::span<const ReturnCode> AllReturnCodes() { return kReturnCodes; }

const ReturnCode& ReturnCodeOf(CK_RV code) {
  const auto found =
      std::lower_bound(kReturnCodes.begin(), kReturnCodes.end(), code,
                       [](const auto& row, CK_RV value) { return row.code < value; });
  return found != kReturnCodes.end() && found->code == code ? *found : kUnlisted;
}

absl::Status ToStatus(CK_RV code, std::string_view function) {
  if (code == CKR_OK) return absl::OkStatus();
  const ReturnCode& row = ReturnCodeOf(code);
  std::string message = absl::StrCat(ToAbsl(function), ": ", ToAbsl(row.name));
  if (&row == &kUnlisted) absl::StrAppend(&message, " 0x", absl::Hex(code));
  return RecoverableBy(row.recovery, Error(row.reason, message));
}

absl::Status RecoverableBy(Recovery recovery, absl::Status status) {
  const char mark = static_cast<char>(recovery);
  status.SetPayload(kRecoveryUrl, absl::Cord(absl::string_view(&mark, 1)));
  return status;
}

Recovery RecoveryOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRecoveryUrl);
  if (!payload.has_value()) return Recovery::kFatal;
  return static_cast<Recovery>((*payload)[0]);
}

}  // namespace keysvc::pkcs11
