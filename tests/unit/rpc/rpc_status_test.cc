#include "keysvc/rpc/rpc_status.h"

#include <map>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/v1/error_details.pb.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

v1::Status Details(const grpc::Status& status) {
  v1::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
  return details;
}

// The details by the last word of their type.
std::map<std::string, std::string> DetailsByType(const grpc::Status& status) {
  const std::string prefix = "type.googleapis.com/google.rpc.";
  std::map<std::string, std::string> by_type;
  const v1::Status details = Details(status);
  for (const v1::Detail& detail : details.details()) {
    EXPECT_THAT(detail.type_url(), ::testing::StartsWith(prefix));
    EXPECT_TRUE(by_type.emplace(detail.type_url().substr(prefix.size()), detail.value()).second);
  }
  return by_type;
}

TEST(ToWire, GivesEveryReasonItsCodeAndName) {
  for (const ReasonInfo& info : AllReasons()) {
    const grpc::Status wire = ToWire(Error(info.reason, "what"));
    EXPECT_EQ(static_cast<int>(wire.error_code()), static_cast<int>(info.code)) << info.name;
    auto details = DetailsByType(wire);
    v1::ErrorInfo error;
    ASSERT_TRUE(error.ParseFromString(details["ErrorInfo"]));
    EXPECT_EQ(error.reason(), info.name);
    EXPECT_EQ(error.domain(), "keysvc");
    EXPECT_EQ(details.contains("RetryInfo"), info.retryable) << info.name;
    EXPECT_FALSE(details.contains("BadRequest"));
  }
}

TEST(ToWire, NamesTheFieldAtFault) {
  auto details = DetailsByType(ToWire(Error(Reason::kPanInvalid, "not a card", "card.pan")));
  v1::BadRequest bad;
  ASSERT_TRUE(bad.ParseFromString(details["BadRequest"]));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "card.pan");
  EXPECT_EQ(bad.field_violations(0).description(), "not a card");
}

TEST(ToWire, SaysWhenToTryAgain) {
  v1::RetryInfo overload, outage;
  ASSERT_TRUE(overload.ParseFromString(
      DetailsByType(ToWire(Error(Reason::kOverloaded, "full")))["RetryInfo"]));
  EXPECT_EQ(overload.retry_delay().nanos(), 100'000'000);
  ASSERT_TRUE(outage.ParseFromString(
      DetailsByType(ToWire(Error(Reason::kHsmUnavailable, "away")))["RetryInfo"]));
  EXPECT_EQ(outage.retry_delay().seconds(), 1);
}

TEST(ToWire, KeepsTheServicesOwnTroublesToItself) {
  for (const Reason reason :
       {Reason::kInternal, Reason::kHsmFailure, Reason::kHsmUnavailable, Reason::kIntegrityFailure,
        Reason::kStoreUnavailable, Reason::kPinRefused, Reason::kAlgorithmUnsupported}) {
    const grpc::Status wire = ToWire(Error(reason, "C_Sign: CKR_DEVICE_ERROR"));
    EXPECT_EQ(wire.error_message().find("C_Sign"), std::string::npos) << InfoOf(reason).name;
    EXPECT_EQ(wire.error_details().find("C_Sign"), std::string::npos) << InfoOf(reason).name;
  }
}

TEST(ToWire, MakesAStatusWithoutAReasonInternal) {
  const grpc::Status wire = ToWire(absl::InvalidArgumentError("4111111111111111"));
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(wire.error_message(), "the service failed");
  EXPECT_EQ(wire.error_details().find("4111111111111111"), std::string::npos);
  v1::ErrorInfo error;
  ASSERT_TRUE(error.ParseFromString(DetailsByType(wire)["ErrorInfo"]));
  EXPECT_EQ(error.reason(), "INTERNAL");
}

TEST(ToWire, LeavesOkAsItIs) { EXPECT_TRUE(ToWire(absl::OkStatus()).ok()); }

}  // namespace
}  // namespace keysvc::rpc
