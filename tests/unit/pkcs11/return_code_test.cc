#include "pkcs11/return_code.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

struct Expected {
  CK_RV code;
  Recovery recovery;
  Reason reason;
};

const std::vector<Expected> kExpected = {
    {CKR_CANCEL, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_HOST_MEMORY, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_SLOT_ID_INVALID, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_GENERAL_ERROR, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_FUNCTION_FAILED, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_DEVICE_ERROR, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_DEVICE_MEMORY, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_DEVICE_REMOVED, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_ENCRYPTED_DATA_INVALID, Recovery::kFatal, Reason::kIntegrityFailure},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, Recovery::kFatal, Reason::kIntegrityFailure},
    {CKR_AEAD_DECRYPT_FAILED, Recovery::kFatal, Reason::kIntegrityFailure},
    {CKR_FUNCTION_CANCELED, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_FUNCTION_NOT_SUPPORTED, Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_KEY_HANDLE_INVALID, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_KEY_CHANGED, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_MECHANISM_INVALID, Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_CURVE_NOT_SUPPORTED, Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_KEY_SIZE_RANGE, Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_DOMAIN_PARAMS_INVALID, Recovery::kFatal, Reason::kAlgorithmUnsupported},
    {CKR_OBJECT_HANDLE_INVALID, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_OPERATION_ACTIVE, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_OPERATION_NOT_INITIALIZED, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_PIN_INCORRECT, Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_INVALID, Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_LEN_RANGE, Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_EXPIRED, Recovery::kFatal, Reason::kPinRefused},
    {CKR_PIN_LOCKED, Recovery::kFatal, Reason::kPinRefused},
    {CKR_SESSION_CLOSED, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_SESSION_COUNT, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_SESSION_HANDLE_INVALID, Recovery::kDiscardSession, Reason::kHsmUnavailable},
    {CKR_TOKEN_NOT_PRESENT, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_TOKEN_NOT_RECOGNIZED, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_USER_NOT_LOGGED_IN, Recovery::kLoginLost, Reason::kHsmUnavailable},
    {CKR_CRYPTOKI_NOT_INITIALIZED, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_BUFFER_TOO_SMALL, Recovery::kDiscardSession, Reason::kHsmFailure},
    {CKR_FUNCTION_REJECTED, Recovery::kRetry, Reason::kHsmUnavailable},
    {CKR_MUTEX_BAD, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_MUTEX_NOT_LOCKED, Recovery::kTokenAway, Reason::kHsmUnavailable},
    {CKR_RANDOM_NO_RNG, Recovery::kFatal, Reason::kHsmFailure},
};

TEST(ReturnCode, HasThisMeaningAndEveryOtherListedOneIsFatal) {
  EXPECT_EQ(AllReturnCodes().size(), 94U);
  for (const ReturnCode& row : AllReturnCodes()) {
    if (row.code == CKR_OK) continue;
    const auto found = std::find_if(kExpected.begin(), kExpected.end(),
                                    [&](const Expected& e) { return e.code == row.code; });
    const Expected expected = found != kExpected.end()
                                  ? *found
                                  : Expected{row.code, Recovery::kFatal, Reason::kHsmFailure};
    EXPECT_EQ(row.recovery, expected.recovery) << row.name;
    EXPECT_EQ(row.reason, expected.reason) << row.name;
  }
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(ReturnCodeOf(expected.code).code, expected.code);
  }
}

TEST(ReturnCode, BecomesAnErrorThatNamesTheFunctionAndTheCode) {
  EXPECT_OK(ToStatus(CKR_OK, "C_Sign"));
  const absl::Status status = ToStatus(CKR_USER_NOT_LOGGED_IN, "C_SignInit");
  EXPECT_EQ(std::string(status.message()), "C_SignInit: CKR_USER_NOT_LOGGED_IN");
  EXPECT_THAT(status, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(RecoveryOf(status), Recovery::kLoginLost);
}

TEST(ReturnCode, OfAVendorIsGivenAsANumberAndMayBeRecoveredFrom) {
  const absl::Status status = ToStatus(CKR_VENDOR_DEFINED + 0x2a, "C_Sign");
  EXPECT_EQ(std::string(status.message()), "C_Sign: an unlisted code 0x8000002a");
  EXPECT_EQ(RecoveryOf(status), Recovery::kDiscardSession);
}

TEST(ReturnCode, ErrorsMadeElsewhereAreNotRecoveredFrom) {
  EXPECT_EQ(RecoveryOf(absl::OkStatus()), Recovery::kFatal);
  EXPECT_EQ(RecoveryOf(Error(Reason::kKeyNotFound, "none")), Recovery::kFatal);
}

}  // namespace
}  // namespace keysvc::pkcs11
