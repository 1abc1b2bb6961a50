#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "crypto/digest.h"
#include "crypto/public_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http/webhook.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "policy/policy.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

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

TEST_F(ServicesTest, SignADigestForWhoMaySignMessagesAndDigests) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("hashed", &created).ok());
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  const std::string digest = crypto::HashOf(crypto::HashAlgorithm::kSha256, "pay 10 EUR");
  v1::SignRequest sign;
  sign.set_name("tenants/acme/keys/hashed");
  sign.set_digest(digest);
  v1::SignResponse signature;
  {
    Deadline context;
    ASSERT_TRUE(signing->Sign(&context, sign, &signature).ok());
  }
  EXPECT_TRUE(edge.Records("\"SigningService.Sign\"").back().Has("\"input\":\"digest\""));
  v1::BatchVerifyRequest verify;
  verify.set_name(sign.name());
  verify.add_signed_messages()->set_message("pay 10 EUR");
  verify.add_signed_messages()->set_digest(digest);
  verify.add_signed_messages()->set_digest(digest.substr(1));
  for (v1::SignedMessage& item : *verify.mutable_signed_messages()) {
    item.set_signature(signature.signature());
  }
  v1::BatchVerifyResponse verified;
  {
    Deadline context;
    ASSERT_TRUE(signing->BatchVerify(&context, verify, &verified).ok());
  }
  EXPECT_TRUE(verified.results(0).verification().valid());
  EXPECT_TRUE(verified.results(1).verification().valid());
  EXPECT_EQ(verified.results(2).error().reason(), "FIELD_INVALID");

  v1::BatchSignRequest batch;
  batch.set_name(sign.name());
  batch.add_digests(digest);
  batch.add_digests("short");
  v1::BatchSignResponse made;
  {
    Deadline context;
    ASSERT_TRUE(signing->BatchSign(&context, batch, &made).ok());
  }
  EXPECT_FALSE(made.results(0).signature().empty());
  EXPECT_EQ(made.results(1).error().reason(), "FIELD_INVALID");
  batch.add_messages("pay 10 EUR");
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(signing->BatchSign(&context, batch, &made)), "FIELD_INVALID");
  }

  // Either right alone is not enough.
  for (const char* key : {"tenants/acme/keys/orders", "tenants/beta/keys/hashed"}) {
    sign.set_name(key);
    Deadline context;
    EXPECT_EQ(ReasonOnWire(signing->Sign(&context, sign, &signature)), "POLICY_DENIED") << key;
    batch.clear_messages();
    batch.set_name(key);
    Deadline second;
    EXPECT_EQ(ReasonOnWire(signing->BatchSign(&second, batch, &made)), "POLICY_DENIED") << key;
    for (const char* method : {"\"SigningService.Sign\"", "\"SigningService.BatchSign\""}) {
      const LoggedRecord denied = edge.Records(method).back();
      EXPECT_TRUE(denied.Has("\"outcome\":\"denied\"")) << method << key;
      EXPECT_TRUE(denied.Has("\"input\":\"digest\"")) << method << key;
    }
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

TEST_F(ServicesTest, StopACallerWhoSignsTooMuchWithAnAlarm) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  policy::Policy limited = *edge.gate->policy();
  for (policy::Rule& rule : limited.rules) rule.limits.signatures = {{2, absl::Hours(1)}};
  edge.gate->Replace(std::make_shared<const policy::Policy>(std::move(limited)));
  v1::BatchSignRequest batch;
  batch.set_name(created.key().name());
  for (const char* message : {"pay 10 EUR", "pay 20 EUR", "pay 30 EUR"}) {
    batch.add_messages(message);
  }
  v1::BatchSignResponse made;
  {
    Deadline context;
    ASSERT_TRUE(signing->BatchSign(&context, batch, &made).ok());
  }
  EXPECT_TRUE(made.results(1).has_signature());
  EXPECT_EQ(made.results(2).error().reason(), "SIGNATURES_EXHAUSTED");
  const auto alarms = edge.Alarms();
  ASSERT_EQ(alarms.size(), 1U);
  EXPECT_TRUE(alarms[0].Has(R"("reason":"SIGNATURES_EXHAUSTED")"));
  EXPECT_TRUE(alarms[0].Has(R"("cause":"caller")"));

  v1::SignRequest sign;
  sign.set_name(created.key().name());
  sign.set_message("pay 40 EUR");
  const RawAnswer refused =
      CallRaw(caller, "/keysvc.v1.SigningService/Sign", sign.SerializeAsString());
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason(), "SIGNATURES_EXHAUSTED");
  ASSERT_TRUE(refused.retry().has_value());
  EXPECT_EQ(refused.retry()->retry_delay().seconds(), 60);
  EXPECT_TRUE(edge.Records("\"SigningService.Sign\"").back().Has(R"("outcome":"denied")"));
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
    add(http::kWebhookSignature, http::WebhookSignature(http::kWebhookEd25519, *raw));
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

}  // namespace
}  // namespace keysvc::testing
