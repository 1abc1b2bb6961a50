// JSON Web Signatures with UK Open Banking's parameters in their headers.
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jose/jws.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/open_banking_header.h"
#include "keysvc/keys/presented_jws.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using ::testing::Not;

constexpr char kPayload[] = R"({"Data":{"InstructedAmount":"12.50"}})";
constexpr char kRequestId[] = "5b8e6a1c-7f0d-4b0e-9c55-0c1d2e3f4a5b";
const OpenBankingHeader kHeader{"0015800001041RHAAY/2cFqTpLwJ8X9s1kQmZ3vBn", "openbanking.org.uk"};

class OpenBankingTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {Purpose::kJws, Algorithm::kRsa2048, Protection::kHsm, kYear}));
  }

  static JwsOptions Options(const OpenBankingHeader& header = kHeader) {
    return {.typ = "JOSE", .detached = true, .open_banking = header};
  }
  using SigningTest::Sign;
  absl::StatusOr<std::string> Sign(JwsOptions options, std::string request_id = {}) {
    auto signature = Sign(SignRequest{kKey,
                                      std::make_shared<JwsSignature>(kPayload, std::move(options)),
                                      std::move(request_id),
                                      {}});
    return signature.ok() ? std::move(signature->bytes)
                          : absl::StatusOr<std::string>(signature.status());
  }
  static std::string HeaderOf(const std::string& jws) {
    return *crypto::FromBase64Url(jws.substr(0, jws.find('.')));
  }
  // A JWS with this header, signed by the key as whoever else does it.
  std::string SignedWith(const std::string& header) {
    jose::Jws jws;
    jws.protected_header = crypto::ToBase64Url(header);
    jws.signature = *world_.hsm.Sign(world_.registry().Version({kKey, 1})->hsm_label,
                                     pkcs11::Mechanism::kRsaPssSha256,
                                     jose::SigningInput(jws.protected_header, true, kPayload));
    return jose::ToCompact(jws);
  }

  absl::StatusOr<Verification> Check(const std::string& jws,
                                     std::optional<OpenBankingHeader> expected,
                                     std::optional<absl::Duration> max_age = std::nullopt) {
    VerifyRequest request;
    request.key = KeyVersionName{.key = kKey};
    request.presented = std::make_shared<PresentedJws>(jws, kPayload, std::move(expected));
    request.max_age = max_age;
    return Verify(request);
  }
  Fault FaultOf(const std::string& jws, std::optional<OpenBankingHeader> expected = kHeader,
                std::optional<absl::Duration> max_age = std::nullopt) {
    return Check(jws, std::move(expected), max_age).value().fault;
  }

  const KeyName kKey{"acme", "bank"};
};

TEST_F(OpenBankingTest, TheHeaderHasTheParametersInsteadOfThePlainTime) {
  const std::string kid =
      public_keys_.Of(*world_.registry().Version({kKey, 1})).value()->thumbprint;
  const std::string parameters = absl::StrCat(
      R"({"alg":"PS256","typ":"JOSE","kid":")", kid, R"(","http://openbanking.org.uk/iat":)",
      absl::ToUnixSeconds(world_.clock()()),
      R"(,"http://openbanking.org.uk/iss":"0015800001041RHAAY/2cFqTpLwJ8X9s1kQmZ3vBn",)",
      R"("http://openbanking.org.uk/tan":"openbanking.org.uk",)");
  const std::string names = R"("http://openbanking.org.uk/iat","http://openbanking.org.uk/iss",)"
                            R"("http://openbanking.org.uk/tan"]})";
  EXPECT_EQ(HeaderOf(Sign(Options()).value()), parameters + R"("crit":[)" + names);
  JwsOptions unencoded = Options();
  unencoded.unencoded = true;
  EXPECT_EQ(HeaderOf(Sign(unencoded).value()),
            parameters + R"("b64":false,"crit":["b64",)" + names);
}

TEST_F(OpenBankingTest, WhatIsSignedIsAcceptedByWhoeverAsksForItAndByWhoeverDoesNot) {
  const std::string jws = Sign(Options()).value();
  EXPECT_EQ(FaultOf(jws), Fault::kNone);
  EXPECT_EQ(FaultOf(jws, std::nullopt), Fault::kNone);
  JwsOptions odd = Options({"C=GB, O=\"A\\B\"", "a-1.example"});
  odd.unencoded = true;
  const std::string escaped = Sign(odd).value();
  EXPECT_EQ(FaultOf(escaped, odd.open_banking), Fault::kNone);
  EXPECT_EQ(FaultOf(escaped), Fault::kHeaderMismatch);
}

TEST_F(OpenBankingTest, AHeaderThatSaysSomethingElseIsNotAccepted) {
  const std::string jws = Sign(Options()).value();
  EXPECT_EQ(FaultOf(jws, OpenBankingHeader{kHeader.issuer + "x", kHeader.trust_anchor}),
            Fault::kHeaderMismatch);
  EXPECT_EQ(LastCall(world_.store).fault, "HEADER_MISMATCH");
  EXPECT_EQ(FaultOf(jws, OpenBankingHeader{kHeader.issuer, "openbanking.example"}),
            Fault::kHeaderMismatch);
  EXPECT_EQ(FaultOf(Sign({.typ = {}, .detached = true}).value()), Fault::kHeaderMismatch);
}

TEST_F(OpenBankingTest, AParameterThatIsMissingOrNotCriticalIsNoneAtAll) {
  const std::string iat =
      absl::StrCat(R"("http://openbanking.org.uk/iat":)", absl::ToUnixSeconds(world_.clock()()));
  const std::string iss =
      absl::StrCat(R"("http://openbanking.org.uk/iss":")", kHeader.issuer, "\"");
  const std::string tan = R"("http://openbanking.org.uk/tan":"openbanking.org.uk")";
  const auto made = [&](const std::string& parameters, const std::string& critical) {
    return SignedWith(
        absl::StrCat(R"({"alg":"PS256",)", parameters, R"(,"crit":[)", critical, "]}"));
  };
  const std::string all = absl::StrCat(iat, ",", iss, ",", tan);
  const std::string c_iat = R"("http://openbanking.org.uk/iat")";
  const std::string c_iss = R"("http://openbanking.org.uk/iss")";
  const std::string c_tan = R"("http://openbanking.org.uk/tan")";
  EXPECT_EQ(FaultOf(made(all, absl::StrCat(c_tan, ",", c_iat, ",", c_iss))), Fault::kNone);
  EXPECT_EQ(FaultOf(made(all, absl::StrCat(c_iat, ",", c_iss))), Fault::kHeaderMismatch);
  EXPECT_EQ(FaultOf(made(all, absl::StrCat(c_iat, ",", c_tan))), Fault::kHeaderMismatch);
  EXPECT_EQ(FaultOf(made(all, absl::StrCat(c_iss, ",", c_tan))), Fault::kIssueTimeMissing);
  EXPECT_EQ(FaultOf(made(absl::StrCat(iss, ",", tan), absl::StrCat(c_iss, ",", c_tan))),
            Fault::kIssueTimeMissing);
  EXPECT_EQ(
      FaultOf(made(absl::StrCat(iss, ",", tan), absl::StrCat(c_iss, ",", c_tan)), std::nullopt),
      Fault::kNone);
  EXPECT_THAT(Check(made(absl::StrCat(iss, ",", tan), absl::StrCat(c_iat, ",", c_iss)), kHeader),
              HasReason(Reason::kFieldInvalid));
}

TEST_F(OpenBankingTest, ItsAgeIsJudgedByTheirTime) {
  const std::string jws = Sign(Options()).value();
  for (const auto& expected : {std::optional(kHeader), std::optional<OpenBankingHeader>()}) {
    EXPECT_EQ(FaultOf(jws, expected, absl::Seconds(300)), Fault::kNone);
  }
  world_.Advance(absl::Seconds(301));
  for (const auto& expected : {std::optional(kHeader), std::optional<OpenBankingHeader>()}) {
    EXPECT_EQ(FaultOf(jws, expected, absl::Seconds(300)), Fault::kTooOld);
  }
}

TEST_F(OpenBankingTest, WhatCannotBeInAHeaderIsRefusedByField) {
  const std::string card = "4111111111111111";
  struct Case {
    OpenBankingHeader header;
    Reason reason;
    std::string field;
  };
  for (const Case& c :
       {Case{{"", "a"}, Reason::kFieldRequired, "open_banking.issuer"},
        Case{{"a", ""}, Reason::kFieldRequired, "open_banking.trust_anchor"},
        Case{{std::string(257, 'a'), "a"}, Reason::kFieldInvalid, "open_banking.issuer"},
        Case{{"a\n", "a"}, Reason::kFieldInvalid, "open_banking.issuer"},
        Case{{"\xc3\xa4", "a"}, Reason::kFieldInvalid, "open_banking.issuer"},
        Case{{"org/" + card, "a"}, Reason::kFieldInvalid, "open_banking.issuer"},
        Case{{"a", std::string(254, 'a')}, Reason::kFieldInvalid, "open_banking.trust_anchor"},
        Case{{"a", "Openbanking"}, Reason::kFieldInvalid, "open_banking.trust_anchor"},
        Case{{"a", "a/b"}, Reason::kFieldInvalid, "open_banking.trust_anchor"},
        Case{{"a", card + ".example"}, Reason::kFieldInvalid, "open_banking.trust_anchor"}}) {
    SCOPED_TRACE(c.header.issuer + " " + c.header.trust_anchor);
    const absl::Status refused = Sign(Options(c.header)).status();
    EXPECT_THAT(refused, HasReason(c.reason));
    EXPECT_EQ(FieldOf(refused), c.field);
    const absl::Status unread = Check(Sign(Options()).value(), c.header).status();
    EXPECT_THAT(unread, HasReason(c.reason));
    EXPECT_EQ(FieldOf(unread), c.field);
  }
  EXPECT_OK(Sign(Options({std::string(256, '~'), std::string(253, 'a')})));
  JwsOptions timeless = Options();
  timeless.without_issue_time = true;
  const absl::Status refused = Sign(timeless).status();
  EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(refused), "without_issue_time");
}

TEST_F(OpenBankingTest, ARepetitionHasToAskForTheSameHeader) {
  const std::string first = Sign(Options(), kRequestId).value();
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Sign(Options(), kRequestId).value(), first);
  EXPECT_THAT(Sign(Options({"other", kHeader.trust_anchor}), kRequestId),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign(Options({kHeader.issuer, "other.example"}), kRequestId),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Sign({.typ = "JOSE", .detached = true}, kRequestId),
              HasReason(Reason::kRequestIdReused));
}

}  // namespace
}  // namespace keysvc::keys
