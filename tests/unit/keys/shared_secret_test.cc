// Webhooks by keys that are shared with their receiver, and what a roll of such a key is.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "crypto/base64.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http/timestamped_webhook.h"
#include "http/webhook.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/presented_message.h"
#include "keysvc/keys/presented_timestamped_webhook.h"
#include "keysvc/keys/presented_webhook.h"
#include "keysvc/keys/timestamped_webhook_signature.h"
#include "keysvc/keys/webhook_signature.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::LastCall;
using ::testing::ElementsAre;
using Urgency = KeyRegistry::Urgency;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
constexpr char kField[] = "acme-signature";
constexpr char kId[] = "msg_1";
constexpr char kPayload[] = R"({"type":"payment.settled"})";

class SharedSecretTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kStamped, kStampedParameters));
    ASSERT_OK(world_.Create(kStandard, kStandardParameters));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(const KeyName& key, std::shared_ptr<const SignatureFormat> format,
                                 std::string request_id = {}) {
    return Sign(SignRequest{key, std::move(format), std::move(request_id), {}});
  }
  // The field's value.
  std::string Stamped() {
    const auto signature =
        Sign(kStamped, std::make_shared<TimestampedWebhookSignature>(kField, kPayload));
    EXPECT_OK(signature);
    return FieldsOf(signature->bytes).at(0).value;
  }
  std::vector<http::Field> Standard() {
    const auto signature = Sign(kStandard, std::make_shared<WebhookSignature>(kId, kPayload));
    EXPECT_OK(signature);
    return FieldsOf(signature->bytes);
  }
  static std::vector<http::Field> FieldsOf(const std::string& lines) {
    std::vector<http::Field> fields;
    for (const auto line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      fields.push_back({parts.first, parts.second});
    }
    return fields;
  }

  absl::StatusOr<Verification> VerifyStamped(const std::string& value,
                                             std::optional<absl::Duration> max_age = {},
                                             const KeyName& key = kStamped) {
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedTimestampedWebhook>(
        kField, std::vector<http::Field>{{"Acme-Signature", value}}, kPayload);
    request.max_age = max_age;
    return Verify(request);
  }
  absl::StatusOr<Verification> VerifyStandard(const std::vector<http::Field>& fields,
                                              const KeyName& key = kStandard) {
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedWebhook>(fields, kPayload);
    return Verify(request);
  }
  // The version that makes it right, or the fault.
  std::string SignerOf(const absl::StatusOr<Verification>& verification) {
    EXPECT_OK(verification);
    return verification->valid() ? verification->key_version
                                 : std::string(NameOf(verification->fault));
  }
  static std::string VersionOf(const KeyName& key, std::uint32_t version) {
    return KeyVersionName{key, version}.ToString();
  }
  std::string TagBy(const KeyName& key, std::uint32_t version, const std::string& message) {
    return *world_.hsm.Sign(absl::StrCat("dev/acme/", key.key, "/v", version),
                            pkcs11::Mechanism::kHmacSha256, message);
  }
  std::string StampedNow(const std::vector<std::uint32_t>& versions) {
    const std::int64_t now = absl::ToUnixSeconds(world_.Now());
    std::vector<std::string> tags;
    for (const std::uint32_t version : versions) {
      tags.push_back(TagBy(kStamped, version, absl::StrCat(now, ".", kPayload)));
    }
    return http::ToText({now, tags});
  }

  static inline const KeyName kStamped{"acme", "stamped"};
  static inline const KeyName kStandard{"acme", "standard"};
  const KeyParameters kStampedParameters{Purpose::kTimestampedWebhook, Algorithm::kHmacSha256,
                                         Protection::kShared, kYear};
  const KeyParameters kStandardParameters{Purpose::kWebhook, Algorithm::kHmacSha256,
                                          Protection::kShared, kYear};
};

TEST_F(SharedSecretTest, BothShapesAreTaggedByTheKeyAndVerify) {
  const std::string stamped = Stamped();
  EXPECT_EQ(stamped, StampedNow({1}));
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.SignWebhook");
  EXPECT_EQ(SignerOf(VerifyStamped(stamped)), VersionOf(kStamped, 1));
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.VerifyWebhook");

  const std::vector<http::Field> standard = Standard();
  ASSERT_EQ(standard.size(), 3U);
  const std::string input = absl::StrCat(kId, ".", standard[1].value, ".", kPayload);
  EXPECT_EQ(standard[2].value, "v1," + crypto::ToBase64(TagBy(kStandard, 1, input)));
  EXPECT_EQ(SignerOf(VerifyStandard(standard)), VersionOf(kStandard, 1));
}

TEST_F(SharedSecretTest, WhatWasNotTaggedIsAResult) {
  std::string stamped = Stamped();
  stamped.back() = stamped.back() == '0' ? '1' : '0';
  EXPECT_EQ(SignerOf(VerifyStamped(stamped)), "SIGNATURE_WRONG");
  EXPECT_EQ(SignerOf(VerifyStamped("t=5")), "SIGNATURE_WRONG");
  std::vector<http::Field> standard = Standard();
  standard[1].value = "5";
  EXPECT_EQ(SignerOf(VerifyStandard(standard)), "SIGNATURE_WRONG");
}

TEST_F(SharedSecretTest, ATimestampMayBeOldAsFarAsTheReceiverSays) {
  const std::string stamped = Stamped();
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(SignerOf(VerifyStamped(stamped, absl::Minutes(5))), VersionOf(kStamped, 1));
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(SignerOf(VerifyStamped(stamped, absl::Minutes(5))), "TOO_OLD");
  world_.Advance(-absl::Minutes(7));
  EXPECT_EQ(SignerOf(VerifyStamped(stamped)), "FROM_THE_FUTURE");
}

TEST_F(SharedSecretTest, DuringARollTheNewestTwoSecretsSignAndVerify) {
  const std::string before = Stamped();
  ASSERT_OK(world_.Rotate(kStamped));
  ASSERT_OK(world_.Rotate(kStandard));
  EXPECT_EQ(Stamped(), StampedNow({2, 1}));
  EXPECT_EQ(SignerOf(VerifyStamped(before)), VersionOf(kStamped, 1));
  EXPECT_EQ(SignerOf(VerifyStamped(StampedNow({2}))), VersionOf(kStamped, 2));

  const std::vector<http::Field> standard = Standard();
  const std::string input = absl::StrCat(kId, ".", standard[1].value, ".", kPayload);
  EXPECT_EQ(standard[2].value, absl::StrCat("v1,", crypto::ToBase64(TagBy(kStandard, 2, input)),
                                            " v1,", crypto::ToBase64(TagBy(kStandard, 1, input))));

  // The next rotation ends the oldest.
  ASSERT_OK(world_.Rotate(kStamped));
  EXPECT_EQ(Stamped(), StampedNow({3, 2}));
  EXPECT_EQ(SignerOf(VerifyStamped(before)), "SIGNATURE_WRONG");
  Close();
  ASSERT_OK(world_.Restart());
  Open();
  EXPECT_EQ(Stamped(), StampedNow({3, 2}));
}

TEST_F(SharedSecretTest, ARollEndsByItself) {
  ASSERT_OK(world_.Rotate(kStamped));
  world_.Advance(kSecretRoll - absl::Seconds(1));
  EXPECT_EQ(Stamped(), StampedNow({2, 1}));
  const std::string old = StampedNow({1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Stamped(), StampedNow({2}));
  EXPECT_EQ(SignerOf(VerifyStamped(old)), "SIGNATURE_WRONG");
}

TEST_F(SharedSecretTest, ARollEndsNoLaterThanTheCryptoperiod) {
  world_.Advance(kYear - absl::Hours(1));
  ASSERT_OK(world_.Rotate(kStamped));
  EXPECT_EQ(Stamped(), StampedNow({2, 1}));
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(Stamped(), StampedNow({2}));
}

TEST_F(SharedSecretTest, ARotationAtOnceLeavesTheOldSecretNothing) {
  ASSERT_OK(world_.Rotate(kStamped, Urgency::kSoon));
  EXPECT_EQ(Stamped(), StampedNow({2}));
  EXPECT_EQ(SignerOf(VerifyStamped(StampedNow({1}))), "SIGNATURE_WRONG");
  const auto versions = world_.registry().Versions(kStamped);
  ASSERT_OK(versions);
  EXPECT_EQ(versions->at(0).state, KeyState::kDeactivated);
}

TEST_F(SharedSecretTest, ASecretVerifiesNoLongerThanItSigns) {
  const std::string stamped = Stamped();
  world_.Advance(kYear);
  EXPECT_THAT(VerifyStamped(stamped), HasReason(Reason::kKeyNotActive));
  const auto version = world_.registry().Versions(kStamped);
  ASSERT_OK(version);
  EXPECT_EQ(version->front().recipient_end, version->front().originator_end);
}

TEST_F(SharedSecretTest, AKeyOfOneShapeDoesNothingElse) {
  const auto message =
      std::make_shared<MessageSignature>("pay", SignatureEncoding::kDer, RsaPadding::kPss);
  const auto stamped = std::make_shared<TimestampedWebhookSignature>(kField, kPayload);
  const auto standard = std::make_shared<WebhookSignature>(kId, kPayload);
  EXPECT_THAT(Sign(kStamped, message), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(Sign(kStandard, message), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(Sign(kStamped, standard), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(Sign(kStandard, stamped), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(VerifyStamped(Stamped(), {}, kStandard), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(VerifyStandard(Standard(), kStamped), HasReason(Reason::kKeyPurposeMismatch));
}

TEST_F(SharedSecretTest, ThereIsNothingToPublish) {
  EXPECT_THAT(JwksOf(world_.registry(), public_keys_, kStandard, world_.Now()),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(JwksOf(world_.registry(), public_keys_, kStamped, world_.Now()),
              HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(public_keys_.Of(world_.registry().Versions(kStamped)->front()),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(world_.CreateVersion(kStamped), HasReason(Reason::kKeyPurposeMismatch));
}

TEST_F(SharedSecretTest, WhatTheHsmCannotHandOverIsNotMade) {
  world_.hsm.DeliverNothing();
  EXPECT_THAT(world_.Create({"acme", "other"}, kStampedParameters),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_OK(world_.Create({"acme", "mac"},
                          {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear}));
}

TEST_F(SharedSecretTest, WhatIsNoWebhookOfTheShapeIsRefused) {
  for (const char* value : {"", "t=1;v1=00", "v1=00", "t=x,v1=00"}) {
    EXPECT_THAT(VerifyStamped(value), HasReason(Reason::kFieldInvalid)) << value;
  }
  EXPECT_THAT(VerifyStamped("t=1," + std::string(1024, 'v') + "=1"),
              HasReason(Reason::kFieldInvalid));
  VerifyRequest lacking;
  lacking.key = KeyVersionName{.key = kStamped};
  lacking.presented = std::make_shared<PresentedTimestampedWebhook>(
      kField, std::vector<http::Field>{{"other", "t=1"}}, kPayload);
  EXPECT_THAT(Verify(lacking), HasReason(Reason::kFieldRequired));
  for (const std::string& field :
       {std::string("Acme"), std::string("a\nb"), std::string(65, 'a')}) {
    EXPECT_THAT(Sign(kStamped, std::make_shared<TimestampedWebhookSignature>(field, kPayload)),
                HasReason(Reason::kFieldInvalid));
  }
  EXPECT_THAT(Sign(kStamped, std::make_shared<TimestampedWebhookSignature>(kField, "")),
              HasReason(Reason::kFieldRequired));
}

TEST_F(SharedSecretTest, ARepeatedRequestGetsTheSameSignatureThoughTheKeyWasRolled) {
  const auto format = std::make_shared<TimestampedWebhookSignature>(kField, kPayload);
  const auto first = Sign(kStamped, format, kRequestId);
  ASSERT_OK(first);
  ASSERT_OK(world_.Rotate(kStamped));
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(Sign(kStamped, format, kRequestId)->bytes, first->bytes);
  EXPECT_THAT(
      Sign(kStamped, std::make_shared<TimestampedWebhookSignature>("other", kPayload), kRequestId),
      HasReason(Reason::kRequestIdReused));
}

TEST_F(SharedSecretTest, OneSecretOfTwoThatTheHsmDoesNotUseIsNoSignature) {
  ASSERT_OK(world_.Rotate(kStamped));
  world_.hsm.FailNext(HsmVerb::kSign, absl::OkStatus());
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(Sign(kStamped, std::make_shared<TimestampedWebhookSignature>(kField, kPayload)),
              HasReason(Reason::kHsmUnavailable));
}

}  // namespace
}  // namespace keysvc::keys
