// The ladder of recovery, on SoftHSM2 behind a library that fails on demand.
#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/pkcs11/faulty_token.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

class Recovery : public FaultyToken {};

TEST_F(Recovery, ThrowsASpentSessionAwayAndUsesANewOne) {
  OpenWithKeys();
  // An error before C_Sign leaves the operation active in the old session.
  for (const CK_RV code : {CKR_SESSION_HANDLE_INVALID, CKR_OPERATION_ACTIVE, CKR_SESSION_CLOSED,
                           CKR_VENDOR_DEFINED + 7}) {
    fault::Fail("C_Sign", code, 1);
    EXPECT_OK(Mac());
  }
  EXPECT_EQ(fault::Calls("C_OpenSession"), 4U);
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(Recovery, TakesAnObjectThatCannotBeReadForATokenThatIsAway) {
  OpenWithKeys();
  ASSERT_OK(hsm_->Generate("pair", KeyKind::kEcP256));
  fault::Fail("C_GetAttributeValue", CKR_ATTRIBUTE_VALUE_INVALID, 1);
  EXPECT_OK(hsm_->PublicKey("pair"));
  fault::Fail("C_GetAttributeValue", CKR_ATTRIBUTE_VALUE_INVALID, kForEver);
  const auto failed = hsm_->PublicKey("pair");
  EXPECT_THAT(failed, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(std::string(failed.status().message()),
            "C_GetAttributeValue: CKR_ATTRIBUTE_VALUE_INVALID");
}

TEST_F(Recovery, LogsInOnceWhenTheLogInWasLost) {
  OpenWithKeys();
  fault::Fail("C_SignInit", CKR_USER_NOT_LOGGED_IN, 1);
  EXPECT_OK(Mac());
  EXPECT_EQ(fault::Calls("C_Login"), 1U);
  EXPECT_EQ(fault::Calls("C_Initialize"), 0U);
}

TEST_F(Recovery, FindsKeysAgainAfterLoggingIn) {
  OpenWithKeys();
  fault::Fail("C_Sign", CKR_DEVICE_ERROR, 1);
  EXPECT_OK(Mac());
  EXPECT_EQ(fault::Calls("C_FindObjectsInit"), 1U);
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
  EXPECT_EQ(fault::Calls("C_FindObjectsInit"), 2U);
}

TEST_F(Recovery, FindsAKeyAgainWhoseHandleIsSpent) {
  OpenWithKeys();
  fault::Fail("C_SignInit", CKR_OBJECT_HANDLE_INVALID, 1);
  EXPECT_OK(Mac());
  EXPECT_EQ(fault::Calls("C_FindObjectsInit"), 1U);
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(Recovery, InitialisesTheLibraryAgainWhenALogInDoesNotHelp) {
  OpenWithKeys();
  fault::Fail("C_Sign", CKR_DEVICE_REMOVED, 2);
  EXPECT_OK(Mac());
  EXPECT_EQ(fault::Calls("C_Initialize"), 1U);
  EXPECT_EQ(fault::Calls("C_Finalize"), 1U);
}

TEST_F(Recovery, GivesUpWithTheNameOfTheErrorAndStaysUsable) {
  OpenWithKeys();
  fault::Fail("C_Sign", CKR_DEVICE_ERROR, kForEver);
  const auto failed = Mac();
  EXPECT_THAT(failed, HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(std::string(failed.status().message()), "C_Sign: CKR_DEVICE_ERROR");
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
  fault::Reset();
  EXPECT_OK(Mac());
}

TEST_F(Recovery, InitialisesTheLibraryOnlyOnceInTheInterval) {
  options_.reinitialize_interval = absl::Hours(1);
  OpenWithKeys();
  fault::Fail("C_Sign", CKR_DEVICE_ERROR, kForEver);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Mac(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(fault::Calls("C_Initialize"), 1U);
  // The other keys stay usable all the while.
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
}

TEST_F(Recovery, DoesNotLogInAgainForABusyToken) {
  OpenWithKeys();
  fault::Fail("C_Sign", CKR_HOST_MEMORY, 1);
  EXPECT_OK(Mac());
  fault::Fail("C_Sign", CKR_HOST_MEMORY, 2);
  EXPECT_THAT(Mac(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(Recovery, DoesNotTryAgainWhatCannotWork) {
  OpenWithKeys();
  fault::Fail("C_SignInit", CKR_KEY_FUNCTION_NOT_PERMITTED, kForEver);
  EXPECT_THAT(Mac(), HasReason(Reason::kHsmFailure));
  EXPECT_EQ(fault::Calls("C_SignInit"), 1U);
}

TEST_F(Recovery, AdoptsAKeyWhoseAnswerWasLost) {
  Open();
  fault::LoseAnswer("C_GenerateKey", CKR_DEVICE_ERROR);
  EXPECT_OK(hsm_->Generate("mac", KeyKind::kHmacSha256));
  EXPECT_EQ(fault::Calls("C_GenerateKey"), 1U);
  EXPECT_OK(Mac());
}

TEST_F(Recovery, LeavesNoKeyBehindThatItDidNotAcknowledge) {
  Open();
  // Three rungs fail with the key made at the first, then the clean-up works.
  fault::Fail("C_Sign", CKR_DEVICE_ERROR, 4);
  EXPECT_THAT(hsm_->Generate("mac", KeyKind::kHmacSha256), HasReason(Reason::kHsmUnavailable));
  const auto keys = hsm_->List();
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->empty());
}

TEST_F(Recovery, TakesALostAnswerToADestructionForSuccess) {
  OpenWithKeys();
  fault::LoseAnswer("C_DestroyObject", CKR_DEVICE_ERROR);
  EXPECT_OK(hsm_->Destroy("mac"));
  EXPECT_THAT(Mac(), HasReason(Reason::kKeyNotFound));
}

TEST_F(Recovery, DoesNotCallATokenThatFailsABrokenBlob) {
  OpenWithKeys();
  fault::Fail("C_Decrypt", CKR_GENERAL_ERROR, kForEver);
  EXPECT_THAT(hsm_->Unwrap("wrap", wrapped_, "context"), HasReason(Reason::kHsmUnavailable));
  fault::Reset();
  fault::Fail("C_Decrypt", CKR_GENERAL_ERROR, 1);
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
}

TEST_F(Recovery, ABrokenBlobCostsNoLogIn) {
  OpenWithKeys();
  wrapped_.back() = static_cast<char>(wrapped_.back() ^ 1);
  EXPECT_THAT(hsm_->Unwrap("wrap", wrapped_, "context"), HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(Recovery, IsUnavailableWhileTheTokenIsAwayAndComesBackByItself) {
  OpenWithKeys();
  token_.TakeAway();
  const auto unavailable = HasReason(Reason::kHsmUnavailable);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Mac(), unavailable);
    EXPECT_THAT(hsm_->Unwrap("wrap", wrapped_, "context"), unavailable);
    EXPECT_THAT(hsm_->Sign("unknown", Mechanism::kHmacSha256, "m"), unavailable);
    EXPECT_THAT(hsm_->List(), unavailable);
    EXPECT_THAT(hsm_->Generate("new", KeyKind::kHmacSha256), unavailable);
    EXPECT_THAT(hsm_->Destroy("mac"), unavailable);
  }
  token_.BringBack();
  EXPECT_OK(Mac());
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
  const auto keys = hsm_->List();
  ASSERT_OK(keys);
  EXPECT_EQ(keys->size(), 2U);
}

// Each verb meets the lost token first in turn: none may take it for an empty one.
TEST_F(Recovery, NoVerbTakesALostTokenForAnEmptyOne) {
  OpenWithKeys();
  const std::vector<std::function<absl::Status()>> verbs = {
      [&] { return Mac().status(); },
      [&] { return hsm_->Unwrap("wrap", wrapped_, "context").status(); },
      [&] { return hsm_->Wrap("wrap", crypto::AsBytes("secret"), "").status(); },
      [&] { return hsm_->Probe("mac"); },
      [&] { return hsm_->List().status(); },
      [&] { return hsm_->Generate("new", KeyKind::kEd25519); },
      [&] { return hsm_->Destroy("wrap"); },
      [&] { return hsm_->PublicKey("unknown").status(); },
  };
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    SCOPED_TRACE(i);
    token_.TakeAway();
    EXPECT_THAT(verbs[i](), HasReason(Reason::kHsmUnavailable));
    token_.BringBack();
    EXPECT_OK(Mac());
    EXPECT_OK(hsm_->Unwrap("wrap", wrapped_, "context"));
  }
}

TEST_F(Recovery, KeepsAwayUntilTheIntervalIsOver) {
  options_.reinitialize_interval = absl::Hours(1);
  OpenWithKeys();
  token_.TakeAway();
  EXPECT_THAT(Mac(), HasReason(Reason::kHsmUnavailable));
  token_.BringBack();
  EXPECT_THAT(Mac(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(fault::Calls("C_Initialize"), 1U);
}

TEST_F(Recovery, BelievesThatAKeyVanishedOnlyAfterANewStart) {
  OpenWithKeys();
  ASSERT_OK(hsm_->Generate("pair", KeyKind::kEd25519));
  ASSERT_OK(hsm_->Sign("pair", Mechanism::kEd25519, "m"));
  for (const auto& file : std::filesystem::recursive_directory_iterator(token_.token_directory())) {
    if (file.path().extension() == ".object" && file.path().filename() != "token.object") {
      std::filesystem::remove(file.path());
    }
  }
  fault::Reset();
  EXPECT_THAT(Mac(), HasReason(Reason::kKeyNotFound));
  EXPECT_EQ(fault::Calls("C_Initialize"), 1U);
}

TEST_F(Recovery, ALookUpDoesNotWaitForAKeyThatTakesLongToMake) {
  options_.look_up_wait = absl::Milliseconds(1);
  OpenWithKeys();
  ASSERT_OK(hsm_->Generate("new", KeyKind::kHmacSha256));
  std::promise<void> inside;
  std::promise<void> release;
  fault::Before("C_GenerateKeyPair", [&inside, gate = release.get_future().share()] {
    inside.set_value();
    gate.wait();
  });
  auto made =
      std::async(std::launch::async, [this] { return hsm_->Generate("large", KeyKind::kEcP256); });
  inside.get_future().wait();
  EXPECT_OK(Mac());
  EXPECT_THAT(hsm_->Sign("new", Mechanism::kHmacSha256, "m"), HasReason(Reason::kHsmUnavailable));
  release.set_value();
  EXPECT_OK(made.get());
  EXPECT_OK(hsm_->Sign("new", Mechanism::kHmacSha256, "m"));
}

TEST_F(Recovery, EightThreadsSignWhileOthersGenerateAndDestroyWithoutAnyError) {
  // What waits for a turn may wait long where others want the machine too.
  options_.look_up_wait = absl::Seconds(60);
  options_.session_wait = absl::Seconds(60);
  OpenWithKeys();
  std::atomic<bool> done = false;
  std::vector<std::future<int>> signers;
  for (int i = 0; i < 8; ++i) {
    signers.push_back(std::async(std::launch::async, [&] {
      int signatures = 0;
      for (; !done || signatures == 0; ++signatures) EXPECT_OK(Mac());
      return signatures;
    }));
  }
  std::vector<std::future<void>> makers;
  for (int maker = 0; maker < 3; ++maker) {
    makers.push_back(std::async(std::launch::async, [this, maker] {
      for (int i = 0; i < 8; ++i) {
        const std::string label = std::to_string(maker) + " " + std::to_string(i);
        EXPECT_OK(hsm_->Generate(label, i % 2 == 0 ? KeyKind::kHmacSha256 : KeyKind::kEcP256));
        EXPECT_OK(hsm_->List());
        if (i % 3 == 0) {
          EXPECT_OK(hsm_->Destroy(label));
        }
      }
    }));
  }
  for (auto& maker : makers) maker.get();
  done = true;
  for (auto& signer : signers) EXPECT_GT(signer.get(), 0);
  // Nothing went wrong that the ladder then put right.
  EXPECT_EQ(fault::Calls("C_Login"), 0U);
}

TEST_F(Recovery, ThreadsSurviveATokenThatComesAndGoes) {
  OpenWithKeys();
  const auto expected = Mac();
  ASSERT_OK(expected);
  std::atomic<bool> done = false;
  std::vector<std::future<void>> signers;
  for (int i = 0; i < 4; ++i) {
    signers.push_back(std::async(std::launch::async, [&] {
      while (!done) {
        const auto tag = Mac();
        if (tag.ok()) {
          EXPECT_EQ(*tag, *expected);
        } else {
          EXPECT_THAT(tag, HasReason(Reason::kHsmUnavailable));
        }
      }
    }));
  }
  for (int i = 0; i < 10; ++i) {
    token_.TakeAway();
    EXPECT_THAT(hsm_->List(), HasReason(Reason::kHsmUnavailable));
    token_.BringBack();
    while (!hsm_->Probe("mac").ok()) std::this_thread::yield();
  }
  done = true;
  for (auto& signer : signers) signer.get();
  EXPECT_OK(Mac());
}

}  // namespace
}  // namespace keysvc::pkcs11
