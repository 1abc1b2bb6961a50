#include "http/signature_base.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "tests/support/hmac.h"
#include "tests/support/status_matchers.h"

namespace keysvc::http {
namespace {

using crypto::PublicKey;
using crypto::SignatureAlgorithm;
using keysvc::testing::HasReason;

// RFC 9421 appendix B.2.
Message TheRequest() {
  Message message;
  message.method = "POST";
  message.scheme = "https";
  message.authority = "example.com";
  message.path = "/foo";
  message.query = "param=Value&Pet=dog";
  message.fields = {
      {"Host", "example.com"},
      {"Date", "Tue, 20 Apr 2021 02:07:55 GMT"},
      {"Content-Type", "application/json"},
      {"Content-Digest",
       "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXv"
       "Jwew==:"},
      {"Content-Length", "18"}};
  return message;
}
Message TheResponse() {
  Message message;
  message.status = 200;
  message.fields = {
      {"Date", "Tue, 20 Apr 2021 02:07:56 GMT"},
      {"Content-Type", "application/json"},
      {"Content-Digest",
       "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aG"
       "gfLQ==:"},
      {"Content-Length", "23"}};
  return message;
}

// RFC 9421 appendix B.1.3 and B.1.4.
std::unique_ptr<PublicKey> P256Key() {
  return PublicKey::FromP256Point(
             absl::StrCat("\x04",
                          *crypto::FromBase64Url("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"),
                          *crypto::FromBase64Url("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0")))
      .value();
}
std::unique_ptr<PublicKey> Ed25519Key() {
  return PublicKey::FromEd25519(
             *crypto::FromBase64Url("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"))
      .value();
}

bool VerifiesByP256(const std::string& base, std::string_view signature) {
  return P256Key()->Verify(SignatureAlgorithm::kEcdsaP256Sha256, base,
                           *crypto::EcdsaP1363ToDer(*FromByteSequence(signature)));
}

TEST(SignatureBaseTest, TheEd25519SignatureOfAppendixB26Verifies) {
  const auto input = ParseSignatureInput(
      R"(("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473)"
      R"(;keyid="test-key-ed25519")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_EQ(
      *base,
      "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
      "\"@method\": POST\n"
      "\"@path\": /foo\n"
      "\"@authority\": example.com\n"
      "\"content-type\": application/json\n"
      "\"content-length\": 18\n"
      "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" "
      "\"content-length\");created=1618884473;keyid=\"test-key-ed25519\"");
  EXPECT_TRUE(Ed25519Key()->Verify(
      SignatureAlgorithm::kEd25519, *base,
      *FromByteSequence(
          ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5l"
          "Ip5WPpBKRCw==:")));
}

TEST(SignatureBaseTest, TheP256SignatureOfAppendixB24Verifies) {
  const auto input = ParseSignatureInput(
      R"(("@status" "content-type" "content-digest" "content-length");created=1618884473)"
      R"(;keyid="test-key-ecc-p256")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheResponse(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(VerifiesByP256(*base,
                             ":wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5e"
                             "CdlYUEkLIj+32oiasw==:"));
}

// What a proxy that ends TLS says of the client.
TEST(SignatureBaseTest, TheP256SignatureOfAppendixB3Verifies) {
  Message message = TheRequest();
  message.authority = "service.internal.example";
  message.fields.push_back(
      {"Client-Cert",
       ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNV"
       "BAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMM"
       "AkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3Y"
       "C8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYC"
       "uiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRj"
       "QGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEA"
       "x/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"});
  const auto input = ParseSignatureInput(
      R"(("@path" "@query" "@method" "@authority" "client-cert");created=1618884473)"
      R"(;keyid="test-key-ecc-p256")");
  ASSERT_OK(input);
  const auto base = SignatureBase(message, *input);
  ASSERT_OK(base);
  EXPECT_TRUE(VerifiesByP256(*base,
                             ":xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yz"
                             "hD9ah4JHRwMLOgmizw==:"));
}

// RFC 9421 appendix B.4: what intermediaries may do to a message, and what they may not.
bool TransformedVerifies(const Message& message) {
  const auto input = ParseSignatureInput(
      R"(("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519")");
  return Ed25519Key()->Verify(
      SignatureAlgorithm::kEd25519, SignatureBase(message, *input).value(),
      *FromByteSequence(":ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6"
                        "cpLt2m0pmj3NDA==:"));
}

TEST(SignatureBaseTest, TheTransformationsOfAppendixB4AreAllowedOrNot) {
  Message message;
  message.method = "GET";
  message.scheme = "https";
  message.authority = "example.org";
  message.path = "/demo";
  message.query = "name1=Value1&Name2=value2";
  const Field date = {"Date", "Fri, 15 Jul 2022 14:24:55 GMT"};
  const Field json = {"Accept", "application/json"};
  const Field any = {"Accept", "*/*"};
  message.fields = {date, json, any};
  EXPECT_TRUE(TransformedVerifies(message));

  Message added = message;
  added.query += "&param=added";
  added.fields.push_back({"Accept-Language", "en-US,en;q=0.5"});
  EXPECT_TRUE(TransformedVerifies(added));
  Message collapsed = message;
  collapsed.fields = {{"Referer", "https://developer.example.org/demo"},
                      {"Accept", "application/json, */*"}};
  EXPECT_TRUE(TransformedVerifies(collapsed));
  Message moved = message;
  moved.fields = {json, any, date};
  EXPECT_TRUE(TransformedVerifies(moved));

  Message redirected = message;
  redirected.method = "POST";
  redirected.authority = "example.com";
  EXPECT_FALSE(TransformedVerifies(redirected));
  Message swapped = message;
  swapped.fields = {date, any, json};
  EXPECT_FALSE(TransformedVerifies(swapped));
}

// RFC 9421 appendix B.1.2.
std::unique_ptr<PublicKey> RsaPssKey() {
  return PublicKey::FromSpki(
             *crypto::FromBase64("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2"
                                 "+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+"
                                 "oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq"
                                 "gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W"
                                 "Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4"
                                 "aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI"
                                 "2wIDAQAB"))
      .value();
}

TEST(SignatureBaseTest, TheRsaSignatureOfNothingOfAppendixB21Verifies) {
  const auto input = ParseSignatureInput(
      R"(();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(RsaPssKey()->Verify(
      SignatureAlgorithm::kRsaPssSha512, *base,
      *FromByteSequence(
          ":d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/"
          "lkbbHAve4cRAtx31Iq786U7it++wgGxbtR"
          "xf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhz"
          "x2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP"
          "5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:")));
}

TEST(SignatureBaseTest, TheRsaSignatureOfAppendixB22Verifies) {
  const auto input = ParseSignatureInput(
      R"(("@authority" "content-digest" "@query-param";name="Pet");created=1618884473)"
      R"(;keyid="test-key-rsa-pss";tag="header-example")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(RsaPssKey()->Verify(
      SignatureAlgorithm::kRsaPssSha512, *base,
      *FromByteSequence(
          ":LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJy"
          "E"
          "5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17S"
          "ARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY"
          "3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:")));
}

// Keys of HTTP messages are key pairs here; what is signed is the same.
TEST(SignatureBaseTest, TheHmacOfAppendixB25IsOfThisBase) {
  const auto input = ParseSignatureInput(
      R"(("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_EQ(ByteSequence(keysvc::testing::HmacSha256(
                *crypto::FromBase64("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPB"
                                    "tbmHhIDi6pcl8jsasjlTMtDQ=="),
                *base)),
            ":pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:");
}

TEST(SignatureBaseTest, TheRsaSignatureOfAppendixB23Verifies) {
  const auto input = ParseSignatureInput(
      R"(("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" )"
      R"("content-length");created=1618884473;keyid="test-key-rsa-pss")");
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(RsaPssKey()->Verify(
      SignatureAlgorithm::kRsaPssSha512, *base,
      *FromByteSequence(
          ":bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683"
          "+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLN"
          "mvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF"
          "8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA"
          "==:")));
}

TEST(SignatureBaseTest, WhatTheMessageLacksCannotBeCovered) {
  SignatureInput input;
  for (const char* name : {"@status", "signature", "@target"}) {
    input.components = {name};
    EXPECT_THAT(SignatureBase(TheRequest(), input), HasReason(Reason::kFieldInvalid)) << name;
  }
  for (const char* name : {"@method", "@path", "@target-uri"}) {
    input.components = {name};
    EXPECT_THAT(SignatureBase(TheResponse(), input), HasReason(Reason::kFieldInvalid)) << name;
  }
}

}  // namespace
}  // namespace keysvc::http
