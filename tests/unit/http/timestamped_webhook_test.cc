#include "http/timestamped_webhook.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hmac.h"

namespace keysvc::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kOne(32, '\x01');
const std::string kTwo(32, '\xfe');
const std::string kHexOne(64, '0');

std::string HexOf(char a, char b) {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += {a, b};
  return hex;
}

TEST(TimestampedWebhookTest, TimeAndBodyAreTaggedWithAFullStopBetween) {
  EXPECT_EQ(TimestampedSigningInput(1492774577, R"({"a":1})"), R"(1492774577.{"a":1})");
}

TEST(TimestampedWebhookTest, TheTagIsTheOneThatReceiversOfThisShapeCompute) {
  const std::string tag = keysvc::testing::HmacSha256(
      "whsec_test_secret", TimestampedSigningInput(1614556800, R"({"id":"evt_1"})"));
  EXPECT_EQ(ToText({1614556800, {tag}}),
            "t=1614556800,v1=4b84b790795620969b08a42ba000110ae8bf58a5784f16c215b248752ce65404");
}

TEST(TimestampedWebhookTest, WhatIsWrittenIsReadAgain) {
  const std::string text = ToText({1492774577, {kOne, kTwo}});
  EXPECT_EQ(text, "t=1492774577,v1=" + HexOf('0', '1') + ",v1=" + HexOf('f', 'e'));
  const auto read = ReadTimestampedSignature(text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->timestamp, 1492774577);
  EXPECT_THAT(read->tags, ElementsAre(kOne, kTwo));
}

TEST(TimestampedWebhookTest, OtherSchemesAndWhatIsNoTagArePassedOver) {
  const auto read =
      ReadTimestampedSignature("v0=" + HexOf('0', '2') + ",v1=00,v1=zz,v1=" + HexOf('0', '1') +
                               ",t=5,v1=" + HexOf('g', '1'));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->timestamp, 5);
  EXPECT_THAT(read->tags, ElementsAre(kOne));
  EXPECT_THAT(ReadTimestampedSignature("t=5")->tags, IsEmpty());
}

TEST(TimestampedWebhookTest, WhatHasNoTimeOrTwoOrIsNoListIsNotRead) {
  const std::string tag = "v1=" + kHexOne;
  for (const std::string& text :
       {std::string(), tag, "t=1,t=1," + tag, "t=01," + tag, "t=-1," + tag, "t=," + tag,
        "t=1, " + tag + ",x", "T=1," + tag, "t=1;" + tag + ",", " t=1," + tag}) {
    EXPECT_FALSE(ReadTimestampedSignature(text).has_value()) << text;
  }
}

TEST(TimestampedWebhookTest, AFieldsNameIsShortAndInLowerCase) {
  for (const char* good : {"acme-signature", "x", "sig2"}) EXPECT_TRUE(IsSignatureField(good));
  for (const std::string& bad : {std::string(), std::string("Acme"), std::string("a b"),
                                 std::string("a:"), std::string("a\n"), std::string(65, 'a')}) {
    EXPECT_FALSE(IsSignatureField(bad)) << bad;
  }
}

}  // namespace
}  // namespace keysvc::http
