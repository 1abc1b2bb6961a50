// Opening a token, and what becomes of a PIN that it refuses.
#include <filesystem>
#include <memory>

#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "tests/fakes/fault_module.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::pkcs11 {
namespace {

namespace fault = testing::fault_module;
using testing::HasReason;
using testing::IsOk;

class LogIn : public ::testing::Test {
 protected:
  LogIn() {
    fault::Reset();
    options_ = token_.options();
    options_.module_path = KEYSVC_FAULT_MODULE;
  }

  testing::SoftHsmToken token_;
  TokenOptions options_;
};

TEST_F(LogIn, OpensAgainAndAgain) {
  for (int i = 0; i < 3; ++i) EXPECT_OK(OpenToken(options_));
  EXPECT_EQ(fault::Calls("C_Finalize"), 3U);
}

TEST_F(LogIn, IsRefusedTwiceInOneProcess) {
  const auto first = OpenToken(options_);
  ASSERT_OK(first);
  EXPECT_FALSE(OpenToken(options_).ok());
}

TEST_F(LogIn, TriesAWrongPinOnceEvenAfterARestart) {
  token_.WritePin("111111\n");
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
  EXPECT_TRUE(std::filesystem::exists(token_.marker_file()));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
}

TEST_F(LogIn, TriesACorrectedPinAndForgetsTheRefusal) {
  token_.WritePin("111111");
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  token_.WritePin(testing::SoftHsmToken::kPin);
  EXPECT_OK(OpenToken(options_));
  EXPECT_EQ(fault::Calls("C_Login"), 2U);
  EXPECT_FALSE(std::filesystem::exists(token_.marker_file()));
}

TEST_F(LogIn, MarksAPinThatLockedTheToken) {
  fault::Fail("C_Login", CKR_PIN_LOCKED, 1);
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
}

TEST_F(LogIn, DoesNotUseUpTheLastTryNorALockedPin) {
  for (const CK_FLAGS flag : {CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED}) {
    fault::Reset();
    fault::AddTokenFlags(flag);
    EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
    EXPECT_EQ(fault::Calls("C_Login"), 0U);
  }
}

TEST_F(LogIn, DoesNotTryAPinThatMayHaveBeenRefusedJustBeforeAKill) {
  token_.WritePin("111111");
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  std::filesystem::remove(token_.marker_file());
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
}

TEST_F(LogIn, DoesNotTryAPinBesideADamagedMarker) {
  testing::WriteFile(token_.marker_file(), "not a marker");
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kPinRefused));
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(LogIn, DoesNotBlameThePinForAnotherError) {
  fault::Fail("C_Login", CKR_DEVICE_ERROR, 1);
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kTokenMissing));
  EXPECT_OK(OpenToken(options_));
}

TEST_F(LogIn, APinThatIsRefusedWhileServingIsTriedOnceAndMayBeCorrected) {
  auto hsm = OpenToken(options_);
  ASSERT_OK(hsm);
  ASSERT_OK((*hsm)->Generate("mac", KeyKind::kHmacSha256));
  token_.WritePin("111111");
  fault::Reset();
  fault::Fail("C_Sign", CKR_USER_NOT_LOGGED_IN, 1);
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT((*hsm)->Probe("mac"), HasReason(Reason::kPinRefused));
  }
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
  token_.WritePin(testing::SoftHsmToken::kPin);
  EXPECT_OK((*hsm)->Probe("mac"));
}

TEST_F(LogIn, ACorrectedPinIsTriedAtOnceHoweverLongTheLibraryMustRest) {
  options_.reinitialize_interval = absl::Hours(1);
  auto hsm = OpenToken(options_);
  ASSERT_OK(hsm);
  ASSERT_OK((*hsm)->Generate("mac", KeyKind::kHmacSha256));
  for (int i = 0; i < 2; ++i) {
    token_.WritePin("111111");
    fault::Reset();
    fault::Fail("C_Sign", CKR_USER_NOT_LOGGED_IN, 1);
    for (int probe = 0; probe < 3; ++probe) {
      EXPECT_THAT((*hsm)->Probe("mac"), HasReason(Reason::kPinRefused));
    }
    token_.WritePin(testing::SoftHsmToken::kPin);
    EXPECT_OK((*hsm)->Probe("mac"));
    EXPECT_EQ(fault::Calls("C_Login"), 2U);
    EXPECT_EQ(fault::Calls("C_Initialize"), 0U);
  }
}

TEST_F(LogIn, FindsNoTokenOfAnotherLabelNorWithoutADirectory) {
  TokenOptions other = options_;
  other.token_label = "keysvc-tes";
  EXPECT_THAT(OpenToken(other), HasReason(Reason::kTokenMissing));
  token_.TakeAway();
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kTokenMissing));
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
  token_.BringBack();
  EXPECT_OK(OpenToken(options_));
}

TEST_F(LogIn, RefusesWhatIsNoLibrary) {
  options_.module_path = token_.pin_file();
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kConfigInvalid));
  options_.module_path = "libm.so.6";
  EXPECT_THAT(OpenToken(options_), HasReason(Reason::kConfigInvalid));
}

}  // namespace
}  // namespace keysvc::pkcs11
