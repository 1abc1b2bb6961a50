#include "tokenizer/opaque_token.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LiteralKey;

constexpr std::string_view kTenant = "acme";
constexpr std::uint32_t kVersion = 7;
constexpr TokenContent kContent{42, 3};
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";

std::unique_ptr<crypto::Aes256Block> Key(std::string_view name) {
  return *crypto::Aes256Block::Create(LiteralKey(name));
}

class OpaqueTokenTest : public ::testing::Test {
 protected:
  void ExpectRefused(std::string_view token) const {
    EXPECT_THAT(DecodeOpaqueToken(token, kTenant, *key_), HasReason(Reason::kTokenNotFound))
        << token;
  }
  const std::unique_ptr<crypto::Aes256Block> key_ = Key("key");
  const std::string token_ = EncodeOpaqueToken(kContent, kTenant, kVersion, *key_);
};

TEST(OpaqueTokenGoldenTest, TheEncodingStaysAsItIs) {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const auto key = *crypto::Aes256Block::Create(
      *crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes)));
  const std::string golden = "tok_aeaaaaah5gdyruihkufggvmwlkroxtv6ky";
  EXPECT_EQ(EncodeOpaqueToken(kContent, kTenant, kVersion, *key), golden);
  EXPECT_EQ(*DecodeOpaqueToken(golden, kTenant, *key), kContent);
  EXPECT_EQ(*TokenKeyVersion(golden), kVersion);
}

TEST_F(OpaqueTokenTest, ATokenGivesBackWhatItWasMadeOf) {
  for (const std::int64_t handle : {std::int64_t{1}, std::numeric_limits<std::int64_t>::max()}) {
    for (const std::uint16_t profile : {std::uint16_t{1}, std::uint16_t{65535}}) {
      for (const std::uint32_t version : {1U, 0xffffffffU}) {
        const TokenContent content{handle, profile};
        const std::string token = EncodeOpaqueToken(content, kTenant, version, *key_);
        EXPECT_EQ(token.size(), 38u);
        EXPECT_EQ(*DecodeOpaqueToken(token, kTenant, *key_), content);
        EXPECT_EQ(*TokenKeyVersion(token), version);
      }
    }
  }
}

TEST_F(OpaqueTokenTest, EveryOtherCharacterInAnyPlaceIsRefused) {
  for (std::size_t i = 0; i < token_.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = token_;
      changed[i] = static_cast<char>(c);
      if (changed != token_) ExpectRefused(changed);
    }
  }
}

TEST_F(OpaqueTokenTest, OtherLengthsAreRefused) {
  for (std::size_t size = 0; size < token_.size(); ++size) ExpectRefused(token_.substr(0, size));
  for (const char c : std::string("a =\0", 4)) ExpectRefused(token_ + c);
  ExpectRefused(token_ + token_);
}

TEST_F(OpaqueTokenTest, AnotherTenantOrKeyKnowsNothingOfIt) {
  EXPECT_THAT(DecodeOpaqueToken(token_, "other", *key_), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(DecodeOpaqueToken(token_, kTenant, *Key("other")), HasReason(Reason::kTokenNotFound));
}

TEST_F(OpaqueTokenTest, RandomTextIsRefused) {
  const unsigned seed = std::random_device()();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::size_t> length(31, 39);
  std::uniform_int_distribution<std::size_t> letter(0, kLetters.size() - 1);
  for (int i = 0; i < 100'000; ++i) {
    std::string text = i % 2 == 0 ? token_.substr(0, 12) : "tok_";
    const std::size_t size = i % 3 == 0 ? token_.size() : length(random);
    while (text.size() < size) text += kLetters[letter(random)];
    ASSERT_THAT(DecodeOpaqueToken(text, kTenant, *key_), HasReason(Reason::kTokenNotFound))
        << text << " seed " << seed;
  }
}

TEST_F(OpaqueTokenTest, NeighboursHaveNothingInCommon) {
  std::set<std::string> tails;
  for (std::int64_t handle = 1; handle <= 1000; ++handle) {
    tails.insert(EncodeOpaqueToken({handle, 1}, kTenant, 1, *key_).substr(12, 12));
  }
  EXPECT_EQ(tails.size(), 1000u);
}

TEST_F(OpaqueTokenTest, TheVersionIsReadOnlyFromWhatIsShapedLikeAToken) {
  EXPECT_EQ(*TokenKeyVersion(token_), kVersion);
  for (const std::string& wrong :
       {std::string(), std::string("tok_"), std::string("4111111111111111"), token_ + "a",
        "TOK_" + token_.substr(4), "tok_b" + token_.substr(5)}) {
    EXPECT_THAT(TokenKeyVersion(wrong), HasReason(Reason::kTokenNotFound)) << wrong;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
