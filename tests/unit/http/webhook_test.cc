#include "http/webhook.h"

#include <string>

#include "crypto/base64.h"
#include "crypto/bytes.h"
#include "crypto/mac.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keysvc::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WebhookTest, WhatIsSignedIsWhatTheReferenceImplementationsSign) {
  // The vector of the Standard Webhooks libraries, which is of the scheme with a shared secret.
  const std::string input =
      WebhookSigningInput("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})");
  EXPECT_EQ(input, R"(msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314})");
  // HMAC pads a key with zeros, so that the one of 24 bytes may be given as one of 32.
  std::string secret = crypto::FromBase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").value();
  secret.resize(32);
  const auto key =
      crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(secret)));
  const auto hmac = crypto::HmacSha256::Create(*key).value();
  EXPECT_EQ(crypto::ToBase64(crypto::AsText(hmac->Compute(input))),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookTest, AnIdCannotEndWhereItIsSigned) {
  EXPECT_TRUE(IsWebhookId("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"));
  EXPECT_TRUE(IsWebhookId(std::string(64, 'a')));
  for (const std::string& id : {std::string(), std::string(65, 'a'), std::string("a.b"),
                                std::string("a b"), std::string("a\n"), std::string("\xc3\xa4")}) {
    EXPECT_FALSE(IsWebhookId(id)) << id;
  }
}

TEST(WebhookTest, ATimestampHasOneForm) {
  EXPECT_EQ(WebhookTimestamp("0"), 0);
  EXPECT_EQ(WebhookTimestamp("1614265330"), 1614265330);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "01", "1.0", "1e3", "9223372036854775808"}) {
    EXPECT_FALSE(WebhookTimestamp(text).has_value()) << text;
  }
}

TEST(WebhookTest, OfSeveralSignaturesThoseByEd25519AreTaken) {
  EXPECT_EQ(WebhookSignature("ab"), "v1a,YWI=");
  EXPECT_THAT(WebhookSignatures("v1a,YWI="), ElementsAre("ab"));
  EXPECT_THAT(WebhookSignatures("v1,eHg= v1a,YWI= v2,eHg= v1a,Y2Q="), ElementsAre("ab", "cd"));
  EXPECT_THAT(WebhookSignatures("v1a,YWI v1a YWI= V1A,YWI= ,v1a,YWI="), IsEmpty());
  EXPECT_THAT(WebhookSignatures(""), IsEmpty());
}

TEST(WebhookTest, ReceiversGetTheKeyByItsPrefix) {
  EXPECT_EQ(WebhookPublicKey(std::string(32, '\0')),
            "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

}  // namespace
}  // namespace keysvc::http
