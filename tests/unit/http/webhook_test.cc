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
  EXPECT_EQ(WebhookSignature(kWebhookHmac, crypto::AsText(hmac->Compute(input))),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
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

TEST(WebhookTest, OfSeveralSignaturesThoseOfTheKnownVersionsAreTaken) {
  const std::string pair(64, 'a');
  const std::string tag(32, 'b');
  const std::string by_pair = WebhookSignature(kWebhookEd25519, pair);
  const std::string by_tag = WebhookSignature(kWebhookHmac, tag);
  EXPECT_EQ(by_pair, "v1a," + crypto::ToBase64(pair));
  EXPECT_EQ(by_tag, "v1," + crypto::ToBase64(tag));
  EXPECT_THAT(WebhookSignatures(by_pair), ElementsAre(pair));
  EXPECT_THAT(WebhookSignatures("v2,eHg= " + by_tag + " " + by_pair + " " + by_tag),
              ElementsAre(tag, pair, tag));
  const std::string in_base64 = crypto::ToBase64(tag);
  EXPECT_THAT(WebhookSignatures("v1 " + in_base64 + " V1," + in_base64 + " ,v1," + in_base64),
              IsEmpty());
  EXPECT_THAT(WebhookSignatures("v1," + in_base64.substr(0, 43)), IsEmpty());
  EXPECT_THAT(WebhookSignatures(""), IsEmpty());
}

TEST(WebhookTest, ASignatureOfOneVersionIsNoneOfTheOther) {
  EXPECT_THAT(WebhookSignatures(WebhookSignature(kWebhookHmac, std::string(64, 'a'))), IsEmpty());
  EXPECT_THAT(WebhookSignatures(WebhookSignature(kWebhookEd25519, std::string(32, 'b'))),
              IsEmpty());
}

TEST(WebhookTest, ReceiversGetTheKeyByItsPrefix) {
  EXPECT_EQ(WebhookPublicKey(std::string(32, '\0')),
            "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

}  // namespace
}  // namespace keysvc::http
