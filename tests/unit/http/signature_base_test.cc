#include "http/signature_base.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "tests/support/hmac.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/http/rfc9421.h"

namespace keysvc::http {
namespace {

using crypto::PublicKey;
using crypto::SignatureAlgorithm;
using keysvc::testing::HasReason;

bool VerifiesByP256(const std::string& base, std::string_view signature) {
  return P256Key()->Verify(SignatureAlgorithm::kEcdsaP256Sha256, base,
                           *crypto::EcdsaP1363ToDer(*FromByteSequence(signature)));
}

TEST(SignatureBaseTest, TheEd25519SignatureOfAppendixB26Verifies) {
  const auto input = ParseSignatureInput(kInputB26);
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
  EXPECT_TRUE(
      Ed25519Key()->Verify(SignatureAlgorithm::kEd25519, *base, *FromByteSequence(kSignatureB26)));
}

TEST(SignatureBaseTest, TheP256SignatureOfAppendixB24Verifies) {
  const auto input = ParseSignatureInput(kInputB24);
  ASSERT_OK(input);
  const auto base = SignatureBase(TheResponse(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(VerifiesByP256(*base, kSignatureB24));
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
  const auto input = ParseSignatureInput(kInputB22);
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(RsaPssKey()->Verify(SignatureAlgorithm::kRsaPssSha512, *base,
                                  *FromByteSequence(kSignatureB22)));
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
  const auto input = ParseSignatureInput(kInputB23);
  ASSERT_OK(input);
  const auto base = SignatureBase(TheRequest(), *input);
  ASSERT_OK(base);
  EXPECT_TRUE(RsaPssKey()->Verify(SignatureAlgorithm::kRsaPssSha512, *base,
                                  *FromByteSequence(kSignatureB23)));
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
