#include "keysvc/rpc/token_listing.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

class TokenListingTest : public ServicesTest {
 protected:
  static void Fill(const Values& values, v1::TokenMetadata& metadata) {
    for (const auto& [field, value] : values) {
      v1::MetadataValue& stated = *metadata.add_values();
      stated.set_field(field);
      stated.set_value(value);
    }
  }
  // With one metadata for all of them or one for each.
  grpc::Status TokenizeBatch(const std::vector<Values>& metadata,
                             v1::BatchTokenizeResponse* response) {
    v1::BatchTokenizeRequest request;
    request.set_parent(kOrders);
    for (const char* pan : {kPan, kOtherPan}) request.add_cards()->set_pan(pan);
    for (const Values& values : metadata) Fill(values, *request.add_metadata());
    Deadline context;
    return tokens->BatchTokenize(&context, request, response);
  }
  grpc::Status ListOrders(const v1::ListTokensRequest& request, v1::ListTokensResponse* response) {
    Deadline context;
    return tokens->ListTokens(&context, request, response);
  }
  static v1::ListTokensRequest Request(const Values& filter, int page_size = 0) {
    v1::ListTokensRequest request;
    request.set_parent(kOrders);
    for (const auto& [field, value] : filter) {
      v1::MetadataValue& wanted = *request.add_filter();
      wanted.set_field(field);
      wanted.set_value(value);
    }
    request.set_page_size(page_size);
    return request;
  }
};

TEST_F(TokenListingTest, ListTokensPageByPageByWhatTheyWereMadeWith) {
  v1::BatchTokenizeResponse made;
  ASSERT_TRUE(TokenizeBatch({{{"store", "berlin"}, {"day", "2027-01-31"}}}, &made).ok());
  const std::string first = made.results(0).token().name();
  const std::string second = made.results(1).token().name();
  ASSERT_TRUE(TokenizeBatch({{{"store", "vienna"}}, {{"store", "berlin"}}}, &made).ok());

  v1::ListTokensRequest request = Request({{"day", "2027-01-31"}, {"store", "berlin"}}, 1);
  v1::ListTokensResponse page;
  ASSERT_TRUE(ListOrders(request, &page).ok());
  ASSERT_EQ(page.tokens_size(), 1);
  EXPECT_EQ(page.tokens(0).name(), first);
  EXPECT_EQ(page.tokens(0).state(), v1::TOKEN_STATE_ACTIVE);
  EXPECT_GT(page.tokens(0).create_time().seconds(), 1'700'000'000);
  ASSERT_EQ(page.tokens(0).metadata().values_size(), 2);
  EXPECT_EQ(page.tokens(0).metadata().values(0).field(), "day");
  EXPECT_EQ(page.tokens(0).metadata().values(1).value(), "berlin");
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(ListOrders(request, &page).ok());
  ASSERT_EQ(page.tokens_size(), 1);
  EXPECT_EQ(page.tokens(0).name(), second);

  ASSERT_TRUE(ListOrders(Request({}), &page).ok());
  EXPECT_EQ(page.tokens_size(), 4);
  EXPECT_TRUE(page.next_page_token().empty());
  EXPECT_EQ(page.SerializeAsString().find("411111"), std::string::npos);

  v1::GetTokenRequest get;
  get.set_name(first);
  v1::GetTokenResponse view;
  Deadline context;
  ASSERT_TRUE(tokens->GetToken(&context, get, &view).ok());
  EXPECT_EQ(view.metadata().values_size(), 2);
}

TEST_F(TokenListingTest, RefuseWhatIsNoQueryOfTheProfileAndRecordIt) {
  const auto refused = [&](const v1::ListTokensRequest& request) {
    const RawAnswer answer =
        CallRaw(caller, "/keysvc.v1.TokenService/ListTokens", request.SerializeAsString());
    return answer.reason() + " " + answer.field();
  };
  v1::ListTokensRequest request = Request({});
  request.set_page_token("no page!");
  EXPECT_EQ(refused(request), "FIELD_INVALID page_token");
  request.set_page_token("bm8gcGFnZQ");
  EXPECT_EQ(refused(request), "FIELD_INVALID page_token");
  request = Request({}, -1);
  EXPECT_EQ(refused(request), "FIELD_INVALID page_size");
  request = Request({});
  request.set_state(static_cast<v1::TokenState>(257));
  EXPECT_EQ(refused(request), "FIELD_INVALID state");
  EXPECT_EQ(refused(Request({{"shop", "1"}})), "FIELD_INVALID filter");
  EXPECT_EQ(refused(Request({{"store", kPan}})), "FIELD_INVALID filter.store");
  request = Request({});
  request.set_parent("tenants/acme");
  EXPECT_EQ(refused(request), "FIELD_INVALID parent");
  request.set_parent("tenants/acme/tokenProfiles/others");
  EXPECT_EQ(refused(request), "PROFILE_NOT_FOUND ");
  EXPECT_EQ(edge.Records("\"TokenService.ListTokens\"").size(), 8U);
  EXPECT_TRUE(edge.Records(kPan).empty());
}

TEST_F(TokenListingTest, StateMetadataOnceForAllOrOnceForEach) {
  v1::BatchTokenizeResponse made;
  EXPECT_EQ(ReasonOnWire(TokenizeBatch({{}, {}, {}}, &made)), "FIELD_INVALID");
  ASSERT_TRUE(TokenizeBatch({{{"store", "berlin"}}, {{"store", kPan}}}, &made).ok());
  EXPECT_TRUE(made.results(0).has_token());
  EXPECT_EQ(made.results(1).error().reason(), "FIELD_INVALID");

  v1::ConvertTokenRequest convert;
  convert.set_name(made.results(0).token().name());
  convert.set_target(kReceipts);
  Fill({{"store", "berlin"}}, *convert.mutable_metadata());
  v1::ConvertTokenResponse converted;
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(tokens->ConvertToken(&context, convert, &converted)), "FIELD_INVALID");
  }
  convert.set_name(TokenFor(kPan));
  convert.set_target(kOrders);
  {
    Deadline context;
    ASSERT_TRUE(tokens->ConvertToken(&context, convert, &converted).ok());
  }
  v1::ListTokensResponse page;
  ASSERT_TRUE(ListOrders(Request({{"store", "berlin"}}), &page).ok());
  ASSERT_EQ(page.tokens_size(), 2);
  EXPECT_EQ(page.tokens(1).name(), converted.name());
}

}  // namespace
}  // namespace keysvc::testing
