#include "jose/jws.h"

#include <string>

#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "tests/support/hmac.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/jose/known_keys.h"

namespace keysvc::jose {
namespace {

using crypto::SignatureAlgorithm;
using keysvc::testing::HasReason;

// RFC 7515 appendix A.1.
constexpr char kClaims[] =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
constexpr char kEncodedClaims[] =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

constexpr char kHmacKey[] =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

std::string InputOf(const Jws& jws) {
  return SigningInput(jws.protected_header, jws.header.b64, jws.payload.value());
}

// No HMAC is taken for a signature here; what is signed is the same.
TEST(JwsTest, TheHmacOfRfc7515AppendixA1IsOfThisInput) {
  const std::string text = std::string("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.") +
                           kEncodedClaims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const auto jws = ParseCompact(text);
  ASSERT_OK(jws);
  EXPECT_EQ(jws->header.alg, "HS256");
  EXPECT_EQ(jws->header.typ, "JWT");
  EXPECT_EQ(jws->payload, kClaims);
  EXPECT_EQ(keysvc::testing::HmacSha256(*crypto::FromBase64Url(kHmacKey), InputOf(*jws)),
            jws->signature);
  EXPECT_EQ(ToCompact(*jws), text);
}

TEST(JwsTest, TheSignatureOfRfc7515AppendixA3Verifies) {
  const std::string text =
      std::string("eyJhbGciOiJFUzI1NiJ9.") + kEncodedClaims +
      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  const auto jws = ParseCompact(text);
  ASSERT_OK(jws);
  EXPECT_EQ(jws->header.alg, "ES256");
  EXPECT_EQ(jws->payload, kClaims);
  EXPECT_TRUE(P256Key()->Verify(SignatureAlgorithm::kEcdsaP256Sha256, InputOf(*jws),
                                crypto::EcdsaP1363ToDer(jws->signature).value()));
  EXPECT_EQ(ToCompact(*jws), text);
}

TEST(JwsTest, TheSignatureOfRfc7515AppendixA2Verifies) {
  const std::string text =
      std::string("eyJhbGciOiJSUzI1NiJ9.") + kEncodedClaims +
      ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2"
      "Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ"
      "BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6Ie"
      "YI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
  const auto jws = ParseCompact(text);
  ASSERT_OK(jws);
  EXPECT_EQ(jws->header.alg, "RS256");
  EXPECT_TRUE(
      JwsRsaKey()->Verify(SignatureAlgorithm::kRsaPkcs1Sha256, InputOf(*jws), jws->signature));
  EXPECT_EQ(ToCompact(*jws), text);
}

// What A.5 prints, which nobody has signed.
TEST(JwsTest, TheUnsecuredOneOfRfc7515AppendixA5IsRefused) {
  EXPECT_THAT(ParseCompact(std::string("eyJhbGciOiJub25lIn0.") + kEncodedClaims + "."),
              HasReason(Reason::kFieldInvalid));
}

TEST(JwsTest, TheSignatureOfRfc8037AppendixA4Verifies) {
  const std::string text =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  const auto jws = ParseCompact(text);
  ASSERT_OK(jws);
  EXPECT_EQ(jws->payload, "Example of Ed25519 signing");
  EXPECT_TRUE(Ed25519Key()->Verify(SignatureAlgorithm::kEd25519, InputOf(*jws), jws->signature));
  EXPECT_EQ(ToCompact(*jws), text);
}

TEST(JwsTest, ADetachedOneHasNoPayload) {
  Jws jws;
  jws.header.alg = "ES256";
  jws.protected_header = crypto::ToBase64Url(ToJson(jws.header));
  jws.signature = "signature";
  const std::string text = ToCompact(jws);
  EXPECT_EQ(text, "eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl");
  EXPECT_EQ(ParseCompact(text)->payload, std::nullopt);
}

// RFC 7797 section 4: the header, what is signed, and its HMAC by the key of RFC 7515.
TEST(JwsTest, APayloadThatIsNotEncodedIsSignedAsItIs) {
  const std::string header = R"({"alg":"HS256","b64":false,"crit":["b64"]})";
  EXPECT_EQ(
      ToJson({.alg = "HS256", .kid = {}, .typ = {}, .x5c = {}, .iat = std::nullopt, .b64 = false}),
      header);
  EXPECT_FALSE(ParseJwsHeader(header)->b64);
  const std::string encoded = crypto::ToBase64Url(header);
  EXPECT_EQ(encoded, "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19");
  EXPECT_EQ(SigningInput(encoded, false, "$.02"), encoded + ".$.02");
  EXPECT_EQ(crypto::ToBase64Url(keysvc::testing::HmacSha256(*crypto::FromBase64Url(kHmacKey),
                                                            SigningInput(encoded, false, "$.02"))),
            "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY");
  EXPECT_OK(ParseCompact(encoded + "..c2ln"));
  EXPECT_THAT(ParseCompact(encoded + ".JC4wMg.c2ln"), HasReason(Reason::kFieldInvalid));
}

TEST(JwsTest, AHeaderIsReadAsItWasWritten) {
  JwsHeader header{
      .alg = "PS256", .kid = "a\"b", .typ = "JOSE", .x5c = {}, .iat = 1300819380, .b64 = true};
  EXPECT_EQ(ToJson(header), R"({"alg":"PS256","typ":"JOSE","kid":"a\"b","iat":1300819380})");
  header.x5c = {"\x01\x02", "\x03"};
  EXPECT_EQ(ToJson(header),
            R"({"alg":"PS256","typ":"JOSE","kid":"a\"b","x5c":["AQI=","Aw=="],"iat":1300819380})");
  const auto read = ParseJwsHeader(ToJson(header));
  ASSERT_OK(read);
  EXPECT_EQ(read->alg, header.alg);
  EXPECT_EQ(read->kid, header.kid);
  EXPECT_EQ(read->typ, header.typ);
  EXPECT_EQ(read->iat, header.iat);
  EXPECT_TRUE(read->b64);
}

// UK Open Banking's message signing, since version 3.1.4 and before.
TEST(JwsTest, OpenBankingsParametersAreCriticalAndInThisForm) {
  JwsHeader header{.alg = "PS256", .kid = "kid", .typ = "JOSE", .x5c = {}, .iat = {}, .b64 = true};
  header.open_banking = {.iat = 1739485930, .iss = "O=\"A\\B\"/2", .tan = "openbanking.org.uk"};
  const std::string parameters =
      R"({"alg":"PS256","typ":"JOSE","kid":"kid","http://openbanking.org.uk/iat":1739485930,)"
      R"("http://openbanking.org.uk/iss":"O=\"A\\B\"/2",)"
      R"("http://openbanking.org.uk/tan":"openbanking.org.uk",)";
  const std::string names = R"("http://openbanking.org.uk/iat","http://openbanking.org.uk/iss",)"
                            R"("http://openbanking.org.uk/tan"]})";
  EXPECT_EQ(ToJson(header), parameters + R"("crit":[)" + names);
  const auto read = ParseJwsHeader(ToJson(header));
  ASSERT_OK(read);
  EXPECT_EQ(read->open_banking.iat, 1739485930);
  EXPECT_EQ(read->open_banking.iss, "O=\"A\\B\"/2");
  EXPECT_EQ(read->open_banking.tan, "openbanking.org.uk");
  EXPECT_EQ(read->iat, std::nullopt);
  header.b64 = false;
  EXPECT_EQ(ToJson(header), parameters + R"("b64":false,"crit":["b64",)" + names);
}

TEST(JwsTest, OpenBankingsParametersMeanNothingUnlessTheyAreCritical) {
  const auto header =
      ParseJwsHeader(R"({"alg":"PS256","iat":2,"http://openbanking.org.uk/iat":1,)"
                     R"("http://openbanking.org.uk/iss":"a","http://openbanking.org.uk/tan":{},)"
                     R"("crit":["http://openbanking.org.uk/iss"]})");
  ASSERT_OK(header);
  EXPECT_EQ(header->open_banking.iat, std::nullopt);
  EXPECT_EQ(header->open_banking.iss, "a");
  EXPECT_EQ(header->open_banking.tan, std::nullopt);
}

TEST(JwsTest, WhatIsNotCriticalMayBeUnknown) {
  EXPECT_OK(ParseJwsHeader(R"({"alg":"ES256","x5t":"a","nested":{"alg":"b","b64":1}})"));
  EXPECT_OK(ParseJwsHeader(R"({"alg":"ES256","iat":1,"crit":["iat"]})"));
}

TEST(JwsTest, HeadersThatReadersWouldUnderstandDifferentlyAreRefused) {
  for (const char* header : {"",
                             "{",
                             "[]",
                             "null",
                             R"({"alg":"ES256"} x)",
                             R"({})",
                             R"({"alg":""})",
                             R"({"alg":1})",
                             R"({"alg":"ES256","alg":"ES256"})",
                             R"({"alg":"ES256","x":{"a":1,"a":1}})",
                             R"({"alg":"ES256","kid":1})",
                             R"({"alg":"ES256","typ":[]})",
                             R"({"alg":"ES256","iat":"1"})",
                             R"({"alg":"ES256","iat":1.5})",
                             R"({"alg":"ES256","iat":18446744073709551615})",
                             R"({"alg":"ES256","crit":[]})",
                             R"({"alg":"ES256","crit":"b64"})",
                             R"({"alg":"ES256","crit":[1]})",
                             R"({"alg":"ES256","crit":["b64"]})",
                             R"({"alg":"ES256","exp":1,"crit":["exp"]})",
                             R"({"alg":"ES256","b64":false,"crit":["b64","b64"]})",
                             R"({"alg":"ES256","b64":false})",
                             R"({"alg":"ES256","b64":0,"crit":["b64"]})",
                             R"({"alg":"PS256","crit":["http://openbanking.org.uk/iat"]})",
                             R"({"alg":"PS256","crit":["http://openbanking.org.uk/iss"]})",
                             R"({"alg":"PS256","crit":["http://openbanking.org.uk/tan"]})",
                             R"({"alg":"PS256","http://openbanking.org.uk/iat":"1",)"
                             R"("crit":["http://openbanking.org.uk/iat"]})",
                             R"({"alg":"PS256","http://openbanking.org.uk/iss":1,)"
                             R"("crit":["http://openbanking.org.uk/iss"]})",
                             R"({"alg":"PS256","http://openbanking.org.uk/tan":null,)"
                             R"("crit":["http://openbanking.org.uk/tan"]})",
                             R"({"alg":"PS256","http://openbanking.org.uk/aud":"a",)"
                             R"("crit":["http://openbanking.org.uk/aud"]})",
                             R"({"alg":"PS256","iat":1,"http://openbanking.org.uk/iat":2,)"
                             R"("crit":["http://openbanking.org.uk/iat"]})",
                             "{\"alg\":\"ES256\xff\"}"}) {
    EXPECT_THAT(ParseJwsHeader(header), HasReason(Reason::kFieldInvalid)) << header;
  }
}

TEST(JwsTest, TextsThatAreNoneAreRefused) {
  for (const char* text :
       {"", ".", "..", "...", "eyJhbGciOiJFUzI1NiJ9.YQ", "eyJhbGciOiJFUzI1NiJ9.YQ.c2ln.",
        "eyJhbGciOiJFUzI1NiJ9.YQ.", "eyJhbGciOiJFUzI1NiJ9=.YQ.c2ln", "eyJhbGciOiJFUzI1NiJ9.YR.c2ln",
        "eyJhbGciOiJFUzI1NiJ9.YQ.c2lnx", "e30.YQ.c2ln", " eyJhbGciOiJFUzI1NiJ9.YQ.c2ln"}) {
    EXPECT_THAT(ParseCompact(text), HasReason(Reason::kFieldInvalid)) << text;
  }
}

}  // namespace
}  // namespace keysvc::jose
