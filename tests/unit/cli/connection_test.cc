#include "keysvc/cli/connection.h"

#include <string>

#include "gtest/gtest.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/v1/error_details.pb.h"
#include "tests/support/status_matchers.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::HasReason;

grpc::Status Wire(grpc::StatusCode code, const std::string& reason, const std::string& field) {
  v1::Status status;
  v1::ErrorInfo info;
  info.set_reason(reason);
  v1::Detail& detail = *status.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail.set_value(info.SerializeAsString());
  if (!field.empty()) {
    v1::BadRequest bad_request;
    bad_request.add_field_violations()->set_field(field);
    v1::Detail& violation = *status.add_details();
    violation.set_type_url("type.googleapis.com/google.rpc.BadRequest");
    violation.set_value(bad_request.SerializeAsString());
  }
  return {code, "what happened", status.SerializeAsString()};
}

TEST(ConnectionTest, ReasonAndFieldComeFromTheDetails) {
  const absl::Status status =
      FromWire(Wire(grpc::StatusCode::INVALID_ARGUMENT, "PAN_INVALID", "card.pan"));
  EXPECT_THAT(status, HasReason(Reason::kPanInvalid));
  EXPECT_EQ(FieldOf(status), "card.pan");
  EXPECT_EQ(std::string(status.message()), "what happened");
}

TEST(ConnectionTest, WithoutKnownDetailsTheCodeStays) {
  for (const grpc::Status& wire :
       {Wire(grpc::StatusCode::UNAVAILABLE, "FROM_THE_FUTURE", ""),
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "what happened"),
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "what happened", "\xff not a message")}) {
    EXPECT_EQ(FromWire(wire).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_OK(FromWire(grpc::Status::OK));
}

TEST(ConnectionTest, TheExitCodeTellsNoFromNoAnswer) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(Error(Reason::kPolicyDenied, "")), ExitCode::kNo);
  EXPECT_EQ(ExitCodeOf(Error(Reason::kIntegrityFailure, "")), ExitCode::kNo);
  EXPECT_EQ(ExitCodeOf(Error(Reason::kHsmUnavailable, "")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(Error(Reason::kOverloaded, "")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(Error(Reason::kConfigInvalid, "")), ExitCode::kUsage);
}

TEST(ConnectionTest, WithoutCredentialsNothingIsOpened) {
  EXPECT_THAT(Connection::Open({}), HasReason(Reason::kConfigInvalid));
}

}  // namespace
}  // namespace keysvc::cli
