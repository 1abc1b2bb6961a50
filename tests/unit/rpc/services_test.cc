// The services over real gRPC and a real journal, with the HSM and the store in memory.
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/verifier.h"
#include "crypto/public_key.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "http/webhook.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/verifier.h"
#include "keysvc/rpc/audit_service.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/partner_key_service.h"
#include "keysvc/rpc/signing_service.h"
#include "keysvc/rpc/token_service.h"
#include "keysvc/v1/audit_service.grpc.pb.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "status/reason.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::testing {
namespace {

constexpr char kPan[] = "4111111111111111";
constexpr char kOtherPan[] = "5555555555554444";
constexpr char kProfile[] = "tenants/acme/tokenProfiles/cards";
constexpr char kReceipts[] = "tenants/acme/tokenProfiles/receipts";
constexpr char kUuid[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";

constexpr char kNothingAllowed[] = R"(version: 1
principals:
  - {name: caller, identity: "spiffe://home.example/caller", kind: service, roles: [elsewhere]}
rules:
  - id: elsewhere
    roles: [elsewhere]
    actions: [Tokenize]
    resources: ["tenants/elsewhere/tokenProfiles/*"]
)";

// A client's call with a deadline.
class Deadline : public grpc::ClientContext {
 public:
  Deadline() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30)); }
};

class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest() : ServicesTest({}, rpc::KeyChanges::kAllowed) {}
  ServicesTest(std::string_view policy, rpc::KeyChanges changes)
      : edge(policy), changes_(changes) {}

  void SetUp() override {
    auto profiles = tokenizer::Profiles::Create({{.tenant = "acme",
                                                  .name = "cards",
                                                  .number = 1,
                                                  .deterministic = true,
                                                  .account_reference_issuer = "ACME"},
                                                 {.tenant = "acme",
                                                  .name = "receipts",
                                                  .number = 2,
                                                  .deterministic = true,
                                                  .account_reference_issuer = "ACME"}});
    ASSERT_OK(profiles);
    profiles_.emplace(*std::move(profiles));
    wrapping_.emplace(edge.hsm, edge.deployment.name, 1);
    auto registry = keys::KeyRegistry::Load(edge.hsm, *wrapping_, edge.store, *edge.journal,
                                            edge.deployment.environment);
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    for (const tokenizer::Profile& profile : profiles_->all()) {
      ASSERT_OK(registry_->EnsureProfileKeys(profile));
    }
    opened_keys_.emplace(*registry_);
    tokenizer_.emplace(*profiles_, *opened_keys_, edge.store, *edge.journal, *edge.gate);
    signer_.emplace(*registry_, edge.hsm, *edge.journal, edge.store, *opened_keys_, public_keys_);
    auto partner_keys = keys::PartnerKeys::Load(
        {*registry_, edge.store, *edge.journal},
        {edge.hsm, edge.deployment.RegistryLabel(), edge.deployment.environment});
    ASSERT_OK(partner_keys);
    partner_keys_ = *std::move(partner_keys);
    verifier_.emplace(*registry_, edge.hsm, *edge.journal, public_keys_, *partner_keys_);

    tokens_.emplace(*edge.gate, *profiles_, *tokenizer_);
    signing_.emplace(*edge.gate, *registry_, public_keys_, *signer_, *verifier_);
    keys_.emplace(*edge.gate, *registry_, *opened_keys_, changes_);
    partners_.emplace(*edge.gate, *partner_keys_, changes_);
    audit_.emplace(*edge.gate, *edge.journal, edge.store);
    tokens_->Register(edge.methods, lane_);
    signing_->Register(edge.methods, lane_, lane_);
    keys_->Register(edge.methods, lane_);
    partners_->Register(edge.methods, lane_);
    audit_->Register(edge.methods, lane_);
    edge.Start();

    caller = edge.Connect();
    officer = edge.ConnectAs("officer");
    auditor = edge.ConnectAs("auditor");
    tokens = v1::TokenService::NewStub(caller);
    signing = v1::SigningService::NewStub(caller);
    keys_stub = v1::KeyService::NewStub(officer);
    partners_stub = v1::PartnerKeyService::NewStub(officer);
    log = v1::AuditService::NewStub(auditor);
  }

  void TearDown() override {
    edge.StopServer();
    lane_.Stop();
    edge.StopAll();
  }

  grpc::Status Tokenize(const std::string& pan, v1::TokenizeResponse* response,
                        const std::string& request_id = "") {
    v1::TokenizeRequest request;
    request.set_parent(kProfile);
    request.mutable_card()->set_pan(pan);
    request.mutable_card()->set_expiry("2030-12");
    request.set_request_id(request_id);
    Deadline context;
    return tokens->Tokenize(&context, request, response);
  }

  std::string TokenFor(const std::string& pan) {
    v1::TokenizeResponse response;
    const grpc::Status status = Tokenize(pan, &response);
    EXPECT_TRUE(status.ok()) << ReasonOnWire(status);
    return response.name();
  }

  grpc::Status Detokenize(const std::string& name, const std::string& purpose,
                          v1::DetokenizeResponse* response) {
    v1::DetokenizeRequest request;
    request.set_name(name);
    request.set_purpose(purpose);
    Deadline context;
    return tokens->Detokenize(&context, request, response);
  }

  grpc::Status CreateKey(const std::string& id, v1::CreateKeyResponse* response,
                         v1::KeyAlgorithm algorithm = v1::KEY_ALGORITHM_EC_P256) {
    v1::CreateKeyRequest request;
    request.set_parent("tenants/acme");
    request.set_key_id(id);
    request.set_purpose(algorithm == v1::KEY_ALGORITHM_HMAC_SHA256 ? v1::KEY_PURPOSE_MAC
                                                                   : v1::KEY_PURPOSE_SIGN);
    request.set_algorithm(algorithm);
    request.set_cryptoperiod_days(30);
    Deadline context;
    return keys_stub->CreateKey(&context, request, response);
  }

  grpc::Status CreatePartnerKey(
      const std::string& id, const std::string& pem, v1::PartnerKey* made,
      const std::function<void(v1::CreatePartnerKeyRequest&)>& change = [](auto&) {}) {
    v1::CreatePartnerKeyRequest request;
    request.set_parent("tenants/acme");
    request.set_partner_key_id(id);
    request.set_purpose(v1::KEY_PURPOSE_SIGN);
    request.set_pem(pem);
    request.mutable_not_after_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 86'400);
    change(request);
    v1::CreatePartnerKeyResponse response;
    Deadline context;
    const grpc::Status status = partners_stub->CreatePartnerKey(&context, request, &response);
    *made = response.partner_key();
    return status;
  }

  grpc::Status ListKeys(int page_size, const std::string& page_token,
                        v1::ListKeysResponse* response) {
    v1::ListKeysRequest request;
    request.set_parent("tenants/acme");
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    Deadline context;
    return keys_stub->ListKeys(&context, request, response);
  }

  grpc::Status Export(std::uint64_t first, std::string* lines) {
    v1::ExportAuditRequest request;
    request.set_first_index(first);
    Deadline context;
    const auto reader = log->ExportAudit(&context, request);
    v1::ExportAuditResponse part;
    while (reader->Read(&part)) *lines += part.lines();
    return reader->Finish();
  }

  EdgeUnderTest edge;
  std::shared_ptr<grpc::Channel> caller, officer, auditor;
  std::unique_ptr<v1::TokenService::Stub> tokens;
  std::unique_ptr<v1::SigningService::Stub> signing;
  std::unique_ptr<v1::KeyService::Stub> keys_stub;
  std::unique_ptr<v1::PartnerKeyService::Stub> partners_stub;
  std::unique_ptr<v1::AuditService::Stub> log;

 private:
  const rpc::KeyChanges changes_;
  rpc::Lane lane_{2, 100};
  std::optional<tokenizer::Profiles> profiles_;
  std::optional<keys::KeyWrapping> wrapping_;
  std::unique_ptr<keys::KeyRegistry> registry_;
  std::unique_ptr<keys::PartnerKeys> partner_keys_;
  std::optional<keys::OpenedKeys> opened_keys_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  keys::PublicKeys public_keys_;
  std::optional<keys::Signer> signer_;
  std::optional<keys::Verifier> verifier_;
  std::optional<rpc::TokenService> tokens_;
  std::optional<rpc::SigningService> signing_;
  std::optional<rpc::KeyService> keys_;
  std::optional<rpc::PartnerKeyService> partners_;
  std::optional<rpc::AuditService> audit_;
};

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

  const auto alarms = edge.Records("Alarm.Raised");
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

TEST_F(ServicesTest, SignWhatTheOfficersKeyVerifies) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  EXPECT_EQ(created.key().name(), "tenants/acme/keys/orders");
  ASSERT_EQ(created.key().versions_size(), 1);
  EXPECT_TRUE(created.key().versions(0).primary());

  v1::SignRequest sign;
  sign.set_name("tenants/acme/keys/orders");
  sign.set_message("pay 10 EUR");
  v1::SignResponse signature;
  {
    Deadline context;
    ASSERT_TRUE(signing->Sign(&context, sign, &signature).ok());
  }
  EXPECT_EQ(signature.key_version(), "tenants/acme/keys/orders/versions/1");
  EXPECT_EQ(signature.algorithm(), "ECDSA-P256-SHA256");

  v1::GetPublicKeyRequest which;
  which.set_name(signature.key_version());
  v1::GetPublicKeyResponse key;
  {
    Deadline context;
    ASSERT_TRUE(signing->GetPublicKey(&context, which, &key).ok());
  }
  EXPECT_EQ(key.name(), signature.key_version());
  EXPECT_THAT(key.pem(), ::testing::StartsWith("-----BEGIN PUBLIC KEY-----"));
  const auto public_key = crypto::PublicKey::FromSpki(key.der());
  ASSERT_OK(public_key);
  EXPECT_TRUE((*public_key)
                  ->Verify(crypto::SignatureAlgorithm::kEcdsaP256Sha256, "pay 10 EUR",
                           signature.signature()));

  v1::VerifyRequest verify;
  verify.set_name("tenants/acme/keys/orders");
  verify.set_message("pay 10 EUR");
  verify.set_signature(signature.signature());
  for (const bool valid : {true, false}) {
    if (!valid) verify.set_message("pay 99 EUR");
    v1::VerifyResponse verified;
    Deadline context;
    ASSERT_TRUE(signing->Verify(&context, verify, &verified).ok());
    EXPECT_EQ(verified.valid(), valid);
    EXPECT_EQ(verified.key_version(), valid ? signature.key_version() : "");
  }
}

TEST_F(ServicesTest, SignAndCheckEachItemOfABatch) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  v1::BatchSignRequest sign;
  sign.set_name(created.key().name());
  for (const char* message : {"pay 10 EUR", "", "pay 30 EUR"}) sign.add_messages(message);
  v1::BatchSignResponse made;
  {
    Deadline context;
    ASSERT_TRUE(signing->BatchSign(&context, sign, &made).ok());
  }
  ASSERT_EQ(made.results_size(), 3);
  EXPECT_EQ(made.key_version(), "tenants/acme/keys/orders/versions/1");
  EXPECT_EQ(made.algorithm(), "ECDSA-P256-SHA256");
  EXPECT_EQ(made.results(1).error().reason(), "FIELD_REQUIRED");

  v1::BatchVerifyRequest verify;
  verify.set_name(created.key().name());
  const auto add = [&](const std::string& message, const std::string& signature) {
    v1::SignedMessage& item = *verify.add_signed_messages();
    item.set_message(message);
    item.set_signature(signature);
  };
  add("pay 10 EUR", made.results(0).signature());
  add("pay 10 EUR", made.results(2).signature());
  add("pay 30 EUR", "");
  add("pay 30 EUR", std::string(1025, 'x'));
  add("pay 30 EUR", made.results(2).signature());
  v1::BatchVerifyResponse checked;
  Deadline context;
  ASSERT_TRUE(signing->BatchVerify(&context, verify, &checked).ok());
  ASSERT_EQ(checked.results_size(), 5);
  EXPECT_TRUE(checked.results(0).verification().valid());
  EXPECT_EQ(checked.results(0).verification().key_version(), made.key_version());
  EXPECT_TRUE(checked.results(1).has_verification());
  EXPECT_FALSE(checked.results(1).verification().valid());
  EXPECT_EQ(checked.results(2).error().reason(), "FIELD_REQUIRED");
  EXPECT_EQ(checked.results(3).error().reason(), "FIELD_INVALID");
  EXPECT_TRUE(checked.results(4).verification().valid());
  EXPECT_EQ(edge.Records("\"SigningService.Sign\"").size(), 1U);
  EXPECT_EQ(edge.Records("\"SigningService.Verify\"").size(), 1U);
}

TEST_F(ServicesTest, BoundBatchesOfSignatures) {
  for (const int size : {0, 101}) {
    v1::BatchSignRequest sign;
    sign.set_name("tenants/acme/keys/orders");
    v1::BatchVerifyRequest verify;
    verify.set_name("tenants/acme/keys/orders");
    for (int i = 0; i < size; ++i) {
      sign.add_messages("pay 10 EUR");
      verify.add_signed_messages()->set_message("pay 10 EUR");
    }
    Deadline first, second;
    v1::BatchSignResponse made;
    EXPECT_EQ(ReasonOnWire(signing->BatchSign(&first, sign, &made)), "BATCH_SIZE");
    v1::BatchVerifyResponse checked;
    EXPECT_EQ(ReasonOnWire(signing->BatchVerify(&second, verify, &checked)), "BATCH_SIZE");
  }
}

TEST_F(ServicesTest, TakeAWebhookForFiveMinutesWhereTheRequestSaysNoAge) {
  v1::CreateKeyRequest create;
  create.set_parent("tenants/acme");
  create.set_key_id("hooks");
  create.set_purpose(v1::KEY_PURPOSE_WEBHOOK);
  create.set_algorithm(v1::KEY_ALGORITHM_ED25519);
  create.set_cryptoperiod_days(30);
  v1::CreateKeyResponse created;
  {
    Deadline context;
    ASSERT_TRUE(keys_stub->CreateKey(&context, create, &created).ok());
  }
  const std::string label =
      keys::HsmLabelOf(edge.deployment.name, {.key = {"acme", "hooks"}, .version = 1});
  const auto fault = [&](std::int64_t age, std::int64_t max_age) {
    const std::int64_t made = absl::ToUnixSeconds(absl::Now()) - age;
    const auto raw = edge.hsm.Sign(label, pkcs11::Mechanism::kEd25519,
                                   http::WebhookSigningInput("msg_1", made, "{}"));
    EXPECT_OK(raw);
    v1::VerifyWebhookRequest request;
    request.set_name(created.key().name());
    request.set_payload("{}");
    request.set_max_age_seconds(max_age);
    const auto add = [&](const char* name, const std::string& value) {
      v1::HttpField& field = *request.add_fields();
      field.set_name(name);
      field.set_value(value);
    };
    add(http::kWebhookId, "msg_1");
    add(http::kWebhookTimestamp, absl::StrCat(made));
    add(http::kWebhookSignature, http::WebhookSignature(*raw));
    v1::VerifyWebhookResponse response;
    Deadline context;
    EXPECT_TRUE(signing->VerifyWebhook(&context, request, &response).ok());
    return response.fault();
  };
  EXPECT_EQ(fault(200, 0), v1::SIGNATURE_FAULT_UNSPECIFIED);
  EXPECT_EQ(fault(400, 0), v1::SIGNATURE_FAULT_TOO_OLD);
  EXPECT_EQ(fault(400, 1000), v1::SIGNATURE_FAULT_UNSPECIFIED);
}

TEST_F(ServicesTest, HaveNoPublicHalfOfAMacKey) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("webhooks", &created, v1::KEY_ALGORITHM_HMAC_SHA256).ok());
  v1::GetPublicKeyRequest which;
  which.set_name(created.key().name());
  v1::GetPublicKeyResponse key;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(signing->GetPublicKey(&context, which, &key)), "ALGORITHM_UNSUPPORTED");
}

TEST_F(ServicesTest, BoundWhatIsSigned) {
  v1::SignRequest sign;
  sign.set_name("tenants/acme/keys/orders");
  v1::SignResponse signature;
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(signing->Sign(&context, sign, &signature)), "FIELD_REQUIRED");
  }
  sign.set_message(std::string(64 * 1024 + 1, 'x'));
  Deadline context;
  EXPECT_EQ(ReasonOnWire(signing->Sign(&context, sign, &signature)), "MESSAGE_TOO_LARGE");
}

TEST_F(ServicesTest, RotateAKeyToANewPrimaryVersion) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  v1::RotateKeyRequest request;
  request.set_name(created.key().name());
  v1::RotateKeyResponse rotated;
  Deadline context;
  ASSERT_TRUE(keys_stub->RotateKey(&context, request, &rotated).ok());
  ASSERT_EQ(rotated.key().versions_size(), 2);
  EXPECT_EQ(rotated.key().versions(0).name(), "tenants/acme/keys/orders/versions/2");
  EXPECT_TRUE(rotated.key().versions(0).primary());
  EXPECT_FALSE(rotated.key().versions(1).primary());
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

TEST_F(ServicesTest, ListKeysPageByPage) {
  for (const char* id : {"a-key", "b-key", "c-key"}) {
    v1::CreateKeyResponse created;
    ASSERT_TRUE(CreateKey(id, &created).ok());
  }
  v1::ListKeysResponse all;
  ASSERT_TRUE(ListKeys(0, "", &all).ok());
  EXPECT_EQ(all.next_page_token(), "");
  std::vector<std::string> expected;
  for (const v1::Key& key : all.keys()) expected.push_back(key.name());
  EXPECT_THAT(expected, ::testing::Contains("tenants/acme/keys/b-key"));
  EXPECT_TRUE(std::is_sorted(expected.begin(), expected.end()));

  std::vector<std::string> paged;
  std::string page_token;
  do {
    v1::ListKeysResponse page;
    ASSERT_TRUE(ListKeys(2, page_token, &page).ok());
    EXPECT_LE(page.keys_size(), 2);
    for (const v1::Key& key : page.keys()) paged.push_back(key.name());
    page_token = page.next_page_token();
  } while (!page_token.empty());
  EXPECT_EQ(paged, expected);

  v1::ListKeysResponse none;
  EXPECT_EQ(ReasonOnWire(ListKeys(0, "made up", &none)), "FIELD_INVALID");
  EXPECT_EQ(ReasonOnWire(ListKeys(-1, "", &none)), "FIELD_INVALID");
}

TEST_F(ServicesTest, ExportALogThatVerifies) {
  TokenFor(kPan);
  v1::GetCheckpointResponse before;
  {
    Deadline context;
    ASSERT_TRUE(log->GetCheckpoint(&context, v1::GetCheckpointRequest(), &before).ok());
  }
  std::string lines;
  ASSERT_TRUE(Export(0, &lines).ok());
  std::istringstream in(lines);
  const auto verified = audit::VerifyExport(in, before.verifier_key(), before.note());
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->against_outside_checkpoint);
  EXPECT_NE(lines.find("TokenService.Tokenize"), std::string::npos);
  EXPECT_EQ(lines.find(kPan), std::string::npos);
  EXPECT_EQ(edge.Records("AuditService.ExportAudit").size(), 1U);
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

TEST_F(ServicesTest, RefuseAnExportFromBeyondTheEnd) {
  std::string lines;
  EXPECT_EQ(ReasonOnWire(Export(1'000'000, &lines)), "FIELD_INVALID");
  EXPECT_EQ(lines, "");
}

TEST_F(ServicesTest, EndAnExportWhoseReaderGoesAway) {
  v1::ExportAuditRequest request;
  {
    Deadline context;
    const auto reader = log->ExportAudit(&context, request);
    v1::ExportAuditResponse part;
    EXPECT_TRUE(reader->Read(&part));
    context.TryCancel();
  }
  std::string lines;
  EXPECT_TRUE(Export(0, &lines).ok());
}

TEST_F(ServicesTest, VerifyByAPartnersKeyUntilItIsDisabled) {
  const OpensslKey partner("-algorithm ed25519");
  v1::PartnerKey made;
  ASSERT_TRUE(CreatePartnerKey("bank", partner.public_pem(), &made, [](auto& request) {
                request.set_kid("bank-key-7");
              }).ok());
  EXPECT_EQ(made.name(), "tenants/acme/partnerKeys/bank");
  EXPECT_EQ(made.purpose(), v1::KEY_PURPOSE_SIGN);
  EXPECT_EQ(made.algorithm(), v1::KEY_ALGORITHM_ED25519);
  EXPECT_EQ(made.state(), v1::PARTNER_KEY_STATE_ACTIVE);
  EXPECT_EQ(made.kid(), "bank-key-7");
  EXPECT_EQ(made.pem(), partner.public_pem());
  EXPECT_EQ(made.spki_sha256().size(), 64U);
  EXPECT_EQ(made.registered_by(), "officer");
  EXPECT_EQ(made.not_after_time().seconds() - made.create_time().seconds(), 86'400);

  v1::VerifyRequest request;
  request.set_name(made.name());
  request.set_message("pay 10 EUR");
  request.set_signature(partner.Sign("pay 10 EUR", "-rawin"));
  v1::VerifyResponse verified;
  {
    Deadline context;
    ASSERT_TRUE(signing->Verify(&context, request, &verified).ok());
  }
  EXPECT_TRUE(verified.valid());
  EXPECT_EQ(verified.key_version(), made.name());

  v1::DisablePartnerKeyRequest disable;
  disable.set_name(made.name());
  v1::DisablePartnerKeyResponse disabled;
  {
    Deadline context;
    ASSERT_TRUE(partners_stub->DisablePartnerKey(&context, disable, &disabled).ok());
  }
  EXPECT_EQ(disabled.partner_key().state(), v1::PARTNER_KEY_STATE_DISABLED);
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(signing->Verify(&context, request, &verified)), "PARTNER_KEY_DISABLED");
  }
  v1::GetPartnerKeyRequest get;
  get.set_name(made.name());
  v1::GetPartnerKeyResponse got;
  Deadline context;
  ASSERT_TRUE(partners_stub->GetPartnerKey(&context, get, &got).ok());
  EXPECT_EQ(got.partner_key().SerializeAsString(), disabled.partner_key().SerializeAsString());
  EXPECT_EQ(edge.Records("\"PartnerKeyService.CreatePartnerKey\"").size(), 1U);
  EXPECT_EQ(edge.Records("\"PartnerKeyService.DisablePartnerKey\"").size(), 1U);
  EXPECT_EQ(edge.Records("bank-key-7").size(), 0U) << "a kid may hold anything";
}

TEST_F(ServicesTest, RefuseAPartnerKeyNamingTheField) {
  const OpensslKey partner("-algorithm ed25519");
  const auto reason = [&](const std::string& pem, const auto& change) {
    v1::PartnerKey made;
    return ReasonOnWire(CreatePartnerKey("bank", pem, &made, change));
  };
  const auto nothing = [](auto&) {};
  const std::string good = partner.public_pem();
  EXPECT_EQ(reason(partner.private_pem(), nothing), "PRIVATE_KEY_PRESENTED");
  EXPECT_EQ(reason(partner.private_pem(), [](auto& request) { request.clear_purpose(); }),
            "PRIVATE_KEY_PRESENTED");
  EXPECT_EQ(reason("", nothing), "FIELD_REQUIRED");
  EXPECT_EQ(reason("garbage", nothing), "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_partner_key_id(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_partner_key_id("Bank"); }),
            "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_purpose(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_purpose(v1::KEY_PURPOSE_MAC); }),
            "FIELD_INVALID");
  EXPECT_EQ(
      reason(good, [](auto& request) { request.set_purpose(static_cast<v1::KeyPurpose>(99)); }),
      "FIELD_INVALID");
  EXPECT_EQ(
      reason(good, [](auto& request) { request.set_algorithm(static_cast<v1::KeyAlgorithm>(99)); }),
      "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_not_after_time(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.mutable_not_after_time()->set_nanos(-1); }),
            "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_parent("tenants/other"); }),
            "POLICY_DENIED");
  const std::string secret = partner.private_pem();
  for (std::size_t at = 30; at + 20 < secret.size(); at += 20) {
    EXPECT_EQ(edge.Records(secret.substr(at, 12)).size(), 0U);
  }
}

TEST_F(ServicesTest, ListPartnerKeysPageByPage) {
  const OpensslKey partner("-algorithm ed25519");
  std::vector<std::string> expected;
  for (const char* id : {"a-bank", "b-bank", "c-bank"}) {
    v1::PartnerKey made;
    ASSERT_TRUE(CreatePartnerKey(id, partner.public_pem(), &made).ok());
    expected.push_back(made.name());
  }
  std::vector<std::string> paged;
  v1::ListPartnerKeysRequest request;
  request.set_parent("tenants/acme");
  request.set_page_size(2);
  do {
    v1::ListPartnerKeysResponse page;
    Deadline context;
    ASSERT_TRUE(partners_stub->ListPartnerKeys(&context, request, &page).ok());
    EXPECT_LE(page.partner_keys_size(), 2);
    for (const v1::PartnerKey& key : page.partner_keys()) paged.push_back(key.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, expected);
  request.set_page_token("made up");
  v1::ListPartnerKeysResponse none;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(partners_stub->ListPartnerKeys(&context, request, &none)),
            "FIELD_INVALID");
}

class OutsideDevelopmentTest : public ServicesTest {
 protected:
  OutsideDevelopmentTest() : ServicesTest({}, rpc::KeyChanges::kNeedOfficers) {}
};

TEST_F(OutsideDevelopmentTest, KeysAreNotChangedByCall) {
  v1::CreateKeyResponse created;
  EXPECT_EQ(ReasonOnWire(CreateKey("orders", &created)), "OFFICER_LOGIN_REQUIRED");
  v1::RotateKeyRequest request;
  request.set_name("tenants/acme/keys/orders");
  v1::RotateKeyResponse rotated;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(keys_stub->RotateKey(&context, request, &rotated)),
            "OFFICER_LOGIN_REQUIRED");
  v1::PartnerKey made;
  EXPECT_EQ(ReasonOnWire(CreatePartnerKey("bank", "any", &made)), "OFFICER_LOGIN_REQUIRED");
  // Its owner has to hear of it, whoever may register keys.
  EXPECT_EQ(ReasonOnWire(CreatePartnerKey("bank", "-----BEGIN PRIVATE KEY-----", &made)),
            "PRIVATE_KEY_PRESENTED");
  v1::DisablePartnerKeyRequest disable;
  disable.set_name("tenants/acme/partnerKeys/bank");
  v1::DisablePartnerKeyResponse disabled;
  Deadline second;
  EXPECT_EQ(ReasonOnWire(partners_stub->DisablePartnerKey(&second, disable, &disabled)),
            "OFFICER_LOGIN_REQUIRED");
  EXPECT_EQ(edge.Records("OFFICER_LOGIN_REQUIRED").size(), 4U);
  v1::ListKeysResponse listed;
  EXPECT_TRUE(ListKeys(0, "", &listed).ok());
}

TEST_F(ServicesTest, LockedKeysAreOpenedAgainByTheHsmOnly) {
  const std::string token = TokenFor(kPan);
  v1::DetokenizeResponse card;
  edge.hsm.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_TRUE(Detokenize(token, "settlement", &card).ok());

  v1::LockKeysResponse locked;
  Deadline context;
  ASSERT_TRUE(keys_stub->LockKeys(&context, v1::LockKeysRequest(), &locked).ok());
  EXPECT_GT(locked.dropped(), 0U);
  EXPECT_EQ(edge.Records("\"KeyService.LockKeys\"").size(), 1U);
  EXPECT_EQ(ReasonOnWire(Detokenize(token, "settlement", &card)), "HSM_UNAVAILABLE");

  edge.hsm.Heal();
  EXPECT_TRUE(Detokenize(token, "settlement", &card).ok());
}

class NothingAllowedTest : public ServicesTest {
 protected:
  NothingAllowedTest() : ServicesTest(kNothingAllowed, rpc::KeyChanges::kAllowed) {}
};

template <typename Message>
std::string With(const std::function<void(Message&)>& fill) {
  Message message;
  fill(message);
  return message.SerializeAsString();
}

template <typename Message>
std::string Named(const std::string& name) {
  return With<Message>([&name](Message& message) { message.set_name(name); });
}

template <typename Message>
std::string Below(const std::string& parent) {
  return With<Message>([&parent](Message& message) { message.set_parent(parent); });
}

// For every method a request that only the policy can refuse.
std::map<std::string, std::string> RequestsByMethod() {
  const std::string token = "tenants/acme/tokens/tok_a";
  const std::string key = "tenants/acme/keys/orders";
  const std::string partner_key = "tenants/acme/partnerKeys/bank";
  return {
      {"keysvc.v1.TokenService.Tokenize", Below<v1::TokenizeRequest>(kProfile)},
      {"keysvc.v1.TokenService.BatchTokenize", Below<v1::BatchTokenizeRequest>(kProfile)},
      {"keysvc.v1.TokenService.LookUpToken", Below<v1::LookUpTokenRequest>(kProfile)},
      {"keysvc.v1.TokenService.BatchLookUpTokens", Below<v1::BatchLookUpTokensRequest>(kProfile)},
      {"keysvc.v1.TokenService.Detokenize", Named<v1::DetokenizeRequest>(token)},
      {"keysvc.v1.TokenService.BatchDetokenize", Below<v1::BatchDetokenizeRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ConvertToken", With<v1::ConvertTokenRequest>([&](auto& request) {
         request.set_name(token);
         request.set_target(kProfile);
       })},
      {"keysvc.v1.TokenService.BatchConvertTokens",
       With<v1::BatchConvertTokensRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_target(kProfile);
       })},
      {"keysvc.v1.TokenService.GetToken", Named<v1::GetTokenRequest>(token)},
      {"keysvc.v1.TokenService.FingerprintCard", Below<v1::FingerprintCardRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.BatchFingerprintCards",
       Below<v1::BatchFingerprintCardsRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.SuspendToken", Named<v1::SuspendTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchSuspendTokens",
       Below<v1::BatchSuspendTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ResumeToken", Named<v1::ResumeTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchResumeTokens",
       Below<v1::BatchResumeTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.DeleteToken", Named<v1::DeleteTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchDeleteTokens",
       Below<v1::BatchDeleteTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.GetRetentionReport",
       Below<v1::GetRetentionReportRequest>("tenants/acme")},
      {"keysvc.v1.SigningService.Sign", Named<v1::SignRequest>(key)},
      {"keysvc.v1.SigningService.BatchSign", Named<v1::BatchSignRequest>(key)},
      {"keysvc.v1.SigningService.Verify", Named<v1::VerifyRequest>(key)},
      {"keysvc.v1.SigningService.BatchVerify", Named<v1::BatchVerifyRequest>(key)},
      {"keysvc.v1.SigningService.SignJws", Named<v1::SignJwsRequest>(key)},
      {"keysvc.v1.SigningService.VerifyJws", Named<v1::VerifyJwsRequest>(key)},
      {"keysvc.v1.SigningService.SignHttpMessage", Named<v1::SignHttpMessageRequest>(key)},
      {"keysvc.v1.SigningService.VerifyHttpMessage", Named<v1::VerifyHttpMessageRequest>(key)},
      {"keysvc.v1.SigningService.SignWebhook", Named<v1::SignWebhookRequest>(key)},
      {"keysvc.v1.SigningService.VerifyWebhook", Named<v1::VerifyWebhookRequest>(key)},
      {"keysvc.v1.SigningService.SignCose", Named<v1::SignCoseRequest>(key)},
      {"keysvc.v1.SigningService.VerifyCose", Named<v1::VerifyCoseRequest>(key)},
      {"keysvc.v1.SigningService.GetJwks", Named<v1::GetJwksRequest>(key)},
      {"keysvc.v1.SigningService.GetPublicKey", Named<v1::GetPublicKeyRequest>(key)},
      {"keysvc.v1.KeyService.CreateKey", With<v1::CreateKeyRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_key_id("orders");
       })},
      {"keysvc.v1.KeyService.ListKeys", Below<v1::ListKeysRequest>("tenants/acme")},
      {"keysvc.v1.KeyService.GetKey", Named<v1::GetKeyRequest>(key)},
      {"keysvc.v1.KeyService.CreateKeyVersion", Named<v1::CreateKeyVersionRequest>(key)},
      {"keysvc.v1.KeyService.RotateKey", Named<v1::RotateKeyRequest>(key)},
      {"keysvc.v1.KeyService.LockKeys", ""},
      {"keysvc.v1.PartnerKeyService.CreatePartnerKey",
       With<v1::CreatePartnerKeyRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_partner_key_id("bank");
       })},
      {"keysvc.v1.PartnerKeyService.ListPartnerKeys",
       Below<v1::ListPartnerKeysRequest>("tenants/acme")},
      {"keysvc.v1.PartnerKeyService.GetPartnerKey", Named<v1::GetPartnerKeyRequest>(partner_key)},
      {"keysvc.v1.PartnerKeyService.DisablePartnerKey",
       Named<v1::DisablePartnerKeyRequest>(partner_key)},
      {"keysvc.v1.AuditService.ExportAudit", ""},
      {"keysvc.v1.AuditService.GetCheckpoint", ""},
  };
}

TEST_F(NothingAllowedTest, DeniesEveryMethodOfEveryServiceAndRecordsIt) {
  const std::map<std::string, std::string> requests = RequestsByMethod();
  std::size_t methods = 0;
  for (const char* file : {"keysvc/v1/token_service.proto", "keysvc/v1/signing_service.proto",
                           "keysvc/v1/key_service.proto", "keysvc/v1/partner_key_service.proto",
                           "keysvc/v1/audit_service.proto"}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(file);
    ASSERT_NE(descriptor, nullptr) << file;
    for (int s = 0; s < descriptor->service_count(); ++s) {
      const auto* service = descriptor->service(s);
      for (int m = 0; m < service->method_count(); ++m, ++methods) {
        const std::string name = service->method(m)->full_name();
        SCOPED_TRACE(name);
        ASSERT_TRUE(requests.contains(name));
        const std::string path =
            absl::StrCat("/", service->full_name(), "/", service->method(m)->name());
        ASSERT_NE(edge.methods.Find(path), nullptr);
        EXPECT_EQ(CallRaw(caller, path, requests.at(name)).reason(), "POLICY_DENIED");
        const std::string action =
            absl::StrCat("\"", service->name(), ".", service->method(m)->name(), "\"");
        std::size_t denials = 0;
        for (const LoggedRecord& record : edge.Records(action)) denials += record.Has("denied");
        EXPECT_EQ(denials, 1U);
      }
    }
  }
  EXPECT_EQ(methods, requests.size());
}

}  // namespace
}  // namespace keysvc::testing
