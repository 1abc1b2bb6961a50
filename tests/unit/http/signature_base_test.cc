#include "http/signature_base.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
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
  const auto key =
      PublicKey::FromEd25519(*crypto::FromBase64Url("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"));
  ASSERT_OK(key);
  EXPECT_TRUE((*key)->Verify(
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
  const auto key = PublicKey::FromP256Point(
      absl::StrCat("\x04", *crypto::FromBase64Url("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"),
                   *crypto::FromBase64Url("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0")));
  ASSERT_OK(key);
  const std::string raw = *FromByteSequence(
      ":wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:");
  EXPECT_TRUE(
      (*key)->Verify(SignatureAlgorithm::kEcdsaP256Sha256, *base, *crypto::EcdsaP1363ToDer(raw)));
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
