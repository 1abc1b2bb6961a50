#include "keysvc/say.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"

namespace keysvc {
namespace {

using keysvc::testing::HasReason;

TEST(SayTest, AnOperatorHearsWhereToLookWhenNobodyKnowsWhetherARecordWasWritten) {
  const absl::Status told = ForOperator(Error(Reason::kOutcomeUnknown, "it is not known"));
  EXPECT_THAT(told, HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(std::string(told.message()), ::testing::HasSubstr("disk full"));
}

TEST(SayTest, OtherErrorsStayAsTheyAre) {
  EXPECT_OK(ForOperator(absl::OkStatus()));
  const absl::Status error = Error(Reason::kStoreInUse, "another process has it");
  EXPECT_EQ(ForOperator(error), error);
}

TEST(SayTest, AnErrorIsOneLineWithItsReason) {
  ::testing::internal::CaptureStderr();
  SayError("the old policy stays: ", Error(Reason::kPolicyInvalid, "no rules"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "keysvcd: the old policy stays: POLICY_INVALID: no rules\n");
}

}  // namespace
}  // namespace keysvc
