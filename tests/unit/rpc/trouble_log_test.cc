#include "keysvc/rpc/trouble_log.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TroubleLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines;
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  TroubleLog log{[this](const std::string& line) { lines.push_back(line); },
                 [this] { return now; }};
};

TEST_F(TroubleLogTest, TellsWhatCallersAreNotTold) {
  log.Note("SigningService.Sign", Error(Reason::kHsmFailure, "C_Sign: CKR_DEVICE_ERROR"));
  EXPECT_THAT(lines, ElementsAre("SigningService.Sign: HSM_FAILURE: C_Sign: CKR_DEVICE_ERROR"));
}

TEST_F(TroubleLogTest, TellsOfAPinThatTheHsmRefusesWhileServing) {
  log.Note("SigningService.Sign", Error(Reason::kPinRefused, "C_Login: CKR_PIN_INCORRECT"));
  EXPECT_THAT(lines, ElementsAre("SigningService.Sign: PIN_REFUSED: C_Login: CKR_PIN_INCORRECT"));
}

TEST_F(TroubleLogTest, IgnoresWhatIsTheCallersOwn) {
  log.Note("TokenService.Tokenize", Error(Reason::kPanInvalid, "not a card"));
  log.Note("TokenService.Tokenize", Error(Reason::kPolicyDenied, "no"));
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(TroubleLogTest, NeverRepeatsTextsMadeElsewhere) {
  log.Note("TokenService.Tokenize", absl::UnknownError("4111111111111111"));
  EXPECT_THAT(lines, ElementsAre("TokenService.Tokenize: INTERNAL: an error without a reason"));
}

TEST_F(TroubleLogTest, SaysOneLineASecondAndHowManyItLeftOut) {
  for (int i = 0; i < 5; ++i) log.Note("A.B", Error(Reason::kHsmUnavailable, "away"));
  EXPECT_EQ(lines.size(), 1U);
  now += absl::Seconds(1);
  log.Note("A.B", Error(Reason::kHsmUnavailable, "away"));
  now += absl::Seconds(1);
  log.Note("A.B", Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(
      lines, ElementsAre("A.B: HSM_UNAVAILABLE: away", "A.B: HSM_UNAVAILABLE: away (4 more before)",
                         "A.B: HSM_UNAVAILABLE: away"));
}

TEST_F(TroubleLogTest, AnAlarmIsSaidOnceAMinuteForEachCause) {
  const auto lost = Error(Reason::kIntegrityFailure, "a stored token is not what was written");
  for (int i = 0; i < 3; ++i) log.Note("TokenService.Detokenize", lost);
  log.Note("TokenService.GetToken", lost);
  log.Note("SigningService.Sign", Error(Reason::kHsmFailure, "CKR_DEVICE_ERROR"));
  log.Alarm("KEY_USES_DUE", "tenants/acme/keys/cards-data/versions/1", "rotate this key");
  EXPECT_THAT(lines, ElementsAre("alarm: INTEGRITY_FAILURE: TokenService.Detokenize: a stored "
                                 "token is not what was written",
                                 "alarm: INTEGRITY_FAILURE: TokenService.GetToken: a stored token "
                                 "is not what was written",
                                 "SigningService.Sign: HSM_FAILURE: CKR_DEVICE_ERROR",
                                 "alarm: KEY_USES_DUE: tenants/acme/keys/cards-data/versions/1: "
                                 "rotate this key"));
  lines.clear();
  now += absl::Minutes(1);
  log.Note("TokenService.Detokenize", lost);
  EXPECT_THAT(lines, ElementsAre("alarm: INTEGRITY_FAILURE: TokenService.Detokenize: a stored "
                                 "token is not what was written (2 more before)"));
}

TEST_F(TroubleLogTest, ACallerWhoHasUsedUpALimitIsAnAlarmByItsName) {
  const auto exhausted = Error(Reason::kMissesExhausted, "too many");
  log.Note("TokenService.Detokenize", exhausted, "settlement");
  log.Note("TokenService.GetToken", exhausted, "settlement");
  log.Note("TokenService.Detokenize", exhausted, "fraud");
  EXPECT_THAT(lines, ElementsAre("alarm: MISSES_EXHAUSTED: settlement: too many",
                                 "alarm: MISSES_EXHAUSTED: fraud: too many"));
}

TEST_F(TroubleLogTest, AWrappedSecretThatDoesNotOpenIsAnAlarm) {
  const auto invalid = Error(Reason::kWrappedSecretInvalid, "no secret");
  log.Note("KeyService.ImportKey", invalid, "officer-1");
  log.Note("KeyService.ImportKey", invalid, "officer-2");
  EXPECT_THAT(lines, ElementsAre("alarm: WRAPPED_SECRET_INVALID: KeyService.ImportKey: no secret"));
}

TEST_F(TroubleLogTest, ASignatureThatCannotBeRememberedIsAnAlarm) {
  const auto exhausted = Error(Reason::kNoncesExhausted, "too many");
  log.Note("SigningService.VerifyJws", exhausted, "settlement");
  EXPECT_THAT(lines, ElementsAre("alarm: NONCES_EXHAUSTED: SigningService.VerifyJws: too many"));
}

TEST_F(TroubleLogTest, ALogThatIsAwayIsAnAlarm) {
  log.Note("TokenService.Tokenize", Error(Reason::kAuditUnavailable, "the audit log is away"));
  EXPECT_THAT(lines, ElementsAre("alarm: AUDIT_UNAVAILABLE: TokenService.Tokenize: the audit log "
                                 "is away"));
}

}  // namespace
}  // namespace keysvc::rpc
