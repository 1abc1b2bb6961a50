// What is accepted once of the forms that have no nonce: all that is signed, by whichever
// signature.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "cose/sign1.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "gtest/gtest.h"
#include "http/message.h"
#include "keysvc/keys/accepted_nonce.h"
#include "keysvc/keys/cose_signature.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/presented_cose.h"
#include "keysvc/keys/presented_jws.h"
#include "keysvc/keys/presented_timestamped_webhook.h"
#include "keysvc/keys/timestamped_webhook_signature.h"
#include "status/abseil.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using Signed = std::shared_ptr<const PresentedSignature>;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";
constexpr char kOtherId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c12";
constexpr char kPayload[] = R"({"amount":"12.50"})";
constexpr char kOtherPayload[] = R"({"amount":"12.51"})";
constexpr char kField[] = "acme-signature";

// A form and the kind of key that signs in it.
struct Form {
  std::string name;
  KeyParameters parameters;
  std::function<std::shared_ptr<SignatureFormat>(std::string payload)> format;
  // What was signed, as it is presented.
  std::function<Signed(std::string bytes, std::string payload)> presented;
};

Form Jws() {
  return {"jws",
          {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear},
          [](std::string payload) {
            return std::make_shared<JwsSignature>(std::move(payload), JwsOptions{});
          },
          [](std::string bytes, const std::string&) {
            return std::make_shared<PresentedJws>(std::move(bytes), std::nullopt);
          }};
}

Form DetachedJws() {
  Form form = Jws();
  form.name = "detached";
  form.format = [](std::string payload) {
    return std::make_shared<JwsSignature>(
        std::move(payload), JwsOptions{.typ = {}, .detached = true, .unencoded = true});
  };
  form.presented = [](std::string bytes, std::string payload) {
    return std::make_shared<PresentedJws>(std::move(bytes), std::move(payload));
  };
  return form;
}

Form Cose(std::string external_aad = "terminal 7") {
  return {"cose",
          {Purpose::kCose, Algorithm::kEcP256, Protection::kHsm, kYear},
          [external_aad](std::string payload) {
            return std::make_shared<CoseSignature>(std::move(payload),
                                                   CoseOptions{.external_aad = external_aad});
          },
          [external_aad](std::string bytes, const std::string&) {
            return std::make_shared<PresentedCose>(std::move(bytes), std::nullopt, external_aad);
          }};
}

Form TimestampedWebhook() {
  return {"stamped",
          {Purpose::kTimestampedWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear},
          [](std::string payload) {
            return std::make_shared<TimestampedWebhookSignature>(kField, std::move(payload));
          },
          [](const std::string& bytes, std::string payload) {
            // The one line "name: value".
            const std::size_t value = bytes.find(": ") + 2;
            return std::make_shared<PresentedTimestampedWebhook>(
                kField,
                std::vector<http::Field>{{kField, bytes.substr(value, bytes.find('\n') - value)}},
                std::move(payload));
          }};
}

class AcceptedOnceTest : public SigningTest, public ::testing::WithParamInterface<Form> {
 protected:
  // Signs now by the form's key, which is made with the first signature.
  std::string Bytes(const Form& form, const std::string& payload = kPayload) {
    const KeyName key{"acme", form.name};
    if (!world_.registry().Versions(key).ok()) {
      EXPECT_OK(world_.Create(key, form.parameters));
    }
    const auto signature = Sign(SignRequest{key, form.format(payload), {}, {}});
    EXPECT_OK(signature);
    return signature->bytes;
  }
  Signed Now(const Form& form, const std::string& payload = kPayload) {
    return form.presented(Bytes(form, payload), payload);
  }
  static VerifyRequest Once(const Form& form, Signed presented, std::string request_id = {}) {
    VerifyRequest request;
    request.key = KeyVersionName{.key = {"acme", form.name}};
    request.presented = std::move(presented);
    request.max_age = absl::Minutes(5);
    request.once = true;
    request.request_id = std::move(request_id);
    return request;
  }
  Fault FaultOf(const VerifyRequest& request) { return Verify(request).value().fault; }
  // Until when the only thing that was accepted is remembered.
  absl::Time Remembered() const {
    absl::Time end = absl::InfinitePast();
    for (const auto& [name, row] : world_.store.Snapshot().idempotency) {
      if (!AcceptedNonce::KeyOf(row.principal).has_value()) continue;
      EXPECT_EQ(end, absl::InfinitePast());
      end = absl::FromUnixMillis(row.expires_ms);
    }
    return end;
  }
  void Restart() {
    Close();
    ASSERT_OK(world_.Restart());
    Open();
  }
};

TEST_P(AcceptedOnceTest, WhatIsSignedIsAcceptedOnceOverAStartToo) {
  const Form& form = GetParam();
  const Signed message = Now(form);
  EXPECT_EQ(FaultOf(Once(form, message)), Fault::kNone);
  EXPECT_EQ(FaultOf(Once(form, message)), Fault::kReplayed);
  EXPECT_EQ(LastCall(world_.store).fault, "REPLAYED");
  Restart();
  EXPECT_EQ(FaultOf(Once(form, message)), Fault::kReplayed);

  EXPECT_EQ(FaultOf(Once(form, Now(form, kOtherPayload))), Fault::kNone);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(Once(form, Now(form))), Fault::kNone) << "it has another time";
  VerifyRequest stateless = Once(form, message);
  stateless.once = false;
  EXPECT_EQ(FaultOf(stateless), Fault::kNone);
}

// Senders choose nonces and webhook ids, and a card number may stand in one.
TEST_P(AcceptedOnceTest, WhatIsStoredIsNotFoundByTryingWhatWasSigned) {
  const Form& form = GetParam();
  const Signed message = Now(form);
  ASSERT_EQ(FaultOf(Once(form, message)), Fault::kNone);
  const auto claims = message->Read();
  ASSERT_OK(claims);
  const crypto::Sha256Digest hash = crypto::Sha256(claims->identity());
  const std::string text = absl::BytesToHexString(ToAbsl(crypto::AsText(hash)));
  for (const auto& [name, row] : world_.store.Snapshot().idempotency) {
    if (!AcceptedNonce::KeyOf(row.principal).has_value()) continue;
    EXPECT_NE(row.request_id, text);
  }
}

TEST_P(AcceptedOnceTest, ARepetitionIsAnsweredAsTheFirstCallWas) {
  const Form& form = GetParam();
  const VerifyRequest request = Once(form, Now(form), kRequestId);
  const auto first = Verify(request);
  ASSERT_TRUE(first->valid());
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(Verify(request)->key_version, first->key_version) << "though it is too old by now";
  VerifyRequest of_another = request;
  of_another.request_id = kOtherId;
  of_another.max_age = absl::Hours(2);
  EXPECT_EQ(FaultOf(of_another), Fault::kReplayed);
}

TEST_P(AcceptedOnceTest, ItIsForgottenOnceItIsTooOldForEverybody) {
  const Form& form = GetParam();
  VerifyRequest request = Once(form, Now(form));
  request.max_age = kNonceKept;
  EXPECT_EQ(FaultOf(request), Fault::kNone);
  const absl::Time end = Remembered();
  world_.Advance(kNonceKept);
  EXPECT_EQ(FaultOf(request), Fault::kReplayed);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(request), Fault::kTooOld);
  // A clock that is ahead by a minute may have signed it, and the row ends with a minute.
  EXPECT_GT(end, world_.Now() + absl::Minutes(1));
  EXPECT_LE(end, world_.Now() + absl::Minutes(3));
  EXPECT_EQ(absl::ToUnixSeconds(end) % 60, 0);
}

INSTANTIATE_TEST_SUITE_P(Forms, AcceptedOnceTest,
                         ::testing::Values(Jws(), DetachedJws(), Cose(), TimestampedWebhook()),
                         [](const auto& form) { return form.param.name; });

using OtherSignatureTest = AcceptedOnceTest;

TEST_P(OtherSignatureTest, OfTheSameMessageIsAReplay) {
  const Form& form = GetParam();
  const std::string first = Bytes(form);
  const std::string second = Bytes(form);
  ASSERT_NE(first, second) << "ECDSA has more than one";
  VerifyRequest other = Once(form, form.presented(second, kPayload));
  other.once = false;
  EXPECT_EQ(FaultOf(other), Fault::kNone);
  other.once = true;
  EXPECT_EQ(FaultOf(Once(form, form.presented(first, kPayload))), Fault::kNone);
  EXPECT_EQ(FaultOf(other), Fault::kReplayed);
  other.request_id = kRequestId;
  EXPECT_EQ(FaultOf(other), Fault::kReplayed);
}

INSTANTIATE_TEST_SUITE_P(Forms, OtherSignatureTest, ::testing::Values(Jws(), DetachedJws(), Cose()),
                         [](const auto& form) { return form.param.name; });

class UnsignedPartsTest : public AcceptedOnceTest {};

TEST_F(UnsignedPartsTest, OfACoseMessageMakeNoOtherOneOfIt) {
  const Form form = Cose();
  const std::string tagged = Bytes(form);
  EXPECT_EQ(FaultOf(Once(form, form.presented(tagged, kPayload))), Fault::kNone);
  ASSERT_EQ(tagged.front(), '\xd2');
  EXPECT_EQ(FaultOf(Once(form, form.presented(tagged.substr(1), kPayload))), Fault::kReplayed);
  cose::Sign1 detached = cose::ParseSign1(tagged).value();
  detached.payload.reset();
  EXPECT_EQ(FaultOf(Once(form, std::make_shared<PresentedCose>(cose::ToCbor(detached), kPayload,
                                                               "terminal 7"))),
            Fault::kReplayed);
  const Form elsewhere = Cose("terminal 8");
  EXPECT_EQ(FaultOf(Once(elsewhere, Now(elsewhere))), Fault::kNone) << "that is signed too";
}

TEST_F(UnsignedPartsTest, OfTwoLiveSecretsEitherTagIsTheSameWebhooks) {
  const Form form = TimestampedWebhook();
  const KeyName key{"acme", form.name};
  const std::string by_first = Bytes(form);
  EXPECT_EQ(FaultOf(Once(form, form.presented(by_first, kPayload))), Fault::kNone);
  ASSERT_OK(world_.Rotate(key));
  const std::string by_both = Bytes(form);
  ASSERT_NE(by_first, by_both);
  EXPECT_EQ(FaultOf(Once(form, form.presented(by_both, kPayload))), Fault::kReplayed);
}

}  // namespace
}  // namespace keysvc::keys
