// COSE_Sign1 by keys of the purpose cose.
#include "keysvc/keys/cose_signature.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "cose/sign1.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/presented_cose.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using ::testing::HasSubstr;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
constexpr char kPayload[] = "\xa1\x01\x02";

struct Presented {
  KeyName key;
  std::string cose_sign1;
  std::optional<std::string> payload;
  std::string external_aad;
  std::optional<absl::Duration> max_age;

  VerifyRequest ToRequest() const {
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedCose>(cose_sign1, payload, external_aad);
    request.max_age = max_age;
    return request;
  }
};

class CoseSignatureTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {Purpose::kCose, Algorithm::kEcP256, Protection::kHsm, kYear}));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(CoseOptions options = {}, std::string payload = kPayload,
                                 std::string request_id = {}, KeyName key = {}) {
    if (key.key.empty()) key = kKey;
    return Sign(SignRequest{std::move(key),
                            std::make_shared<CoseSignature>(std::move(payload), std::move(options)),
                            std::move(request_id),
                            {}});
  }
  Presented Message(CoseOptions options = {}, KeyName key = {}) {
    Presented message;
    message.key = key.key.empty() ? kKey : key;
    message.external_aad = options.external_aad;
    if (options.detached) message.payload = kPayload;
    message.cose_sign1 = Sign(std::move(options), kPayload, {}, message.key).value().bytes;
    return message;
  }
  Fault FaultOf(const Presented& message) { return Verify(message).value().fault; }
  // The message with another protected header over the same payload and signature.
  static Presented WithHeader(Presented message, const cose::Header& header) {
    cose::Sign1 parsed = cose::ParseSign1(message.cose_sign1).value();
    parsed.protected_header = cose::ProtectedHeader(header).value();
    message.cose_sign1 = cose::ToCbor(parsed);
    return message;
  }

  const KeyName kKey{"acme", "receipts"};
};

TEST_F(CoseSignatureTest, EveryAlgorithmSignsUnderItsNameAndThumbprint) {
  for (const auto& [algorithm, alg] :
       {std::pair(Algorithm::kEcP256, "ES256"), std::pair(Algorithm::kEcP384, "ES384"),
        std::pair(Algorithm::kEd25519, "EdDSA"), std::pair(Algorithm::kRsa2048, "PS256"),
        std::pair(Algorithm::kRsa2048Sha384, "PS384"),
        std::pair(Algorithm::kRsa2048Sha512, "PS512")}) {
    const KeyName key{"acme", absl::AsciiStrToLower(alg)};
    ASSERT_OK(world_.Create(key, {Purpose::kCose, algorithm, Protection::kHsm, kYear}));
    const Presented message = Message({}, key);
    const auto parsed = cose::ParseSign1(message.cose_sign1);
    ASSERT_OK(parsed);
    EXPECT_EQ(parsed->header.alg, alg);
    EXPECT_EQ(parsed->header.iat, absl::ToUnixSeconds(world_.Now()));
    EXPECT_EQ(parsed->payload, kPayload);
    EXPECT_THAT(*JwksOf(world_.registry(), public_keys_, key, world_.Now()),
                HasSubstr(parsed->header.kid));
    EXPECT_EQ(FaultOf(message), Fault::kNone) << alg;
  }
}

TEST_F(CoseSignatureTest, WhatWasSignedVerifiesAndNothingElse) {
  const Presented message = Message({.external_aad = "channel 7"});
  const auto verified = Verify(message);
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->valid());
  EXPECT_EQ(verified->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.VerifyCose");

  Presented changed = message;
  changed.external_aad = "channel 8";
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  changed.external_aad.clear();
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  EXPECT_EQ(LastCall(world_.store).fault, "SIGNATURE_WRONG");
  cose::Sign1 parsed = cose::ParseSign1(message.cose_sign1).value();
  parsed.payload = "\xa1\x01\x03";
  changed = message;
  changed.cose_sign1 = cose::ToCbor(parsed);
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  cose::Header header = parsed.header;
  header.iat = *header.iat - 1;
  EXPECT_EQ(FaultOf(WithHeader(message, header)), Fault::kSignatureWrong);
}

TEST_F(CoseSignatureTest, HeadersThatAreNotTheKeysAreFaults) {
  const Presented message = Message();
  cose::Header header = cose::ParseSign1(message.cose_sign1)->header;
  header.alg = "PS256";
  EXPECT_EQ(FaultOf(WithHeader(message, header)), Fault::kAlgorithmMismatch);
  header.alg = "ES256";
  header.kid = "another";
  EXPECT_EQ(FaultOf(WithHeader(message, header)), Fault::kKeyUnknown);
}

TEST_F(CoseSignatureTest, ADetachedPayloadIsGivenAgain) {
  const Presented message = Message({.detached = true});
  EXPECT_EQ(cose::ParseSign1(message.cose_sign1)->payload, std::nullopt);
  EXPECT_EQ(FaultOf(message), Fault::kNone);
  Presented other = message;
  other.payload = "another";
  EXPECT_EQ(FaultOf(other), Fault::kSignatureWrong);
  other.payload.reset();
  EXPECT_THAT(Verify(other), HasReason(Reason::kFieldRequired));
  other = Message();
  other.payload = kPayload;
  EXPECT_THAT(Verify(other), HasReason(Reason::kFieldInvalid));
}

TEST_F(CoseSignatureTest, ItMayBeAsOldAsTheReceiverSays) {
  Presented message = Message();
  message.max_age = absl::Minutes(5);
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(FaultOf(message), Fault::kNone);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(message), Fault::kTooOld);
  Presented timeless = Message({.without_issue_time = true});
  EXPECT_EQ(FaultOf(timeless), Fault::kNone);
  timeless.max_age = absl::Minutes(5);
  EXPECT_EQ(FaultOf(timeless), Fault::kIssueTimeMissing);
}

TEST_F(CoseSignatureTest, WhatWasSignedBeforeARotationStillVerifies) {
  const Presented message = Message();
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(Verify(message)->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(Verify(Message())->key_version, (KeyVersionName{kKey, 2}.ToString()));
}

TEST_F(CoseSignatureTest, ARepeatedRequestGetsTheSameMessage) {
  for (const bool detached : {false, true}) {
    const std::string request_id = std::string(kRequestId).replace(0, 1, detached ? "4" : "3");
    const CoseOptions options{.external_aad = "aad", .detached = detached};
    const auto first = Sign(options, kPayload, request_id);
    ASSERT_OK(first);
    world_.Advance(absl::Minutes(5));
    EXPECT_EQ(Sign(options, kPayload, request_id)->bytes, first->bytes);
    for (const CoseOptions& other :
         {CoseOptions{.external_aad = "baa", .detached = detached},
          CoseOptions{.external_aad = "aad", .detached = !detached},
          CoseOptions{.external_aad = "aad", .detached = detached, .without_issue_time = true}}) {
      EXPECT_THAT(Sign(other, kPayload, request_id), HasReason(Reason::kRequestIdReused));
    }
    EXPECT_THAT(Sign(options, "other", request_id), HasReason(Reason::kRequestIdReused));
  }
}

TEST_F(CoseSignatureTest, WhatIsKeptOfAnAnswerHasNoPayload) {
  const CoseSignature format(kPayload, {});
  const std::string answer = Sign().value().bytes;
  const std::string kept = format.ToKept(answer);
  EXPECT_EQ(cose::ParseSign1(kept)->payload, std::nullopt);
  EXPECT_EQ(format.FromKept(kept), answer);
}

TEST_F(CoseSignatureTest, WhatCannotBeSignedOrReadIsRefused) {
  EXPECT_THAT(Sign({}, ""), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(Sign({}, std::string((64 << 10) + 1, 'x')), HasReason(Reason::kMessageTooLarge));
  EXPECT_THAT(Sign({.external_aad = std::string(1025, 'x')}), HasReason(Reason::kMessageTooLarge));
  EXPECT_OK(Sign({.external_aad = std::string(1024, 'x')}, std::string(64 << 10, 'x')));
  Presented message = Message();
  message.external_aad = std::string(1025, 'x');
  EXPECT_THAT(Verify(message), HasReason(Reason::kMessageTooLarge));
  message = Message();
  message.cose_sign1 += '\0';
  EXPECT_THAT(Verify(message), HasReason(Reason::kFieldInvalid));
  message.cose_sign1 = std::string((68 << 10) + 1, '\x84');
  EXPECT_THAT(Verify(message), HasReason(Reason::kMessageTooLarge));
  message.cose_sign1.clear();
  EXPECT_THAT(Verify(message), HasReason(Reason::kFieldRequired));
}

TEST_F(CoseSignatureTest, OnlyKeysOfThisPurposeSign) {
  const KeyName jws{"acme", "jws"};
  ASSERT_OK(world_.Create(jws, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
  EXPECT_THAT(Sign({}, kPayload, {}, jws), HasReason(Reason::kKeyPurposeMismatch));
  Presented message = Message();
  message.key = jws;
  EXPECT_THAT(Verify(message), HasReason(Reason::kKeyPurposeMismatch));
}

}  // namespace
}  // namespace keysvc::keys
