// What every call passes, whatever its method: over real gRPC and real mutual TLS.
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "keysvc/rpc/body.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/token_service.pb.h"
#include "status/reason.h"
#include "tests/unit/rpc/edge_under_test.h"

namespace keysvc::testing {
namespace {

using std::chrono::milliseconds;

constexpr char kEcho[] = "/keysvc.v1.TestService/Echo";
constexpr char kCard[] = "/keysvc.v1.TestService/Card";
constexpr char kLose[] = "/keysvc.v1.TestService/Lose";
constexpr char kWait[] = "/keysvc.v1.TestService/Wait";

// Field 99 with the varint 1: a field that no message has.
const std::string kUnknownField("\x98\x06\x01", 3);

class EdgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto echo = [](v1::GetTokenRequest& request, rpc::Reply<v1::GetTokenResponse> reply) {
      v1::GetTokenResponse response;
      response.set_name(request.name());
      reply.RecordAndSend(std::move(response));
    };
    edge.methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>("TestService", "Echo",
                                                                     *edge.lane, echo);
    edge.methods.AddUnary<v1::TokenizeRequest, v1::TokenizeResponse>(
        "TestService", "Card", *edge.lane,
        [](auto& /*request*/, auto reply) { reply.RecordAndSend(v1::TokenizeResponse()); });
    edge.methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>(
        "TestService", "Lose", *edge.lane, [](auto& /*request*/, auto /*reply*/) {});
    edge.methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>(
        "TestService", "Wait", *edge.lane, [this, echo](auto& request, auto reply) {
          entered_.set_value();
          released_.get_future().wait();
          echo(request, std::move(reply));
        });
    edge.Start();
    channel = edge.Connect();
    // Deadlines of tests are of calls, not of handshakes.
    ASSERT_TRUE(CallRaw(channel, kCard, "").status.ok());
  }

  void AwaitHandler() { entered_.get_future().wait(); }
  void ReleaseHandler() { released_.set_value(); }

  // Keeps the lane's only thread busy until FreeLane().
  void OccupyLane() {
    ASSERT_TRUE(edge.lane->Submit("caller", [this] {
      occupied_.set_value();
      free_.get_future().wait();
    }));
    occupied_.get_future().wait();
  }
  void FreeLane() { free_.set_value(); }

 private:
  // Outlive the threads of the edge.
  std::promise<void> entered_, released_, occupied_, free_;

 protected:
  EdgeUnderTest edge;
  std::shared_ptr<grpc::Channel> channel;
};

std::string Named(const std::string& name) {
  v1::GetTokenRequest request;
  request.set_name(name);
  return request.SerializeAsString();
}

TEST_F(EdgeTest, AnswersACallOnceItsRecordIsMade) {
  const RawAnswer answer = CallRaw(channel, kEcho, Named("hello"));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.body, Named("hello"));
  const auto records = edge.Records("TestService.Echo");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(records[0].Has("\"caller\""));
  EXPECT_TRUE(records[0].Has("spiffe://home.example/caller"));
  EXPECT_TRUE(records[0].Has("127.0.0.1"));
  EXPECT_TRUE(records[0].Has("success"));
}

TEST_F(EdgeTest, RevealsNothingWhenNoRecordCanBeMade) {
  edge.store.Fail(MemoryStore::Step::kBegin, 1000);
  edge.store.Fail(MemoryStore::Step::kReopen, 1000);
  const RawAnswer answer = CallRaw(channel, kEcho, Named("hello"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(answer.reason(), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(answer.body, "");
  ASSERT_TRUE(answer.retry().has_value());
  edge.store.Heal();
}

TEST_F(EdgeTest, RefusesACallWithoutADeadline) {
  const RawAnswer answer = CallRaw(channel, kEcho, "", {.deadline = std::nullopt, .metadata = {}});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.reason(), "DEADLINE_REQUIRED");
  EXPECT_EQ(edge.Records("DEADLINE_REQUIRED").size(), 1U);
}

TEST_F(EdgeTest, RefusesWhatIsNotAMessage) {
  const RawAnswer answer = CallRaw(channel, kEcho, "\xff\xff\xff");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(edge.Records("MALFORMED_REQUEST").size(), 1U);
}

TEST_F(EdgeTest, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(CallRaw(channel, kEcho, Named("\xc3\x28")).reason(), "MALFORMED_REQUEST");
}

TEST_F(EdgeTest, RefusesUnknownFieldsAtTheTop) {
  const RawAnswer answer = CallRaw(channel, kEcho, Named("hello") + kUnknownField);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.reason(), "UNKNOWN_FIELD");
  EXPECT_EQ(edge.Records("UNKNOWN_FIELD").size(), 1U);
}

TEST_F(EdgeTest, RefusesUnknownFieldsInNestedMessagesAndSaysWhere) {
  // Field 2 (card), length-delimited: a card that holds field 99 only.
  const std::string request =
      std::string("\x12") + static_cast<char>(kUnknownField.size()) + kUnknownField;
  const RawAnswer answer = CallRaw(channel, kCard, request);
  EXPECT_EQ(answer.reason(), "UNKNOWN_FIELD");
  EXPECT_EQ(answer.field(), "card");
}

TEST_F(EdgeTest, RefusesMessagesBeyondTheLimit) {
  const RawAnswer answer = CallRaw(channel, kEcho, Named(std::string(rpc::kBodyLimit, 'x')));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.reason(), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(edge.Records("MESSAGE_TOO_LARGE").size(), 1U);
  EXPECT_TRUE(CallRaw(channel, kEcho, Named(std::string(rpc::kBodyLimit - 16, 'x'))).status.ok());
}

TEST_F(EdgeTest, LeavesHugeMessagesToGrpc) {
  const RawAnswer answer = CallRaw(channel, kEcho, Named(std::string(5 * rpc::kBodyLimit, 'x')));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(EdgeTest, RecordsAnUnknownMethodWithoutItsName) {
  const RawAnswer answer = CallRaw(channel, "/keysvc.v1.TokenService/4111111111111111", "");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(answer.reason(), "METHOD_UNKNOWN");
  EXPECT_EQ(edge.Records("METHOD_UNKNOWN").size(), 1U);
  EXPECT_EQ(edge.Records("4111111111111111").size(), 0U);
  EXPECT_EQ(CallRaw(channel, "/other.Service/Method", "").reason(), "METHOD_UNKNOWN");
}

TEST_F(EdgeTest, AnswersWhenAHandlerLosesItsReply) {
  const RawAnswer answer = CallRaw(channel, kLose, "");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(answer.reason(), "INTERNAL");
  EXPECT_EQ(edge.FlushedRecords("127.0.0.1 INTERNAL").size(), 1U);
}

TEST_F(EdgeTest, RefusesAtOnceWhenTheLaneIsFull) {
  OccupyLane();
  ASSERT_TRUE(edge.lane->Submit("caller", [] {}));
  const RawAnswer answer = CallRaw(channel, kEcho, Named("hello"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(answer.reason(), "OVERLOADED");
  ASSERT_TRUE(answer.retry().has_value());
  EXPECT_EQ(answer.retry()->retry_delay().nanos(), 100'000'000);
  FreeLane();
  const auto records = edge.FlushedRecords("127.0.0.1 OVERLOADED");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(records[0].Has("Edge.Refusals"));
}

TEST_F(EdgeTest, DropsACallWhoseDeadlinePassedInTheQueue) {
  OccupyLane();
  const RawAnswer answer =
      CallRaw(channel, kEcho, Named("late"), {.deadline = milliseconds(1000), .metadata = {}});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  // The server counts the same time from when it saw the call, a little later.
  std::this_thread::sleep_for(milliseconds(500));
  FreeLane();
  edge.lane->Stop();
  EXPECT_EQ(edge.Records("TestService.Echo").size(), 0U);
  EXPECT_EQ(edge.FlushedRecords("DEADLINE_EXCEEDED").size(), 1U);
}

TEST_F(EdgeTest, SurvivesACallerWhoGoesAway) {
  const RawAnswer answer =
      CallRaw(channel, kWait, Named("gone"), {.deadline = milliseconds(1000), .metadata = {}});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  AwaitHandler();
  ReleaseHandler();
  EXPECT_TRUE(CallRaw(channel, kEcho, Named("next")).status.ok());
  EXPECT_EQ(edge.Records("TestService.Wait").size(), 1U);
}

TEST_F(EdgeTest, FinishesWhatItAcceptedBeforeItStops) {
  auto accepted = std::async([this] { return CallRaw(channel, kWait, Named("accepted")); });
  AwaitHandler();
  auto stopped = std::async([this] { edge.StopServer(); });
  // Once new connections are refused, the stop has begun.
  while (CallRaw(edge.Connect(), kCard, "", {.deadline = milliseconds(500), .metadata = {}})
             .status.ok()) {
  }
  ReleaseHandler();
  EXPECT_TRUE(accepted.get().status.ok());
  stopped.get();
}

TEST_F(EdgeTest, RecordsTheTraceOfACallWhenItIsWellFormed) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  CallRaw(channel, kEcho, "",
          {.metadata = {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"}}});
  EXPECT_EQ(edge.Records(trace).size(), 1U);
  CallRaw(channel, kEcho, "", {.metadata = {{"traceparent", "4111111111111111"}}});
  EXPECT_EQ(edge.Records("4111111111111111").size(), 0U);
}

TEST_F(EdgeTest, RecordsWhatStandsForATraceWithACardNumberInIt) {
  const auto recorded = [this](const std::string& trace) {
    const std::size_t before = edge.Records("trace_id").size();
    CallRaw(channel, kEcho, "",
            {.metadata = {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"}}});
    const auto records = edge.Records("trace_id");
    EXPECT_EQ(records.size(), before + 1);
    const std::string& body = records.back().body;
    return body.substr(body.find("\"trace_id\""));
  };
  const std::string first = recorded("0af7651916cd43dd4111111111111111");
  EXPECT_EQ(first, recorded("0af7651916cd43dd4111111111111111"));
  EXPECT_NE(first, recorded("1af7651916cd43dd4111111111111111"));
  EXPECT_EQ(edge.Records("4111111111111111").size(), 0U);
}

TEST_F(EdgeTest, TellsItsHealthToThosePolicyNames) {
  const std::string serving("\x08\x01", 2);
  const RawAnswer answer = CallRaw(channel, "/grpc.health.v1.Health/Check", "");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.body, serving);

  const auto stranger = edge.Connect(edge.home().Issue({"URI:spiffe://home.example/stranger"}));
  EXPECT_EQ(CallRaw(stranger, "/grpc.health.v1.Health/Check", "").status.error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace keysvc::testing
