// Webhooks by keys of the purpose webhook.
#include "keysvc/keys/webhook_signature.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/accepted_nonce.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/presented_webhook.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
constexpr char kId[] = "msg_1";
constexpr char kPayload[] = R"({"type":"payment.settled"})";

struct Presented {
  KeyName key;
  std::vector<http::Field> fields;  // id, timestamp, signature
  std::string payload = kPayload;
  std::optional<absl::Duration> max_age;

  VerifyRequest ToRequest() const {
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedWebhook>(fields, payload);
    request.max_age = max_age;
    return request;
  }
};

class WebhookSignatureTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, kParameters));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(std::string id, std::string payload, std::string request_id = {},
                                 KeyName key = {}) {
    if (key.key.empty()) key = kKey;
    return Sign(SignRequest{std::move(key),
                            std::make_shared<WebhookSignature>(std::move(id), std::move(payload)),
                            std::move(request_id),
                            {}});
  }
  Presented Webhook() {
    const auto signature = Sign(kId, kPayload);
    EXPECT_OK(signature);
    Presented webhook;
    webhook.key = kKey;
    for (const auto line : absl::StrSplit(signature->bytes, '\n', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      webhook.fields.push_back({parts.first, parts.second});
    }
    return webhook;
  }
  // As a receiver asks that must not act twice.
  static VerifyRequest Once(const Presented& webhook) {
    VerifyRequest request = webhook.ToRequest();
    request.max_age = absl::Minutes(5);
    request.once = true;
    return request;
  }
  Fault FaultOf(const Presented& webhook) { return Verify(webhook).value().fault; }

  const KeyName kKey{"acme", "hooks"};
  const KeyParameters kParameters{Purpose::kWebhook, Algorithm::kEd25519, Protection::kHsm, kYear};
};

TEST_F(WebhookSignatureTest, AnIdIsAcceptedOnceInAMonthWheneverItIsSigned) {
  const VerifyRequest first = Once(Webhook());
  EXPECT_TRUE(Verify(first)->valid());
  for (const absl::Duration later : {absl::Seconds(1), absl::Minutes(30), absl::Hours(24 * 30)}) {
    world_.Advance(later);
    EXPECT_EQ(Verify(Once(Webhook()))->fault, Fault::kReplayed) << later;
    EXPECT_EQ(LastCall(world_.store).fault, "REPLAYED");
  }
  VerifyRequest of_another_age = Once(Webhook());
  of_another_age.max_age = kNonceKept;
  EXPECT_EQ(Verify(of_another_age)->fault, Fault::kReplayed);
  EXPECT_EQ(Verify(first)->fault, Fault::kTooOld);
  world_.Advance(absl::Hours(24 + 1));
  EXPECT_TRUE(Verify(Once(Webhook()))->valid()) << "it is forgotten";
}

TEST_F(WebhookSignatureTest, ARepetitionIsAnsweredAsTheFirstCallWasAndNothingElseIs) {
  VerifyRequest request = Once(Webhook());
  request.request_id = kRequestId;
  const auto first = Verify(request);
  ASSERT_TRUE(first->valid());
  EXPECT_EQ(Verify(request)->key_version, first->key_version);
  world_.Advance(absl::Hours(1));
  EXPECT_TRUE(Verify(request)->valid()) << "though it is too old by now";

  // The same request id for another signature, or for one that was never right.
  VerifyRequest signed_again = Once(Webhook());
  signed_again.request_id = kRequestId;
  EXPECT_EQ(Verify(signed_again)->fault, Fault::kReplayed);
  Presented forged = Webhook();
  forged.fields[2].value = "v1a," + std::string(86, 'A') + "==";
  VerifyRequest never_right = Once(forged);
  never_right.request_id = kRequestId;
  EXPECT_EQ(Verify(never_right)->fault, Fault::kSignatureWrong);
}

TEST_F(WebhookSignatureTest, ARowOfAnAcceptedIdThatWasChangedAcceptsNothing) {
  VerifyRequest request = Once(Webhook());
  request.request_id = kRequestId;
  EXPECT_TRUE(Verify(request)->valid());
  world_.store.Tamper([](MemoryStore::Rows& rows) {
    ASSERT_FALSE(rows.idempotency.empty());
    for (auto& [key, row] : rows.idempotency) row.answer.back() ^= 1;
  });
  EXPECT_THAT(Verify(request), HasReason(Reason::kIntegrityFailure));
  request.request_id.clear();
  EXPECT_EQ(Verify(request)->fault, Fault::kReplayed) << "it is of another request, whatever it is";
}

TEST_F(WebhookSignatureTest, WhatWasSignedVerifiesAndNothingElse) {
  const Presented webhook = Webhook();
  ASSERT_EQ(webhook.fields.size(), 3U);
  EXPECT_EQ(webhook.fields[0].name, "webhook-id");
  EXPECT_EQ(webhook.fields[0].value, kId);
  EXPECT_EQ(webhook.fields[1].name, "webhook-timestamp");
  EXPECT_EQ(webhook.fields[1].value, std::to_string(absl::ToUnixSeconds(world_.Now())));
  EXPECT_EQ(webhook.fields[2].name, "webhook-signature");
  EXPECT_THAT(webhook.fields[2].value, ::testing::StartsWith("v1a,"));
  const auto verified = Verify(webhook);
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->valid());
  EXPECT_EQ(verified->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.VerifyWebhook");

  Presented changed = webhook;
  changed.payload += " ";
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  EXPECT_EQ(LastCall(world_.store).fault, "SIGNATURE_WRONG");
  changed = webhook;
  changed.fields[0].value += "0";
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  changed = webhook;
  changed.fields[1].value = std::to_string(absl::ToUnixSeconds(world_.Now()) - 1);
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  changed = webhook;
  changed.fields.push_back({"content-type", "application/json"});
  EXPECT_EQ(FaultOf(changed), Fault::kNone);
}

TEST_F(WebhookSignatureTest, OneRightSignatureAmongOthersIsEnough) {
  Presented webhook = Webhook();
  const std::string own = webhook.fields[2].value;
  webhook.fields[2].value = "v1,eHg= v1a,eHg= " + own;
  EXPECT_EQ(FaultOf(webhook), Fault::kNone);
  webhook.fields[2].value = "v1,eHg=";
  EXPECT_EQ(FaultOf(webhook), Fault::kSignatureWrong);
}

TEST_F(WebhookSignatureTest, ATimestampMayBeOldAsFarAsTheReceiverSays) {
  Presented webhook = Webhook();
  webhook.max_age = absl::Minutes(5);
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(FaultOf(webhook), Fault::kNone);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(webhook), Fault::kTooOld);
  world_.Advance(-absl::Minutes(7));
  EXPECT_EQ(FaultOf(webhook), Fault::kFromTheFuture);
}

TEST_F(WebhookSignatureTest, WhatWasSignedBeforeARotationStillVerifies) {
  const Presented webhook = Webhook();
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(Verify(webhook)->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(Verify(Webhook())->key_version, (KeyVersionName{kKey, 2}.ToString()));
  EXPECT_THAT(*JwksOf(world_.registry(), public_keys_, kKey, world_.Now()),
              HasSubstr(R"("alg":"EdDSA")"));
}

TEST_F(WebhookSignatureTest, WhatIsNoWebhookIsRefused) {
  const Presented webhook = Webhook();
  for (std::size_t field = 0; field < 3; ++field) {
    Presented lacking = webhook;
    lacking.fields[field].name = "x";
    EXPECT_THAT(Verify(lacking), HasReason(Reason::kFieldRequired)) << field;
    Presented twice = webhook;
    twice.fields.push_back(twice.fields[field]);
    // A list of signatures in two fields has one that ends with a comma.
    if (field < 2) {
      EXPECT_THAT(Verify(twice), HasReason(Reason::kFieldInvalid)) << field;
    }
  }
  Presented bad = webhook;
  bad.fields[0].value = "a.b";
  EXPECT_THAT(Verify(bad), HasReason(Reason::kFieldInvalid));
  bad = webhook;
  bad.fields[1].value = "1.5";
  EXPECT_THAT(Verify(bad), HasReason(Reason::kFieldInvalid));
  bad = webhook;
  bad.fields[2].value += std::string(1024, ' ');
  EXPECT_OK(Verify(bad));  // blanks at the ends of a field are none of its value
  bad.fields[2].value += "v1a,YQ==";
  EXPECT_THAT(Verify(bad), HasReason(Reason::kFieldInvalid));
  bad = webhook;
  bad.payload.clear();
  EXPECT_THAT(Verify(bad), HasReason(Reason::kFieldRequired));
}

TEST_F(WebhookSignatureTest, WhatCannotBeSignedIsRefused) {
  EXPECT_THAT(Sign("", kPayload), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(Sign("a.1", kPayload), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(Sign(kId, ""), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(Sign(kId, std::string((64 << 10) + 1, 'x')), HasReason(Reason::kMessageTooLarge));
}

TEST_F(WebhookSignatureTest, ARepeatedRequestGetsTheSameSignature) {
  const auto first = Sign(kId, kPayload, kRequestId);
  ASSERT_OK(first);
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(Sign(kId, kPayload, kRequestId)->bytes, first->bytes);
  EXPECT_THAT(Sign("msg_2", kPayload, kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign(kId, "{}", kRequestId), HasReason(Reason::kRequestIdReused));
}

TEST_F(WebhookSignatureTest, OnlyKeysOfThisPurposeSign) {
  const KeyName http{"acme", "http"};
  ASSERT_OK(world_.Create(http, {Purpose::kHttp, Algorithm::kEd25519, Protection::kHsm, kYear}));
  EXPECT_THAT(Sign(kId, kPayload, {}, http), HasReason(Reason::kKeyPurposeMismatch));
  Presented webhook = Webhook();
  webhook.key = http;
  EXPECT_THAT(Verify(webhook), HasReason(Reason::kKeyPurposeMismatch));
  // By HMAC a key is shared, and only then.
  for (const Protection protection : {Protection::kHsm, Protection::kEnvelope}) {
    EXPECT_THAT(CheckParameters({Purpose::kWebhook, Algorithm::kHmacSha256, protection, kYear}),
                HasReason(Reason::kFieldInvalid));
  }
  EXPECT_THAT(CheckParameters({Purpose::kWebhook, Algorithm::kEcP256, Protection::kHsm, kYear}),
              HasReason(Reason::kFieldInvalid));
}

}  // namespace
}  // namespace keysvc::keys
