#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

TEST_F(ServicesTest, TurnACardIntoATokenAndBack) {
  v1::TokenizeResponse token;
  ASSERT_TRUE(Tokenize(kPan, &token).ok());
  EXPECT_EQ(token.name(), absl::StrCat("tenants/acme/tokens/", token.token()));
  v1::DetokenizeResponse card;
  ASSERT_TRUE(Detokenize(token.name(), "settlement", &card).ok());
  EXPECT_EQ(card.reveal(), v1::REVEAL_FULL);
  EXPECT_EQ(card.card().pan(), kPan);
  EXPECT_EQ(card.expiry(), "2030-12");
  EXPECT_EQ(edge.Records("TokenService.Tokenize").size(), 1U);
  EXPECT_EQ(edge.Records("TokenService.Detokenize").size(), 1U);
  EXPECT_EQ(edge.Records(kPan).size(), 0U);
}

TEST_F(ServicesTest, GiveARepetitionTheSameAnswer) {
  v1::TokenizeResponse first, again;
  ASSERT_TRUE(Tokenize(kPan, &first, kUuid).ok());
  ASSERT_TRUE(Tokenize(kPan, &again, kUuid).ok());
  EXPECT_EQ(first.token(), again.token());
  EXPECT_EQ(ReasonOnWire(Tokenize(kOtherPan, &again, kUuid)), "REQUEST_ID_REUSED");
}

TEST_F(ServicesTest, TellRequestIdsApartThatHaveTheDigitsOfACard) {
  const std::string id = "41111111-1111-1111-9c61-0b7a54c3d2e1";
  const std::string other_id = "41111111-1111-1111-9c61-0b7a54c3d2e2";
  v1::TokenizeResponse first, again, other;
  ASSERT_TRUE(Tokenize(kPan, &first, id).ok());
  ASSERT_TRUE(Tokenize(kPan, &again, id).ok());
  EXPECT_EQ(first.token(), again.token());
  EXPECT_EQ(ReasonOnWire(Tokenize(kOtherPan, &other, id)), "REQUEST_ID_REUSED");
  EXPECT_TRUE(Tokenize(kOtherPan, &other, other_id).ok());

  // Nobody may have such a name recorded by being refused either.
  v1::TokenizeRequest denied;
  denied.set_parent("tenants/beta/tokenProfiles/cards");
  denied.set_request_id(id);
  Deadline context;
  EXPECT_FALSE(tokens->Tokenize(&context, denied, &other).ok());

  const auto records = edge.Records("\"request_id\"");
  EXPECT_EQ(records.size(), 5U);
  std::set<std::string> recorded;
  for (const LoggedRecord& record : records) {
    const std::size_t at = record.body.find("\"request_id\"");
    recorded.insert(record.body.substr(at, record.body.find(',', at) - at));
  }
  EXPECT_EQ(recorded.size(), 2U);
  EXPECT_EQ(edge.Records("41111111").size(), 0U);
  edge.store.Tamper([](MemoryStore::Rows& rows) {
    EXPECT_EQ(rows.idempotency.size(), 2U);
    for (const auto& [place, row] : rows.idempotency) {
      EXPECT_EQ(row.request_id.find("41111111"), std::string::npos);
    }
  });
}

TEST_F(ServicesTest, RefuseABadCardNamingItsField) {
  v1::TokenizeResponse token;
  const grpc::Status status = Tokenize("4111111111111112", &token);
  EXPECT_EQ(ReasonOnWire(status), "PAN_INVALID");
  EXPECT_EQ(status.error_details().find("4111111111111112"), std::string::npos);
  EXPECT_EQ(ReasonOnWire(Tokenize("", &token)), "FIELD_REQUIRED");
  EXPECT_EQ(edge.Records("PAN_INVALID").size(), 1U);
  EXPECT_EQ(edge.Records("4111111111111112").size(), 0U);
}

TEST_F(ServicesTest, DecideEachItemOfABatch) {
  v1::BatchTokenizeRequest cards;
  cards.set_parent(kProfile);
  for (const char* pan : {kPan, "4111111111111112", kOtherPan}) cards.add_cards()->set_pan(pan);
  v1::BatchTokenizeResponse made;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchTokenize(&context, cards, &made).ok());
  }
  ASSERT_EQ(made.results_size(), 3);
  EXPECT_TRUE(made.results(0).has_token());
  EXPECT_EQ(made.results(1).error().reason(), "PAN_INVALID");
  EXPECT_TRUE(made.results(2).has_token());

  v1::BatchDetokenizeRequest names;
  names.set_parent("tenants/acme");
  names.set_purpose("settlement");
  names.add_names(made.results(2).token().name());
  names.add_names(absl::StrCat("tenants/other/tokens/", made.results(0).token().token()));
  names.add_names("no name");
  names.add_names("tenants/acme/tokens/tok_a");
  v1::BatchDetokenizeResponse shown;
  Deadline context;
  ASSERT_TRUE(tokens->BatchDetokenize(&context, names, &shown).ok());
  ASSERT_EQ(shown.results_size(), 4);
  EXPECT_EQ(shown.results(0).card().card().pan(), kOtherPan);
  EXPECT_EQ(shown.results(1).error().reason(), "TOKEN_NOT_FOUND");
  EXPECT_EQ(shown.results(2).error().reason(), "FIELD_INVALID");
  EXPECT_EQ(shown.results(3).error().SerializeAsString(),
            shown.results(1).error().SerializeAsString());
}

TEST_F(ServicesTest, StopACallerWhoGuessesTokensWithAnAlarm) {
  const std::string right = TokenFor(kPan);
  v1::BatchDetokenizeRequest names;
  names.set_parent("tenants/acme");
  names.set_purpose("settlement");
  for (int i = 0; i < 60; ++i) names.add_names("tenants/acme/tokens/tok_a");
  names.add_names(right);
  v1::BatchDetokenizeResponse shown;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchDetokenize(&context, names, &shown).ok());
  }
  EXPECT_EQ(shown.results(49).error().reason(), "TOKEN_NOT_FOUND");
  EXPECT_EQ(shown.results(50).error().reason(), "MISSES_EXHAUSTED");
  EXPECT_EQ(shown.results(60).error().SerializeAsString(),
            shown.results(50).error().SerializeAsString());

  v1::DetokenizeRequest request;
  request.set_name(right);
  request.set_purpose("settlement");
  const RawAnswer refused =
      CallRaw(caller, "/keysvc.v1.TokenService/Detokenize", request.SerializeAsString());
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason(), "MISSES_EXHAUSTED");
  ASSERT_TRUE(refused.retry().has_value());
  EXPECT_EQ(refused.retry()->retry_delay().seconds(), 60);

  const auto alarms = edge.Alarms();
  ASSERT_EQ(alarms.size(), 1U);
  EXPECT_TRUE(alarms[0].Has(R"("reason":"MISSES_EXHAUSTED")"));
  EXPECT_TRUE(alarms[0].Has(R"("cause":"caller")"));
}

TEST_F(ServicesTest, BoundBatches) {
  for (const int size : {0, 101}) {
    v1::BatchTokenizeRequest cards;
    cards.set_parent(kProfile);
    for (int i = 0; i < size; ++i) cards.add_cards()->set_pan(kPan);
    v1::BatchTokenizeResponse made;
    Deadline context;
    EXPECT_EQ(ReasonOnWire(tokens->BatchTokenize(&context, cards, &made)), "BATCH_SIZE");
  }
}

TEST_F(ServicesTest, DenyATokenForAnotherPurposeOrTenant) {
  const std::string name = TokenFor(kPan);
  v1::DetokenizeResponse card;
  EXPECT_EQ(ReasonOnWire(Detokenize(name, "", &card)), "POLICY_DENIED");
  EXPECT_EQ(ReasonOnWire(Detokenize(name, "curiosity", &card)), "POLICY_DENIED");
  EXPECT_EQ(ReasonOnWire(Detokenize("tenants/other/tokens/tok_a", "settlement", &card)),
            "POLICY_DENIED");
  EXPECT_EQ(edge.Records("POLICY_DENIED").size(), 3U);
  EXPECT_EQ(edge.Records("curiosity").size(), 0U);
  EXPECT_EQ(ReasonOnWire(Detokenize(name, "Not A Word", &card)), "FIELD_INVALID");
}

TEST_F(ServicesTest, NeverRecordACardNumberThatStandsInPlaceOfAName) {
  for (const std::string tenant : {"4111111111111111", "c4111111111111111"}) {
    v1::DetokenizeResponse card;
    const std::string name = absl::StrCat("tenants/", tenant, "/tokens/tok_a");
    EXPECT_EQ(ReasonOnWire(Detokenize(name, "settlement", &card)), "FIELD_INVALID");
  }
  v1::CreateKeyResponse key;
  EXPECT_EQ(ReasonOnWire(CreateKey("c4111111111111111", &key)), "FIELD_INVALID");
  EXPECT_EQ(edge.Records("FIELD_INVALID").size(), 3U);
  EXPECT_EQ(edge.Records("4111111111111111").size(), 0U);
}

TEST_F(ServicesTest, DescribeATokenWithoutItsCard) {
  v1::GetTokenRequest request;
  request.set_name(TokenFor(kPan));
  v1::GetTokenResponse token;
  Deadline context;
  ASSERT_TRUE(tokens->GetToken(&context, request, &token).ok());
  EXPECT_EQ(token.name(), request.name());
  EXPECT_EQ(token.profile(), kProfile);
  EXPECT_EQ(token.masked_pan().substr(12), "1111");
  EXPECT_EQ(token.masked_pan()[7], '*');
  EXPECT_EQ(token.data_key_version(), 1U);
  EXPECT_GT(token.create_time().seconds(), 0);
}

TEST_F(ServicesTest, SuspendResumeAndDeleteAToken) {
  const std::string name = TokenFor(kPan);
  v1::DetokenizeResponse card;
  const auto state = [&] {
    v1::GetTokenRequest request;
    request.set_name(name);
    v1::GetTokenResponse token;
    Deadline context;
    EXPECT_TRUE(tokens->GetToken(&context, request, &token).ok());
    return token.state();
  };
  EXPECT_EQ(state(), v1::TOKEN_STATE_ACTIVE);
  {
    v1::SuspendTokenRequest request;
    request.set_name(name);
    v1::SuspendTokenResponse response;
    Deadline context;
    ASSERT_TRUE(tokens->SuspendToken(&context, request, &response).ok());
    EXPECT_EQ(response.state(), v1::TOKEN_STATE_SUSPENDED);
  }
  EXPECT_EQ(ReasonOnWire(Detokenize(name, "settlement", &card)), "TOKEN_SUSPENDED");
  EXPECT_EQ(state(), v1::TOKEN_STATE_SUSPENDED);
  {
    v1::ResumeTokenRequest request;
    request.set_name(name);
    v1::ResumeTokenResponse response;
    Deadline context;
    ASSERT_TRUE(tokens->ResumeToken(&context, request, &response).ok());
    EXPECT_EQ(response.state(), v1::TOKEN_STATE_ACTIVE);
  }
  EXPECT_TRUE(Detokenize(name, "settlement", &card).ok());
  {
    v1::DeleteTokenRequest request;
    request.set_name(name);
    v1::DeleteTokenResponse response;
    Deadline context;
    ASSERT_TRUE(tokens->DeleteToken(&context, request, &response).ok());
    EXPECT_EQ(response.state(), v1::TOKEN_STATE_DELETED);
  }
  EXPECT_EQ(ReasonOnWire(Detokenize(name, "settlement", &card)), "TOKEN_DELETED");
  EXPECT_EQ(state(), v1::TOKEN_STATE_DELETED);
  EXPECT_NE(TokenFor(kPan), name);
}

TEST_F(ServicesTest, ChangeTheStateOfEachTokenOfABatchByItself) {
  v1::BatchSuspendTokensRequest names;
  names.set_parent("tenants/acme");
  names.add_names(TokenFor(kPan));
  names.add_names("tenants/acme/tokens/tok_a");
  names.add_names("no name");
  v1::BatchSuspendTokensResponse suspended;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchSuspendTokens(&context, names, &suspended).ok());
  }
  ASSERT_EQ(suspended.results_size(), 3);
  EXPECT_EQ(suspended.results(0).state(), v1::TOKEN_STATE_SUSPENDED);
  EXPECT_EQ(suspended.results(1).error().reason(), "TOKEN_NOT_FOUND");
  EXPECT_EQ(suspended.results(2).error().reason(), "FIELD_INVALID");

  v1::BatchResumeTokensRequest resume;
  resume.set_parent("tenants/acme");
  resume.add_names(names.names(0));
  v1::BatchResumeTokensResponse resumed;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchResumeTokens(&context, resume, &resumed).ok());
  }
  EXPECT_EQ(resumed.results(0).state(), v1::TOKEN_STATE_ACTIVE);

  v1::BatchDeleteTokensRequest end;
  end.set_parent("tenants/acme");
  v1::BatchDeleteTokensResponse ended;
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(tokens->BatchDeleteTokens(&context, end, &ended)), "BATCH_SIZE");
  }
  end.add_names(names.names(0));
  Deadline context;
  ASSERT_TRUE(tokens->BatchDeleteTokens(&context, end, &ended).ok());
  EXPECT_EQ(ended.results(0).state(), v1::TOKEN_STATE_DELETED);
}

TEST_F(ServicesTest, ConvertTokensAloneAndInBatches) {
  const std::string token = TokenFor(kPan);
  v1::ConvertTokenRequest request;
  request.set_name(token);
  request.set_target(kReceipts);
  v1::ConvertTokenResponse one;
  {
    Deadline context;
    ASSERT_TRUE(tokens->ConvertToken(&context, request, &one).ok());
  }
  EXPECT_NE(one.name(), token);
  EXPECT_EQ(one.name(), "tenants/acme/tokens/" + one.token());

  v1::BatchConvertTokensRequest batch;
  batch.set_parent("tenants/acme");
  batch.set_target(kReceipts);
  batch.add_names(token);
  batch.add_names("tenants/acme/tokens/tok_a");
  v1::BatchConvertTokensResponse many;
  Deadline context;
  ASSERT_TRUE(tokens->BatchConvertTokens(&context, batch, &many).ok());
  ASSERT_EQ(many.results_size(), 2);
  EXPECT_EQ(many.results(0).token().name(), one.name());
  EXPECT_EQ(many.results(1).error().reason(), "TOKEN_NOT_FOUND");
}

v1::TokenDomain Shop(const std::string& merchant) {
  v1::TokenDomain domain;
  domain.set_channel("web");
  domain.set_merchant_id(merchant);
  domain.mutable_amounts()->set_currency_code("EUR");
  domain.mutable_amounts()->set_min(100);
  domain.mutable_amounts()->set_max(2'000);
  return domain;
}

v1::TokenUse UseAt(const std::string& merchant, std::uint64_t cents) {
  v1::TokenUse use;
  use.set_channel("web");
  use.set_merchant_id(merchant);
  use.mutable_amount()->set_currency_code("EUR");
  use.mutable_amount()->set_minor_units(cents);
  return use;
}

TEST_F(ServicesTest, RestrictTokensToWhatTheyWereMadeFor) {
  v1::BatchTokenizeRequest request;
  request.set_parent(kShops);
  for (const char* pan : {kPan, kOtherPan, kPan}) request.add_cards()->set_pan(pan);
  for (const char* merchant : {"m-1", "m-2", "4111-1111-1111-1111"}) {
    *request.add_domains() = Shop(merchant);
  }
  v1::BatchTokenizeResponse made;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchTokenize(&context, request, &made).ok());
  }
  EXPECT_EQ(made.results(2).error().reason(), "FIELD_INVALID");
  const std::string token = made.results(0).token().name();
  const std::string other = made.results(1).token().name();

  v1::BatchDetokenizeRequest open;
  open.set_parent("tenants/acme");
  open.set_purpose("settlement");
  for (const std::string& name : {token, token, other, other}) open.add_names(name);
  *open.add_uses() = UseAt("m-1", 100);
  *open.add_uses() = UseAt("m-1", 99);
  *open.add_uses() = UseAt("m-1", 100);
  *open.add_uses() = UseAt("4111 1111 1111 1111", 100);
  v1::BatchDetokenizeResponse cards;
  {
    Deadline context;
    ASSERT_TRUE(tokens->BatchDetokenize(&context, open, &cards).ok());
  }
  EXPECT_EQ(cards.results(0).card().card().pan(), kPan);
  EXPECT_EQ(cards.results(1).error().reason(), "DOMAIN_MISMATCH");
  EXPECT_EQ(cards.results(2).error().reason(), "DOMAIN_MISMATCH");
  EXPECT_EQ(cards.results(3).error().reason(), "FIELD_INVALID");
  open.mutable_uses()->RemoveLast();
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(tokens->BatchDetokenize(&context, open, &cards)), "FIELD_INVALID");
  }

  v1::GetTokenRequest get;
  get.set_name(token);
  v1::GetTokenResponse view;
  Deadline context;
  ASSERT_TRUE(tokens->GetToken(&context, get, &view).ok());
  EXPECT_EQ(view.domain().SerializeAsString(), Shop("m-1").SerializeAsString());
  for (const LoggedRecord& record : edge.Records("TokenService")) {
    EXPECT_FALSE(record.Has("4111-1111-1111-1111"));
    EXPECT_FALSE(record.Has("4111 1111 1111 1111"));
  }
}

TEST_F(ServicesTest, ShowLessOfACardTheRiskierTheCallerSaysItIs) {
  v1::TokenizeRequest make;
  make.set_parent(kReceipts);
  make.mutable_card()->set_pan(kPan);
  v1::TokenizeResponse token;
  {
    Deadline context;
    ASSERT_TRUE(tokens->Tokenize(&context, make, &token).ok());
  }
  v1::DetokenizeRequest request;
  request.set_name(token.name());
  request.set_purpose("settlement");
  const auto detokenize = [&](v1::DetokenizeResponse* card) {
    Deadline context;
    return tokens->Detokenize(&context, request, card);
  };
  v1::DetokenizeResponse card;
  request.set_risk_score(0);
  ASSERT_TRUE(detokenize(&card).ok());
  EXPECT_EQ(card.card().pan(), kPan);
  request.set_risk_score(50);
  ASSERT_TRUE(detokenize(&card).ok());
  EXPECT_EQ(card.reveal(), v1::REVEAL_LAST_FOUR);
  EXPECT_FALSE(card.has_card());
  EXPECT_EQ(card.masked_pan().find("4111"), std::string::npos);
  request.set_risk_score(80);
  const grpc::Status denied = detokenize(&card);
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOnWire(denied), "RISK_TOO_HIGH");
  EXPECT_EQ(denied.error_details().find("reveal-receipts"), std::string::npos);
  request.clear_risk_score();
  EXPECT_EQ(ReasonOnWire(detokenize(&card)), "RISK_TOO_HIGH");
  request.set_risk_score(101);
  const RawAnswer refused =
      CallRaw(caller, "/keysvc.v1.TokenService/Detokenize", request.SerializeAsString());
  EXPECT_EQ(refused.reason(), "FIELD_INVALID");
  EXPECT_EQ(refused.field(), "risk_score");
  EXPECT_EQ(edge.Records(R"("101")").size(), 0U);
  // A caller that says how risky it is has done what it should.
  EXPECT_EQ(edge.Alarms().size(), 0U);

  // What the policy denies at once has the score in its record too.
  request.set_risk_score(77);
  request.set_purpose("curiosity");
  EXPECT_EQ(ReasonOnWire(detokenize(&card)), "POLICY_DENIED");
  EXPECT_EQ(edge.Records(R"("details":{"asserted_risk_score":"77"})").size(), 1U);
}

TEST_F(ServicesTest, TakeOneRiskScoreForABatchOrOneForEachItem) {
  const std::string cards = TokenFor(kPan);
  v1::TokenizeRequest make;
  make.set_parent(kReceipts);
  make.mutable_card()->set_pan(kPan);
  v1::TokenizeResponse token;
  {
    Deadline context;
    ASSERT_TRUE(tokens->Tokenize(&context, make, &token).ok());
  }
  v1::BatchDetokenizeRequest request;
  request.set_parent("tenants/acme");
  request.set_purpose("settlement");
  for (const std::string& name : {token.name(), token.name(), cards}) request.add_names(name);
  // What became of each: how much is shown, or why not.
  const auto asked = [&](const std::vector<std::uint32_t>& scores) {
    request.clear_risk_scores();
    for (const std::uint32_t score : scores) request.add_risk_scores(score);
    v1::BatchDetokenizeResponse response;
    Deadline context;
    const grpc::Status status = tokens->BatchDetokenize(&context, request, &response);
    std::vector<std::string> results;
    if (!status.ok()) results.push_back(ReasonOnWire(status));
    for (const v1::DetokenizeResult& result : response.results()) {
      results.push_back(result.has_error() ? result.error().reason()
                                           : v1::Reveal_Name(result.card().reveal()));
    }
    return results;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(asked({80, 0, 100}), ElementsAre("RISK_TOO_HIGH", "REVEAL_FULL", "REVEAL_FULL"));
  EXPECT_THAT(asked({50}), ElementsAre("REVEAL_LAST_FOUR", "REVEAL_LAST_FOUR", "REVEAL_FULL"));
  EXPECT_THAT(asked({}), ElementsAre("RISK_TOO_HIGH", "RISK_TOO_HIGH", "REVEAL_FULL"));
  EXPECT_THAT(asked({0, 0}), ElementsAre("FIELD_INVALID"));
  EXPECT_THAT(asked({0, 0, 101}), ElementsAre("FIELD_INVALID"));
  EXPECT_THAT(asked(std::vector<std::uint32_t>(10'000, 99)), ElementsAre("FIELD_INVALID"));
  EXPECT_EQ(edge.Records("99,99").size(), 0U);
}

TEST_F(ServicesTest, PutAReissuedCardBehindTheSameToken) {
  const std::string token = TokenFor(kPan);
  v1::UpdateTokenCardRequest request;
  request.set_name(token);
  v1::UpdateTokenCardResponse updated;
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(tokens->UpdateTokenCard(&context, request, &updated)), "FIELD_REQUIRED");
  }
  request.mutable_card()->set_pan(kOtherPan);
  request.mutable_card()->set_expiry("2033-01");
  request.set_request_id(kUuid);
  {
    Deadline context;
    ASSERT_TRUE(tokens->UpdateTokenCard(&context, request, &updated).ok());
  }
  EXPECT_EQ(updated.name(), token);
  EXPECT_EQ(updated.account_reference().size(), 29U);
  v1::DetokenizeResponse card;
  ASSERT_TRUE(Detokenize(token, "settlement", &card).ok());
  EXPECT_EQ(card.card().pan(), kOtherPan);
  EXPECT_EQ(card.expiry(), "2033-01");
  EXPECT_EQ(TokenFor(kOtherPan), token);

  v1::BatchUpdateTokenCardsRequest batch;
  batch.set_parent("tenants/acme");
  const std::string another = TokenFor(kPan);
  for (const auto& [name, pan] : std::map<std::string, std::string>{
           {another, kOtherPan}, {"tenants/acme/tokens/tok_a", kPan}, {"tok_a", kPan}}) {
    v1::TokenCard& update = *batch.add_updates();
    update.set_name(name);
    update.mutable_card()->set_pan(pan);
  }
  v1::BatchUpdateTokenCardsResponse many;
  Deadline context;
  ASSERT_TRUE(tokens->BatchUpdateTokenCards(&context, batch, &many).ok());
  ASSERT_EQ(many.results_size(), 3);
  std::set<std::string> reasons;
  for (const v1::UpdateTokenCardResult& result : many.results()) {
    reasons.insert(result.error().reason());
  }
  EXPECT_EQ(reasons,
            (std::set<std::string>{"CARD_ALREADY_TOKENIZED", "TOKEN_NOT_FOUND", "FIELD_INVALID"}));
}

TEST_F(ServicesTest, TellTheAccountReferenceWithEveryTokenOfACard) {
  v1::TokenizeResponse made;
  ASSERT_TRUE(Tokenize(kPan, &made).ok());
  const std::string reference = made.account_reference();
  ASSERT_EQ(reference.size(), 29U);
  v1::DetokenizeResponse card;
  ASSERT_TRUE(Detokenize(made.name(), "settlement", &card).ok());
  EXPECT_EQ(card.account_reference(), reference);
  v1::GetTokenRequest get;
  get.set_name(made.name());
  v1::GetTokenResponse token;
  {
    Deadline context;
    ASSERT_TRUE(tokens->GetToken(&context, get, &token).ok());
  }
  EXPECT_EQ(token.account_reference(), reference);
  v1::LookUpTokenRequest look_up;
  look_up.set_parent(kProfile);
  look_up.mutable_card()->set_pan(kPan);
  v1::LookUpTokenResponse known;
  {
    Deadline context;
    ASSERT_TRUE(tokens->LookUpToken(&context, look_up, &known).ok());
  }
  EXPECT_EQ(known.account_reference(), reference);
  v1::ConvertTokenRequest convert;
  convert.set_name(made.name());
  convert.set_target("tenants/acme/tokenProfiles/receipts");
  v1::ConvertTokenResponse converted;
  Deadline context;
  ASSERT_TRUE(tokens->ConvertToken(&context, convert, &converted).ok());
  EXPECT_EQ(converted.account_reference(), reference);
}

TEST_F(ServicesTest, RefuseToConvertIntoWhatIsNoProfileOrNotTheCallers) {
  const std::string token = TokenFor(kPan);
  const auto reason = [&](const auto& change) {
    v1::ConvertTokenRequest request;
    request.set_name(token);
    request.set_target(kReceipts);
    change(request);
    v1::ConvertTokenResponse response;
    Deadline context;
    return ReasonOnWire(tokens->ConvertToken(&context, request, &response));
  };
  EXPECT_EQ(reason([](auto& request) { request.clear_target(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason([](auto& request) { request.set_target("tenants/acme"); }), "FIELD_INVALID");
  EXPECT_EQ(reason([](auto& request) { request.set_target("tenants/acme/tokenProfiles/unknown"); }),
            "PROFILE_NOT_FOUND");
  EXPECT_EQ(reason([](auto& request) { request.set_target("tenants/other/tokenProfiles/cards"); }),
            "POLICY_DENIED");
  EXPECT_EQ(reason([](auto& request) { request.set_name("tenants/other/tokens/tok_a"); }),
            "POLICY_DENIED");
  EXPECT_EQ(reason([](auto& request) { request.set_request_id("no uuid"); }), "FIELD_INVALID");
}

TEST_F(ServicesTest, RecordADeniedConversionWithItsSourceAndNoRule) {
  v1::ConvertTokenRequest request;
  request.set_name(TokenFor(kPan));
  request.set_target("tenants/other/tokenProfiles/cards");
  v1::ConvertTokenResponse response;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(tokens->ConvertToken(&context, request, &response)), "POLICY_DENIED");
  const std::vector<LoggedRecord> records = edge.Records("TokenService.ConvertToken");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(records[0].Has("\"source\":\"tenants/acme/tokens\""));
  EXPECT_TRUE(records[0].Has("\"resource\":\"tenants/other/tokenProfiles/cards\""));
  EXPECT_FALSE(records[0].Has("\"rule\""));
}

TEST_F(ServicesTest, LookUpTokensAloneAndInBatches) {
  const std::string token = TokenFor(kPan);
  v1::LookUpTokenRequest request;
  request.set_parent(kProfile);
  request.mutable_card()->set_pan(kPan);
  v1::LookUpTokenResponse one;
  {
    Deadline context;
    ASSERT_TRUE(tokens->LookUpToken(&context, request, &one).ok());
  }
  EXPECT_EQ(one.name(), token);
  EXPECT_EQ(one.name(), "tenants/acme/tokens/" + one.token());
  EXPECT_EQ(one.state(), v1::TOKEN_STATE_ACTIVE);

  v1::BatchLookUpTokensRequest batch;
  batch.set_parent(kProfile);
  for (const char* pan : {kPan, "4111111111111112", kOtherPan}) batch.add_cards()->set_pan(pan);
  v1::BatchLookUpTokensResponse many;
  Deadline context;
  ASSERT_TRUE(tokens->BatchLookUpTokens(&context, batch, &many).ok());
  ASSERT_EQ(many.results_size(), 3);
  EXPECT_EQ(many.results(0).token().name(), token);
  EXPECT_EQ(many.results(0).token().state(), v1::TOKEN_STATE_ACTIVE);
  EXPECT_EQ(many.results(1).error().reason(), "PAN_INVALID");
  EXPECT_EQ(many.results(2).error().reason(), "CARD_NOT_TOKENIZED");
}

TEST_F(ServicesTest, RefuseToLookUpWithoutACardOrInAProfileThatIsNotThere) {
  const auto reason = [&](const auto& change) {
    v1::LookUpTokenRequest request;
    request.set_parent(kProfile);
    request.mutable_card()->set_pan(kPan);
    change(request);
    v1::LookUpTokenResponse response;
    Deadline context;
    return ReasonOnWire(tokens->LookUpToken(&context, request, &response));
  };
  EXPECT_EQ(reason([](auto& request) { request.clear_card(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason([](auto& request) { request.mutable_card()->set_expiry("2030-12"); }),
            "FIELD_INVALID");
  EXPECT_EQ(reason([](auto& request) { request.set_parent("tenants/acme"); }), "FIELD_INVALID");
  EXPECT_EQ(reason([](auto& request) { request.set_parent("tenants/acme/tokenProfiles/unknown"); }),
            "PROFILE_NOT_FOUND");
  EXPECT_EQ(reason([](auto& request) { request.set_request_id("no uuid"); }), "FIELD_INVALID");
}

TEST_F(ServicesTest, FingerprintCardsAloneAndInBatches) {
  v1::FingerprintCardRequest request;
  request.set_parent("tenants/acme");
  request.mutable_card()->set_pan(kPan);
  v1::FingerprintCardResponse one;
  {
    Deadline context;
    ASSERT_TRUE(tokens->FingerprintCard(&context, request, &one).ok());
  }
  EXPECT_THAT(one.fingerprint(), ::testing::StartsWith("fp_"));
  EXPECT_EQ(one.key_version(), 1U);

  v1::BatchFingerprintCardsRequest batch;
  batch.set_parent("tenants/acme");
  for (const char* pan : {kPan, "4111111111111112", kOtherPan}) batch.add_cards()->set_pan(pan);
  batch.mutable_cards(2)->set_expiry("2030-12");
  v1::BatchFingerprintCardsResponse many;
  Deadline context;
  ASSERT_TRUE(tokens->BatchFingerprintCards(&context, batch, &many).ok());
  ASSERT_EQ(many.results_size(), 3);
  EXPECT_EQ(many.results(0).fingerprint().fingerprint(), one.fingerprint());
  EXPECT_EQ(many.results(0).fingerprint().key_version(), 1U);
  EXPECT_EQ(many.results(1).error().reason(), "PAN_INVALID");
  EXPECT_EQ(many.results(2).error().reason(), "FIELD_INVALID");
}

TEST_F(ServicesTest, RefuseToFingerprintWithoutACardOrByAKeyThatIsNotThere) {
  const auto reason = [&](const auto& change) {
    v1::FingerprintCardRequest request;
    request.set_parent("tenants/acme");
    request.mutable_card()->set_pan(kPan);
    change(request);
    v1::FingerprintCardResponse response;
    Deadline context;
    return ReasonOnWire(tokens->FingerprintCard(&context, request, &response));
  };
  EXPECT_EQ(reason([](auto& request) { request.clear_card(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason([](auto& request) { request.set_key_version(2); }), "KEY_NOT_FOUND");
  EXPECT_EQ(reason([](auto& request) { request.set_parent(kProfile); }), "FIELD_INVALID");
  EXPECT_EQ(reason([](auto& request) { request.set_parent("tenants/other"); }), "POLICY_DENIED");
  EXPECT_EQ(reason([](auto& request) { request.set_request_id("no uuid"); }), "FIELD_INVALID");
}

TEST_F(ServicesTest, ReportWhatIsKeptToAuditorsWithARecord) {
  v1::TokenizeResponse token;
  ASSERT_TRUE(Tokenize(kPan, &token).ok());
  const auto stub = v1::TokenService::NewStub(auditor);
  v1::GetRetentionReportRequest request;
  request.set_parent("tenants/acme");
  v1::GetRetentionReportResponse last;
  {
    Deadline context;
    const auto reader = stub->GetRetentionReport(&context, request);
    ASSERT_TRUE(reader->Read(&last));
    EXPECT_FALSE(last.has_report());
    EXPECT_EQ(last.rows_read(), 1U);
    while (reader->Read(&last)) continue;
    ASSERT_TRUE(reader->Finish().ok());
  }
  ASSERT_TRUE(last.has_report());
  bool found = false;
  for (const v1::ProfileRetention& kept : last.report().profiles()) {
    if (kept.profile() != "tenants/acme/tokenProfiles/cards") continue;
    found = true;
    EXPECT_EQ(kept.active(), 1U);
    EXPECT_EQ(kept.without_end(), 1U);
    EXPECT_TRUE(kept.has_oldest_card_time());
    EXPECT_FALSE(kept.has_last_end_time());
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(edge.Records("TokenService.GetRetentionReport").size(), 1U);

  Deadline context;
  v1::GetRetentionReportResponse none;
  const auto denied = tokens->GetRetentionReport(&context, request);
  EXPECT_FALSE(denied->Read(&none));
  EXPECT_EQ(ReasonOnWire(denied->Finish()), "POLICY_DENIED");
}

}  // namespace
}  // namespace keysvc::testing
