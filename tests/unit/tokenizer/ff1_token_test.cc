#include "tokenizer/ff1_token.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "crypto/bytes.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

Profile ProfileWith(std::size_t first, std::size_t last, unsigned offset, std::string prefix) {
  // The shortest cards that leave six digits.
  const std::size_t shortest =
      std::max<std::size_t>(12, first + std::max<std::size_t>(last, 1) + 6);
  return {.tenant = "acme",
          .name = "legacy",
          .number = 3,
          .deterministic = true,
          .family = Family::kFf1,
          .ff1 = {.shortest_card = shortest,
                  .longest_card = 19,
                  .keep_first = first,
                  .keep_last = last,
                  .luhn_offset = offset,
                  .prefix = std::move(prefix)}};
}

std::unique_ptr<crypto::Ff1> KeyNamed(std::string_view name) {
  return crypto::Ff1::Create(keysvc::testing::LiteralKey(name), 10).value();
}

std::string DigitsOf(const absl::StatusOr<CardData>& card) {
  return std::string(crypto::AsText(card.value().pan.Expose(crypto::SecretAccess::kGranted)));
}

struct Sample {
  std::string_view pan;
  std::size_t first;
  std::size_t last;
  unsigned offset;
  std::string_view prefix;
  std::string_view token;
};

// Golden, computed with an independent implementation: tokens that are out must go on opening.
constexpr Sample kSamples[] = {
    {"4111111111111111", 6, 0, 3, "", "4111110046862213"},
    {"378282246310005", 0, 0, 1, "", "836648254014100"},
    {"6205500000000000004", 8, 4, 9, "ppt_", "ppt_96205500067142730004"},
    {"4222222222222", 0, 4, 7, "x_", "x_10396364962222"},
    {"4111111111111111", 6, 4, 5, "last_", "last_94111111206051111"},
};

TEST(Ff1TokenTest, TheseCardsHaveTheseTokens) {
  const std::string bytes =
      "\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c"
      "\xef\x43\x59\xd8\xd5\x80\xaa\x4f\x7f\x03\x6d\x6f\x04\xfc\x6a\x94";
  const auto secret =
      crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(bytes)));
  const auto key = crypto::Ff1::Create(*secret, 10).value();
  for (const Sample& sample : kSamples) {
    SCOPED_TRACE(sample.token);
    const Profile profile =
        ProfileWith(sample.first, sample.last, sample.offset, std::string(sample.prefix));
    EXPECT_EQ(MakeFf1Token(profile, PanOf(sample.pan), *key).value(), sample.token);
    EXPECT_EQ(DigitsOf(OpenFf1Token(profile, sample.token, *key)), sample.pan);
  }
}

TEST(Ff1TokenTest, RandomCardsHaveTokensOfTheirOwnThatComeBackAndNeverPassForCards) {
#ifdef NDEBUG
  constexpr std::size_t kCardsPerFormat = 170'000;  // more than a million in all
#else
  constexpr std::size_t kCardsPerFormat = 5'000;
#endif
  RandomCards random;
  SCOPED_TRACE(random.seed());
  const auto key = KeyNamed("key");
  for (const auto& [first, last] :
       {std::pair<std::size_t, std::size_t>{0, 0}, {6, 0}, {8, 0}, {0, 4}, {6, 4}, {8, 4}}) {
    const Profile profile = ProfileWith(first, last, 1 + static_cast<unsigned>(random.Below(9)),
                                        last == 0 && random.Below(2) == 0 ? "" : "ppt_");
    ASSERT_OK(profile.ff1.Check());
    std::unordered_set<std::string> cards;
    std::unordered_set<std::string> tokens;
    while (cards.size() < kCardsPerFormat) {
      const std::size_t lengths = 19 - profile.ff1.shortest_card + 1;
      const std::string card = random.Next(profile.ff1.shortest_card + random.Below(lengths));
      if (!cards.insert(card).second) continue;
      const std::string token = MakeFf1Token(profile, PanOf(card), *key).value();
      ASSERT_TRUE(tokens.insert(token).second) << token;
      ASSERT_EQ(DigitsOf(OpenFf1Token(profile, token, *key)), card);
      ASSERT_EQ(token.substr(0, profile.ff1.prefix.size()), profile.ff1.prefix);
      const std::string digits = token.substr(profile.ff1.prefix.size());
      ASSERT_EQ(LuhnRemainder(crypto::AsBytes(digits)), profile.ff1.luhn_offset) << token;
      ASSERT_FALSE(PassesLuhn(crypto::AsBytes(token))) << token;
      const std::size_t in_front = last == 0 ? 0 : 1;
      ASSERT_EQ(digits.size(), card.size() + in_front);
      ASSERT_EQ(digits.substr(in_front, first), card.substr(0, first));
      ASSERT_EQ(digits.substr(digits.size() - last), card.substr(card.size() - last));
    }
  }
}

TEST(Ff1TokenTest, WhatTheProfileDoesNotMakeIsNotFound) {
  const Profile profile = ProfileWith(6, 0, 3, "");
  const auto key = KeyNamed("key");
  const std::string token = MakeFf1Token(profile, PanOf("4111111111111111"), *key).value();
  ASSERT_OK(OpenFf1Token(profile, token, *key));
  for (char digit = '0'; digit <= '9'; ++digit) {
    if (digit == token.back()) continue;
    const std::string other = token.substr(0, token.size() - 1) + digit;
    EXPECT_THAT(OpenFf1Token(profile, other, *key), HasReason(Reason::kTokenNotFound));
  }
  // Of lengths that the profile does not take, each with the right Luhn sum.
  for (const char* other : {"3", "30", "000000000003", "00000000000000000003", "", "ppt_3", "x",
                            "4111111111111111", "411111004686221\xb3"}) {
    EXPECT_THAT(OpenFf1Token(profile, other, *key), HasReason(Reason::kTokenNotFound)) << other;
  }
  const Profile prefixed = ProfileWith(0, 4, 3, "ppt_");
  const std::string with_prefix = MakeFf1Token(prefixed, PanOf("4111111111111111"), *key).value();
  ASSERT_OK(OpenFf1Token(prefixed, with_prefix, *key));
  for (const std::string& other :
       {with_prefix.substr(4), "x" + with_prefix, with_prefix + "0", std::string("ppt_"),
        "ppt_" + std::string(12, '0'), std::string("tok_")}) {
    EXPECT_THAT(OpenFf1Token(prefixed, other, *key), HasReason(Reason::kTokenNotFound)) << other;
  }
}

TEST(Ff1TokenTest, WithTheLastFourKeptNineOfTenMadeUpTokensHideNoCard) {
  const Profile profile = ProfileWith(6, 4, 3, "ppt_");
  const auto key = KeyNamed("key");
  RandomCards random;
  SCOPED_TRACE(random.seed());
  int found = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string digits = random.Next(17);
    // From a Luhn sum of 0 to one of 3, by the last digit.
    digits.back() = static_cast<char>('0' + (digits.back() - '0' + 3) % 10);
    const auto opened = OpenFf1Token(profile, "ppt_" + digits, *key);
    if (opened.ok()) {
      ++found;
    } else {
      EXPECT_THAT(opened, HasReason(Reason::kTokenNotFound));
    }
  }
  // Six standard deviations around a hundred.
  EXPECT_GT(found, 43);
  EXPECT_LT(found, 157);
}

TEST(Ff1TokenTest, TenantProfileAndWhatIsKeptDecide) {
  const auto key = KeyNamed("key");
  const Profile profile = ProfileWith(6, 0, 3, "");
  Profile tenant = profile;
  tenant.tenant = "beta";
  Profile name = profile;
  name.name = "legacy-b";
  const Pan pan = PanOf("4111111111111111");
  const std::string token = MakeFf1Token(profile, pan, *key).value();
  EXPECT_NE(MakeFf1Token(tenant, pan, *key).value(), token);
  EXPECT_NE(MakeFf1Token(name, pan, *key).value(), token);
  EXPECT_NE(MakeFf1Token(profile, pan, *KeyNamed("another")).value(), token);
  // The same nine digits behind other first six.
  const std::string pan_of_another = Completed("5" + std::string(15, '1'));
  const std::string other = MakeFf1Token(profile, PanOf(pan_of_another), *key).value();
  EXPECT_NE(other.substr(6, 9), token.substr(6, 9));
}

TEST(Ff1TokenTest, OnlyTheNumberOfACardIsTaken) {
  const Profile profile = ProfileWith(8, 0, 3, "");
  const auto card = [](std::string_view pan, std::string_view expiry, std::string_view name) {
    return CardData::Parse(crypto::AsBytes(pan), expiry, crypto::AsBytes(name)).value();
  };
  EXPECT_OK(CheckFf1Card(profile, card("378282246310005", "", "")));
  const absl::Status length = CheckFf1Card(profile, card("30569309025904", "", ""));
  EXPECT_THAT(length, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(length), "card.pan");
  const absl::Status expiry = CheckFf1Card(profile, card("378282246310005", "2030-01", ""));
  EXPECT_THAT(expiry, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(expiry), "card.expiry");
  const absl::Status name = CheckFf1Card(profile, card("378282246310005", "", "Ada"));
  EXPECT_THAT(name, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(name), "card.cardholder_name");
}

}  // namespace
}  // namespace keysvc::tokenizer
