// JSON Web Signatures by keys of the purpose jws.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "jose/jws.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/presented_jws.h"
#include "keysvc/keys/presented_message.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;

constexpr char kPayload[] = R"({"amount":"12.50","currency":"EUR"})";
constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";

struct Presented {
  KeyName key;
  std::uint32_t version = 0;
  std::string jws;
  std::optional<std::string> payload;
  std::optional<absl::Duration> max_age;

  VerifyRequest ToRequest() const {
    VerifyRequest request;
    request.key = KeyVersionName{key, version};
    request.presented = std::make_shared<PresentedJws>(jws, payload);
    request.max_age = max_age;
    return request;
  }
};

class JwsTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(const KeyName& key, JwsOptions options = {},
                                 std::string payload = kPayload, std::string request_id = {}) {
    return Sign(SignRequest{key,
                            std::make_shared<JwsSignature>(std::move(payload), std::move(options)),
                            std::move(request_id),
                            {}});
  }
  std::string Jws(JwsOptions options = {}) { return Sign(kKey, std::move(options)).value().bytes; }

  Presented Check(std::string jws) const {
    Presented request;
    request.key = kKey;
    request.jws = std::move(jws);
    return request;
  }
  Fault FaultOf(const Presented& request) { return Verify(request).value().fault; }

  // The JWS with another header over the same payload and signature.
  static std::string WithHeader(const std::string& jws, const std::string& json) {
    return crypto::ToBase64Url(json) + jws.substr(jws.find('.'));
  }

  const KeyName kKey{"acme", "orders"};
};

TEST_F(JwsTest, EveryAlgorithmSignsUnderItsNameAndThumbprint) {
  struct Case {
    Algorithm algorithm;
    std::string alg;
    std::size_t size;
  };
  int number = 0;
  for (const Case& c :
       {Case{Algorithm::kEcP256, "ES256", 64}, Case{Algorithm::kEd25519, "EdDSA", 64},
        Case{Algorithm::kRsa2048, "PS256", 256}}) {
    SCOPED_TRACE(c.alg);
    const KeyName key{"acme", "jws-" + std::to_string(++number)};
    ASSERT_OK(world_.Create(key, {Purpose::kJws, c.algorithm, Protection::kHsm, kYear}));
    const auto signature = Sign(key, {.typ = "JOSE"});
    ASSERT_OK(signature);
    const auto jws = jose::ParseCompact(signature->bytes);
    ASSERT_OK(jws);
    EXPECT_EQ(jws->header.alg, c.alg);
    EXPECT_EQ(jws->header.typ, "JOSE");
    EXPECT_EQ(jws->header.iat, absl::ToUnixSeconds(world_.clock()()));
    EXPECT_EQ(jws->payload, kPayload);
    EXPECT_EQ(jws->signature.size(), c.size);

    const auto set =
        nlohmann::json::parse(*JwksOf(world_.registry(), public_keys_, key, world_.clock()()));
    ASSERT_EQ(set["keys"].size(), 1U);
    EXPECT_EQ(set["keys"][0]["kid"], jws->header.kid);
    EXPECT_EQ(set["keys"][0]["alg"], c.alg);

    Presented check = Check(signature->bytes);
    check.key = key;
    const auto verified = Verify(check);
    ASSERT_OK(verified);
    EXPECT_TRUE(verified->valid());
    EXPECT_EQ(verified->key_version, (KeyVersionName{key, 1}.ToString()));
    check.jws = WithHeader(signature->bytes, R"({"alg":")" + c.alg + R"("})");
    EXPECT_EQ(FaultOf(check), Fault::kSignatureWrong);
  }
}

TEST_F(JwsTest, ADetachedPayloadIsGivenBesideIt) {
  for (const bool unencoded : {false, true}) {
    Presented check = Check(Jws({.typ = {}, .detached = true, .unencoded = unencoded}));
    EXPECT_EQ(jose::ParseCompact(check.jws)->payload, std::nullopt);
    EXPECT_EQ(jose::ParseCompact(check.jws)->header.b64, !unencoded);
    EXPECT_THAT(Verify(check), HasReason(Reason::kFieldRequired));
    check.payload = kPayload;
    EXPECT_EQ(FaultOf(check), Fault::kNone);
    check.payload->back() = ']';
    EXPECT_EQ(FaultOf(check), Fault::kSignatureWrong);
  }
  Presented attached = Check(Jws());
  attached.payload = kPayload;
  EXPECT_THAT(Verify(attached), HasReason(Reason::kFieldInvalid));
}

TEST_F(JwsTest, WhatIsWrongWithItIsAResult) {
  const std::string jws = Jws();
  EXPECT_EQ(FaultOf(Check(jws)), Fault::kNone);
  const std::string kid = jose::ParseCompact(jws)->header.kid;
  EXPECT_EQ(FaultOf(Check(WithHeader(jws, R"({"alg":"ES256","kid":"other"})"))),
            Fault::kKeyUnknown);
  for (const char* alg : {"none", "HS256", "RS256", "ES384", "es256"}) {
    const std::string header = std::string(R"({"alg":")") + alg + R"(","kid":")" + kid + R"("})";
    EXPECT_EQ(FaultOf(Check(WithHeader(jws, header))), Fault::kAlgorithmMismatch) << alg;
  }
  EXPECT_EQ(LastCall(world_.store).fault, "ALGORITHM_MISMATCH");
  // A signature in another encoding, and one that is too long.
  auto parsed = jose::ParseCompact(jws).value();
  const std::string raw = parsed.signature;
  parsed.signature = crypto::EcdsaP1363ToDer(raw).value();
  EXPECT_EQ(FaultOf(Check(jose::ToCompact(parsed))), Fault::kSignatureWrong);
  parsed.signature = raw + "x";
  EXPECT_EQ(FaultOf(Check(jose::ToCompact(parsed))), Fault::kSignatureWrong);
}

TEST_F(JwsTest, WhatIsNoneIsRefusedAndRecorded) {
  EXPECT_THAT(Verify(Check("")), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(Verify(Check("a.b.c")), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(LastCall(world_.store).reason, "FIELD_INVALID");
  EXPECT_THAT(Verify(Check(std::string(96 * 1024 + 1, 'a'))), HasReason(Reason::kMessageTooLarge));
  EXPECT_THAT(Verify(Check(WithHeader(Jws(), R"({"alg":"ES256","exp":1,"crit":["exp"]})"))),
              HasReason(Reason::kFieldInvalid));
}

TEST_F(JwsTest, ItsAgeIsJudgedByTheTimeInIt) {
  Presented check = Check(Jws());
  check.max_age = absl::Seconds(300);
  world_.Advance(absl::Seconds(300));
  EXPECT_EQ(FaultOf(check), Fault::kNone);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(check), Fault::kTooOld);
  check.max_age = std::nullopt;
  EXPECT_EQ(FaultOf(check), Fault::kNone);

  Presented timeless = Check(Jws({.typ = {}, .without_issue_time = true}));
  EXPECT_EQ(FaultOf(timeless), Fault::kNone);
  timeless.max_age = absl::Seconds(300);
  EXPECT_EQ(FaultOf(timeless), Fault::kIssueTimeMissing);

  Presented early = Check(Jws());
  world_.Advance(-absl::Seconds(60));
  EXPECT_EQ(FaultOf(early), Fault::kNone);
  world_.Advance(-absl::Seconds(1));
  EXPECT_EQ(FaultOf(early), Fault::kFromTheFuture);
}

TEST_F(JwsTest, AfterARotationTheOldVersionStillVerifiesAndIsPublished) {
  const std::string old = Jws();
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  const std::string now = Jws();
  EXPECT_NE(jose::ParseCompact(now)->header.kid, jose::ParseCompact(old)->header.kid);
  EXPECT_EQ(Verify(Check(old))->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(Verify(Check(now))->key_version, (KeyVersionName{kKey, 2}.ToString()));
  const auto set =
      nlohmann::json::parse(*JwksOf(world_.registry(), public_keys_, kKey, world_.clock()()));
  ASSERT_EQ(set["keys"].size(), 2U);
  EXPECT_EQ(set["keys"][0]["kid"], jose::ParseCompact(now)->header.kid);
  // One version of it alone.
  Presented second = Check(old);
  second.version = 2;
  EXPECT_EQ(FaultOf(second), Fault::kKeyUnknown);
}

TEST_F(JwsTest, AVersionThatMayVerifyNoLongerIsNeitherBelievedNorPublished) {
  const std::string old = Jws();
  world_.Advance(kYear / 2);
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  const std::string now = Jws();
  world_.Advance(kYear * 8 - kYear / 4);
  EXPECT_EQ(FaultOf(Check(old)), Fault::kKeyUnknown);
  EXPECT_EQ(FaultOf(Check(now)), Fault::kNone);
  const auto set =
      nlohmann::json::parse(*JwksOf(world_.registry(), public_keys_, kKey, world_.clock()()));
  ASSERT_EQ(set["keys"].size(), 1U);
  EXPECT_EQ(set["keys"][0]["kid"], jose::ParseCompact(now)->header.kid);
}

TEST_F(JwsTest, AKeySignsNothingThatItIsNotFor) {
  const KeyName bare{"acme", "bare"};
  ASSERT_OK(world_.Create(bare, {Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear}));
  const auto message =
      std::make_shared<MessageSignature>(kPayload, SignatureEncoding::kP1363, RsaPadding::kPss);
  EXPECT_OK(Sign(SignRequest{bare, message, {}, {}}));
  EXPECT_THAT(Sign(SignRequest{kKey, message, {}, {}}), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_EQ(LastCall(world_.store).reason, "KEY_PURPOSE_MISMATCH");
  EXPECT_THAT(Sign(bare), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(Sign(KeyName{"acme", "request"}), HasReason(Reason::kAlgorithmUnsupported));

  Presented jws = Check(Jws());
  jws.key = bare;
  EXPECT_THAT(Verify(jws), HasReason(Reason::kKeyPurposeMismatch));
  VerifyRequest check;
  check.key = KeyVersionName{.key = kKey};
  check.presented =
      std::make_shared<PresentedMessage>(kPayload, "x", SignatureEncoding::kDer, RsaPadding::kPss);
  EXPECT_THAT(Verify(check), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(JwksOf(world_.registry(), public_keys_, bare, world_.clock()()),
              HasReason(Reason::kKeyPurposeMismatch));
}

TEST_F(JwsTest, APermitForAnotherKeyOpensNone) {
  const Presented request = Check(Jws());
  auto permit = world_.PermitFor(policy::Action::kVerify, "tenants/acme/keys/orders2");
  EXPECT_THAT(Await<Verification>([&](auto done) {
                verifier_->Verify(std::move(permit), request.ToRequest(), std::move(done));
              }),
              HasReason(Reason::kInternal));
}

TEST_F(JwsTest, ARepetitionDoesNotKeepThePayload) {
  const std::string payload(10'000, 'x');
  const auto first = Sign(kKey, {}, payload, kRequestId);
  ASSERT_OK(first);
  EXPECT_LT(world_.store.Snapshot().idempotency.begin()->second.answer.size(), 1000U);
  EXPECT_EQ(Sign(kKey, {}, payload, kRequestId)->bytes, first->bytes);
}

TEST_F(JwsTest, WhatCannotBeSignedIsRefused) {
  EXPECT_THAT(Sign(kKey, {}, ""), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(Sign(kKey, {}, std::string(64 * 1024 + 1, 'x')), HasReason(Reason::kMessageTooLarge));
  EXPECT_OK(Sign(kKey, {}, std::string(64 * 1024, 'x')));
  EXPECT_THAT(Sign(kKey, {.typ = "a b"}), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(Sign(kKey, {.typ = std::string(65, 'a')}), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(Sign(kKey, {.typ = {}, .unencoded = true}), HasReason(Reason::kFieldInvalid));
}

TEST_F(JwsTest, ARepeatedRequestGetsTheSameOne) {
  const auto first = Sign(kKey, {}, kPayload, kRequestId);
  ASSERT_OK(first);
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(Sign(kKey, {}, kPayload, kRequestId)->bytes, first->bytes);
  EXPECT_THAT(Sign(kKey, {}, std::string(kPayload) + " ", kRequestId),
              HasReason(Reason::kRequestIdReused));
  const KeyName other{"acme", "others"};
  ASSERT_OK(world_.Create(other, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
  EXPECT_THAT(Sign(other, {}, kPayload, kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign(kKey, {.typ = "JOSE"}, kPayload, kRequestId),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign(kKey, {.typ = {}, .detached = true}, kPayload, kRequestId),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign(kKey, {.typ = {}, .without_issue_time = true}, kPayload, kRequestId),
              HasReason(Reason::kRequestIdReused));
  constexpr char kDetachedId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c12";
  ASSERT_OK(Sign(kKey, {.typ = {}, .detached = true}, kPayload, kDetachedId));
  EXPECT_THAT(Sign(kKey, {.typ = {}, .detached = true, .unencoded = true}, kPayload, kDetachedId),
              HasReason(Reason::kRequestIdReused));
}

}  // namespace
}  // namespace keysvc::keys
