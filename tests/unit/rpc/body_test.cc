#include "keysvc/rpc/body.h"

#include <string>
#include <vector>

#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"
#include "keysvc/v1/token_service.pb.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"

namespace keysvc::rpc {
namespace {

using testing::HasReason;

constexpr char kPan[] = "4111111111111111";
// Field 99 with the varint 1: a field that no message has.
const std::string kUnknownField("\x98\x06\x01", 3);

grpc::ByteBuffer BodyOf(const std::string& bytes, std::size_t slice_size = 1 << 20) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += slice_size) {
    slices.emplace_back(bytes.substr(at, slice_size));
  }
  return {slices.data(), slices.size()};
}

std::string BytesOf(const grpc::ByteBuffer& body) {
  grpc::Slice slice;
  EXPECT_TRUE(body.DumpToSingleSlice(&slice).ok());
  return {slice.begin(), slice.end()};
}

v1::BatchTokenizeRequest TwoCards() {
  v1::BatchTokenizeRequest request;
  request.set_parent("tenants/acme/tokenProfiles/cards");
  request.add_cards()->set_pan(kPan);
  request.add_cards()->set_cardholder_name("A CARDHOLDER");
  return request;
}

TEST(Body, GivesBackWhatWasWritten) {
  grpc::ByteBuffer body = WriteBody(TwoCards());
  v1::BatchTokenizeRequest request;
  ASSERT_OK(ParseBody(body, request));
  EXPECT_EQ(request.SerializeAsString(), TwoCards().SerializeAsString());
  EXPECT_FALSE(body.Valid());
}

TEST(Body, IsReadAcrossSlices) {
  grpc::ByteBuffer body = BodyOf(TwoCards().SerializeAsString(), 3);
  v1::BatchTokenizeRequest request;
  ASSERT_OK(ParseBody(body, request));
  EXPECT_EQ(request.cards(0).pan(), kPan);
}

TEST(Body, MayBeEmpty) {
  v1::GetTokenResponse message;
  grpc::ByteBuffer body = WriteBody(message);
  EXPECT_EQ(body.Length(), 0U);
  EXPECT_OK(ParseBody(body, message));
}

TEST(Body, IsWipedOnceItIsParsed) {
  grpc::ByteBuffer body = BodyOf(TwoCards().SerializeAsString());
  grpc::Slice shared;  // the same memory, held on to
  ASSERT_TRUE(body.TrySingleSlice(&shared).ok());
  v1::BatchTokenizeRequest request;
  ASSERT_OK(ParseBody(body, request));
  EXPECT_EQ(std::string(shared.begin(), shared.end()), std::string(shared.size(), '\0'));
}

TEST(Body, IsWipedAlsoWhenItIsRefused) {
  grpc::ByteBuffer body = BodyOf(std::string("\xff") + kPan + kPan);
  grpc::Slice shared;
  ASSERT_TRUE(body.TrySingleSlice(&shared).ok());
  v1::BatchTokenizeRequest request;
  EXPECT_THAT(ParseBody(body, request), HasReason(Reason::kMalformedRequest));
  EXPECT_EQ(std::string(shared.begin(), shared.end()), std::string(shared.size(), '\0'));
}

TEST(Body, NamesTheItemThatHoldsAnUnknownField) {
  v1::BatchTokenizeRequest request = TwoCards();
  std::string card = request.cards(1).SerializeAsString() + kUnknownField;
  request.mutable_cards()->RemoveLast();
  // Field 2 (cards), length-delimited.
  grpc::ByteBuffer body =
      BodyOf(request.SerializeAsString() + "\x12" + static_cast<char>(card.size()) + card);
  v1::BatchTokenizeRequest parsed;
  const absl::Status status = ParseBody(body, parsed);
  EXPECT_THAT(status, HasReason(Reason::kUnknownField));
  EXPECT_EQ(FieldOf(status), "cards[1]");
}

TEST(Body, RefusesAKnownFieldOfAnotherWireType) {
  // Field 1 (parent) as a varint.
  grpc::ByteBuffer body = BodyOf(std::string("\x08\x01", 2));
  v1::BatchTokenizeRequest parsed;
  EXPECT_THAT(ParseBody(body, parsed), HasReason(Reason::kUnknownField));
}

TEST(Body, IsRefusedBeyondTheLimitOnly) {
  v1::BatchTokenizeRequest request;
  request.set_parent(std::string(kBodyLimit - 4, 'x'));
  ASSERT_EQ(request.ByteSizeLong(), kBodyLimit);
  v1::BatchTokenizeRequest parsed;
  grpc::ByteBuffer largest = BodyOf(request.SerializeAsString());
  EXPECT_OK(ParseBody(largest, parsed));
  *request.mutable_parent() += 'x';
  grpc::ByteBuffer larger = BodyOf(request.SerializeAsString());
  EXPECT_THAT(ParseBody(larger, parsed), HasReason(Reason::kMessageTooLarge));
}

TEST(WipeSensitive, OverwritesTheMarkedFieldsOfAllMessages) {
  v1::BatchTokenizeRequest request = TwoCards();
  request.mutable_cards(0)->set_expiry("2030-01");
  WipeSensitive(request);
  EXPECT_EQ(request.cards(0).pan(), std::string(16, '\0'));
  EXPECT_EQ(request.cards(1).cardholder_name(), std::string(12, '\0'));
  EXPECT_EQ(request.cards(0).expiry(), "2030-01");
  EXPECT_EQ(request.parent(), TwoCards().parent());
}

TEST(WipeSensitive, ReachesSingleMessages) {
  v1::DetokenizeResponse response;
  response.mutable_card()->set_pan(kPan);
  WipeSensitive(response);
  EXPECT_EQ(response.card().pan(), std::string(16, '\0'));
}

TEST(WriteBody, DoesNotShareMemoryWithItsMessage) {
  v1::DetokenizeResponse response;
  response.mutable_card()->set_pan(kPan);
  const grpc::ByteBuffer body = WriteBody(response);
  WipeSensitive(response);
  EXPECT_NE(BytesOf(body).find(kPan), std::string::npos);
}

}  // namespace
}  // namespace keysvc::rpc
