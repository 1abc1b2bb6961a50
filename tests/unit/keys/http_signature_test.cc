// HTTP message signatures by keys of the purpose http.
#include "keysvc/keys/http_signature.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http/signature_input.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/presented_http_message.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using ::testing::HasSubstr;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";

http::Message Payment() {
  http::Message message;
  message.method = "POST";
  message.scheme = "https";
  message.authority = "bank.example";
  message.path = "/payments";
  message.fields = {{"Content-Type", "application/json"}};
  message.body = R"({"amount":"12.50"})";
  return message;
}

HttpSignatureOptions Covering(std::vector<std::string> components = {"@method", "@target-uri",
                                                                     "content-digest"}) {
  HttpSignatureOptions options;
  options.components = std::move(components);
  return options;
}

struct Presented {
  KeyName key;
  http::Message message;
  std::string label;
  std::vector<std::string> required_components;
  std::optional<absl::Duration> max_age;

  VerifyRequest ToRequest() const {
    VerifyRequest request;
    request.key = KeyVersionName{.key = key};
    request.presented = std::make_shared<PresentedHttpMessage>(message, label, required_components);
    request.max_age = max_age;
    return request;
  }
};

class HttpSignatureTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {Purpose::kHttp, Algorithm::kEcP256, Protection::kHsm, kYear}));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(const http::Message& message, HttpSignatureOptions options,
                                 std::string request_id = {}, KeyName key = {}) {
    if (key.key.empty()) key = kKey;
    return Sign(SignRequest{std::move(key),
                            std::make_shared<HttpSignature>(message, std::move(options)),
                            std::move(request_id),
                            {}});
  }
  // The message with its signature.
  http::Message Signed(http::Message message, HttpSignatureOptions options = Covering()) {
    const auto signature = Sign(message, std::move(options));
    EXPECT_OK(signature);
    for (const auto line : absl::StrSplit(signature->bytes, '\n', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      message.fields.push_back({parts.first, parts.second});
    }
    return message;
  }
  Presented Check(http::Message message) const {
    Presented request;
    request.key = kKey;
    request.message = std::move(message);
    return request;
  }
  Fault FaultOf(const Presented& request) { return Verify(request).value().fault; }
  Fault FaultOf(http::Message message) { return FaultOf(Check(std::move(message))); }

  // Changes the Signature-Input in its own field.
  static http::Message With(http::Message message, const std::string& from, const std::string& to) {
    for (http::Field& field : message.fields) {
      if (field.name != "signature-input") continue;
      const std::size_t at = field.value.find(from);
      EXPECT_NE(at, std::string::npos);
      field.value.replace(at, from.size(), to);
    }
    return message;
  }

  const KeyName kKey{"acme", "partners"};
};

TEST_F(HttpSignatureTest, WhatWasSignedVerifiesAndNothingElse) {
  const http::Message message = Signed(Payment());
  EXPECT_EQ(message.fields.size(), 4U);
  const auto verified = Verify(Check(message));
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->valid());
  EXPECT_EQ(verified->key_version, (KeyVersionName{kKey, 1}.ToString()));

  http::Message changed = message;
  changed.method = "PUT";
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  changed = message;
  changed.path += "/1";
  EXPECT_EQ(FaultOf(changed), Fault::kSignatureWrong);
  changed = message;
  changed.body->back() = ']';
  EXPECT_EQ(FaultOf(changed), Fault::kDigestWrong);
  EXPECT_EQ(LastCall(world_.store).fault, "DIGEST_WRONG");
  changed = message;
  changed.fields[0].value = "text/plain";  // not covered
  EXPECT_EQ(FaultOf(changed), Fault::kNone);
}

TEST_F(HttpSignatureTest, EveryKeyThatMaySignsUnderItsName) {
  const KeyName edwards{"acme", "edwards"};
  const KeyName rsa{"acme", "rsa"};
  ASSERT_OK(world_.Create(edwards, {Purpose::kHttp, Algorithm::kEd25519, Protection::kHsm, kYear}));
  ASSERT_OK(world_.Create(rsa, {Purpose::kHttp, Algorithm::kRsa2048, Protection::kHsm, kYear}));
  EXPECT_THAT(Sign(Payment(), Covering())->bytes, HasSubstr(R"(;alg="ecdsa-p256-sha256")"));
  EXPECT_THAT(Sign(Payment(), Covering(), {}, edwards)->bytes, HasSubstr(R"(;alg="ed25519")"));
  EXPECT_THAT(Sign(Payment(), Covering(), {}, rsa), HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(*JwksOf(world_.registry(), public_keys_, edwards, world_.Now()),
              HasSubstr(R"("alg":"EdDSA")"));
}

TEST_F(HttpSignatureTest, TheParametersAreTheOnesThatWereAskedFor) {
  HttpSignatureOptions options = Covering({"@status"});
  options.label = "reply";
  options.valid_for = absl::Seconds(60);
  options.nonce = "a\"b";
  options.tag = "bank";
  http::Message response;
  response.status = 201;
  const std::string created = std::to_string(absl::ToUnixSeconds(world_.Now()));
  const std::string expires = std::to_string(absl::ToUnixSeconds(world_.Now()) + 60);
  const auto signature = Sign(response, options);
  ASSERT_OK(signature);
  EXPECT_THAT(signature->bytes,
              ::testing::StartsWith("signature-input: reply=(\"@status\");created=" + created +
                                    ";expires=" + expires + ";nonce=\"a\\\"b\";keyid=\""));
  EXPECT_THAT(signature->bytes, HasSubstr("\";alg=\"ecdsa-p256-sha256\";tag=\"bank\"\n"));

  EXPECT_EQ(FaultOf(Signed(response, options)), Fault::kNone);
}

TEST_F(HttpSignatureTest, ClocksMayDifferByAMinuteEitherWay) {
  HttpSignatureOptions options = Covering({"@status"});
  options.valid_for = absl::Seconds(60);
  http::Message response;
  response.status = 201;
  const http::Message message = Signed(response, options);
  world_.Advance(absl::Seconds(60 + 60));
  EXPECT_EQ(FaultOf(message), Fault::kNone);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(FaultOf(message), Fault::kExpired);
  world_.Advance(-absl::Seconds(60 + 60 + 60) - absl::Milliseconds(1));
  EXPECT_EQ(FaultOf(message), Fault::kNone);
  world_.Advance(-absl::Milliseconds(1));
  EXPECT_EQ(FaultOf(message), Fault::kFromTheFuture);
}

TEST_F(HttpSignatureTest, AVerifierSaysWhatHasToBeCovered) {
  Presented check = Check(Signed(Payment(), Covering({"@method"})));
  EXPECT_EQ(FaultOf(check), Fault::kNone);
  check.required_components = {"@method"};
  EXPECT_EQ(FaultOf(check), Fault::kNone);
  check.required_components = {"@method", "content-digest"};
  EXPECT_EQ(FaultOf(check), Fault::kComponentMissing);
}

TEST_F(HttpSignatureTest, ADigestThatIsCoveredIsCompared) {
  Presented check = Check(Signed(Payment()));
  check.message.body.reset();
  EXPECT_THAT(Verify(check), HasReason(Reason::kFieldRequired));
  http::Message own = Payment();
  own.fields.push_back({"Content-Digest", "sha-256=:YQ==:"});
  EXPECT_THAT(Sign(own, Covering()), HasReason(Reason::kFieldInvalid));
  own.body.reset();
  EXPECT_OK(Sign(own, Covering()));
}

TEST_F(HttpSignatureTest, TheDigestOfAnEmptyBodyIsSignedAndCompared) {
  http::Message reply;
  reply.status = 204;
  EXPECT_THAT(Sign(reply, Covering({"@status", "content-digest"})),
              HasReason(Reason::kFieldInvalid));
  reply.body = "";
  http::Message message = Signed(reply, Covering({"@status", "content-digest"}));
  EXPECT_EQ(FaultOf(message), Fault::kNone);
  message.body = "a";
  EXPECT_EQ(FaultOf(message), Fault::kDigestWrong);
}

TEST_F(HttpSignatureTest, WhatIsWrongWithItIsAResult) {
  const http::Message message = Signed(Payment());
  EXPECT_EQ(FaultOf(With(message, "created=", "created=1")), Fault::kSignatureWrong);
  EXPECT_EQ(FaultOf(With(message, "keyid=\"", "keyid=\"x")), Fault::kKeyUnknown);
  EXPECT_EQ(FaultOf(With(message, "ecdsa-p256-sha256", "hmac-sha256")), Fault::kAlgorithmMismatch);
  EXPECT_EQ(FaultOf(With(message, "(\"@method\" ", "(")), Fault::kSignatureWrong);

  Presented aged = Check(message);
  aged.max_age = absl::Seconds(300);
  world_.Advance(absl::Seconds(300));
  EXPECT_EQ(FaultOf(aged), Fault::kNone);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(FaultOf(aged), Fault::kTooOld);
  world_.Advance(-absl::Seconds(362));
  aged.max_age.reset();
  EXPECT_EQ(FaultOf(aged), Fault::kFromTheFuture);
}

TEST_F(HttpSignatureTest, OfSeveralSignaturesOneIsMeant) {
  HttpSignatureOptions second = Covering({"@path"});
  second.label = "other";
  Presented check = Check(Signed(Signed(Payment()), second));
  EXPECT_THAT(Verify(check), HasReason(Reason::kFieldRequired));
  check.label = "other";
  EXPECT_EQ(FaultOf(check), Fault::kNone);
  check.label = "sig1";
  EXPECT_EQ(FaultOf(check), Fault::kNone);
  check.label = "third";
  EXPECT_THAT(Verify(check), HasReason(Reason::kFieldInvalid));
}

TEST_F(HttpSignatureTest, ALabelThatTheMessageHasAlreadyIsRefused) {
  const http::Message message = Signed(Payment());
  const auto again = Sign(message, Covering({"@path"}));
  EXPECT_THAT(again, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(again.status()), "label");
  for (const char* field : {"Signature-Input", "signature"}) {
    http::Message half = Payment();
    half.fields.push_back({field, "other=:YQ==:, sig1=:YQ==:"});
    EXPECT_EQ(FieldOf(Sign(half, Covering({"@path"})).status()), "label") << field;
    half.fields.back().value = "other=:YQ==:";
    EXPECT_OK(Sign(half, Covering({"@path"})));
    half.fields.back().value = "no dictionary";
    EXPECT_EQ(FieldOf(Sign(half, Covering({"@path"})).status()), "message.fields") << field;
  }
}

TEST_F(HttpSignatureTest, TheFieldsThatASignatureIsAddedToAreNotCovered) {
  const http::Message message = Signed(Payment());
  for (const char* field : {"signature-input", "signature"}) {
    HttpSignatureOptions options = Covering({"@path", field});
    options.label = "second";
    const auto signature = Sign(message, options);
    EXPECT_THAT(signature, HasReason(Reason::kFieldInvalid)) << field;
    EXPECT_EQ(FieldOf(signature.status()), "components") << field;
  }
}

TEST_F(HttpSignatureTest, WhatIsNoSignatureIsRefused) {
  EXPECT_THAT(Verify(Check(Payment())), HasReason(Reason::kFieldRequired));
  const http::Message message = Signed(Payment());
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"@method\"", "\"@method\";req"},
                                                        {"\"@method\"", "\"@method\" \"@method\""},
                                                        {"created=", "created=x"},
                                                        {"sig1=", "sig1=("}}) {
    EXPECT_THAT(Verify(Check(With(message, from, to))), HasReason(Reason::kFieldInvalid)) << to;
  }
  http::Message broken = message;
  broken.fields.back().value = "sig1=YQ==";
  EXPECT_THAT(Verify(Check(broken)), HasReason(Reason::kFieldInvalid));
}

TEST_F(HttpSignatureTest, WhatCannotBeSignedIsRefused) {
  EXPECT_THAT(Sign(Payment(), Covering({})), HasReason(Reason::kFieldRequired));
  for (std::vector<std::string> components :
       std::vector<std::vector<std::string>>{{"@status"},
                                             {"@method", "@method"},
                                             {"Date"},
                                             {"date"},
                                             {"@nothing"},
                                             {"@query-param"}}) {
    EXPECT_THAT(Sign(Payment(), Covering(components)), HasReason(Reason::kFieldInvalid))
        << components.front();
  }
  HttpSignatureOptions options = Covering();
  options.label = "Sig";
  EXPECT_THAT(Sign(Payment(), options), HasReason(Reason::kFieldInvalid));
  options = Covering();
  options.nonce = "a\n";
  EXPECT_THAT(Sign(Payment(), options), HasReason(Reason::kFieldInvalid));
  options = Covering();
  options.tag = std::string(257, 'a');
  EXPECT_THAT(Sign(Payment(), options), HasReason(Reason::kFieldInvalid));
  options = Covering();
  options.valid_for = -absl::Seconds(1);
  EXPECT_THAT(Sign(Payment(), options), HasReason(Reason::kFieldInvalid));
  http::Message message = Payment();
  message.fields.push_back({"X", "a\r\n\"@method\": GET"});
  EXPECT_THAT(Sign(message, Covering()), HasReason(Reason::kFieldInvalid));
}

TEST_F(HttpSignatureTest, ARepeatedRequestGetsTheSameSignature) {
  const auto first = Sign(Payment(), Covering(), kRequestId);
  ASSERT_OK(first);
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(Sign(Payment(), Covering(), kRequestId)->bytes, first->bytes);
  http::Message other = Payment();
  other.fields[0].value = "text/plain";
  EXPECT_THAT(Sign(other, Covering(), kRequestId), HasReason(Reason::kRequestIdReused));
  HttpSignatureOptions options = Covering();
  options.tag = "bank";
  EXPECT_THAT(Sign(Payment(), options, kRequestId), HasReason(Reason::kRequestIdReused));
}

TEST_F(HttpSignatureTest, KeysOfOtherPurposesSignNoMessages) {
  const KeyName jws{"acme", "jws"};
  ASSERT_OK(world_.Create(jws, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
  EXPECT_THAT(Sign(Payment(), Covering(), {}, jws), HasReason(Reason::kKeyPurposeMismatch));
  Presented check = Check(Signed(Payment()));
  check.key = jws;
  EXPECT_THAT(Verify(check), HasReason(Reason::kKeyPurposeMismatch));
}

}  // namespace
}  // namespace keysvc::keys
