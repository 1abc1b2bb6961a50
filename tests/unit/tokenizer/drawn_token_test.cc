#include "tokenizer/drawn_token.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

const Profile kNumeric{
    .tenant = "acme", .name = "numbers", .number = 1, .family = Family::kNumeric};

Profile EmvProfile(std::string prefix, std::size_t length) {
  return {.tenant = "acme",
          .name = "network",
          .number = 2,
          .family = Family::kEmv,
          .emv = {.range = {.prefix = std::move(prefix), .length = length}}};
}

// Sixteen bytes that are this integer.
RandomSource Always(std::uint64_t value) {
  return [value](std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    for (std::size_t i = 0; i < 8; ++i) {
      out[out.size() - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
  };
}

TEST(DrawnTokenTest, EveryDrawOfOneCardIsAnotherTokenAndAllAreReached) {
  // What the nine wrong sums and the digits behind the first can make, in a small part.
  std::set<std::string> tokens;
  std::set<char> first;
  for (std::uint64_t value = 0; value < 9000; ++value) {
    const std::string token = DrawToken(kNumeric, PanOf("4111111111111111"), Always(value));
    ASSERT_TRUE(tokens.insert(token).second) << token;
    ASSERT_FALSE(PassesLuhn(crypto::AsBytes(token))) << token;
    first.insert(token.front());
  }
  EXPECT_EQ(first.size(), 10U);
}

TEST(DrawnTokenTest, RandomCardsOfEveryLengthHaveTokensThatKeepLengthAndLastFourAndPassForNoCard) {
#ifdef NDEBUG
  constexpr std::size_t kCardsPerLength = 125'000;  // a million in all
#else
  constexpr std::size_t kCardsPerLength = 1'000;
#endif
  RandomCards random;
  SCOPED_TRACE(random.seed());
  for (std::size_t length = 12; length <= 19; ++length) {
    for (std::size_t i = 0; i < kCardsPerLength; ++i) {
      const std::string card = random.Next(length);
      const std::string token = DrawToken(kNumeric, PanOf(card), crypto::FillRandom);
      ASSERT_EQ(token.size(), card.size());
      ASSERT_EQ(token.substr(length - 4), card.substr(length - 4));
      ASSERT_TRUE(std::all_of(token.begin(), token.end(),
                              [](char digit) { return digit >= '0' && digit <= '9'; }));
      ASSERT_FALSE(PassesLuhn(crypto::AsBytes(token))) << token;
      ASSERT_TRUE(MayBeDrawn(kNumeric, token)) << token;
      ASSERT_FALSE(MayBeDrawn(kNumeric, card));
    }
  }
}

TEST(DrawnTokenTest, EveryDigitThatIsNotKeptIsAsLikelyAsAnother) {
  constexpr std::size_t kDraws = 20'000;
  std::array<std::array<std::size_t, 10>, 12> seen{};
  std::array<std::size_t, 10> remainders{};
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::string token = DrawToken(kNumeric, PanOf("4111111111111111"), crypto::FillRandom);
    for (std::size_t place = 0; place < seen.size(); ++place) {
      ++seen.at(place).at(static_cast<std::size_t>(token[place] - '0'));
    }
    ++remainders.at(*LuhnRemainder(crypto::AsBytes(token)));
  }
  // Seven standard deviations around a tenth, and around a ninth.
  for (const auto& digits : seen) {
    for (const std::size_t count : digits) EXPECT_NEAR(static_cast<double>(count), 2000, 300);
  }
  EXPECT_EQ(remainders[0], 0U);
  for (std::size_t remainder = 1; remainder < 10; ++remainder) {
    EXPECT_NEAR(static_cast<double>(remainders.at(remainder)), 2222, 312) << remainder;
  }
}

TEST(DrawnTokenTest, EmvTokensAreNumbersOfTheRangeThatPassForCards) {
#ifdef NDEBUG
  constexpr std::size_t kTokensPerRange = 65'000;  // more than a million in all
#else
  constexpr std::size_t kTokensPerRange = 1'000;
#endif
  RandomCards random;
  SCOPED_TRACE(random.seed());
  std::size_t ranges = 0;
  for (const std::size_t given : {6U, 8U, 10U, 12U}) {
    const std::string prefix = std::string("999900123456").substr(0, given);
    for (std::size_t length = std::max<std::size_t>(13, given + 7); length <= 19; ++length) {
      const Profile profile = EmvProfile(prefix, length);
      ASSERT_TRUE(profile.emv.range.Check().ok());
      ++ranges;
      for (std::size_t i = 0; i < kTokensPerRange; ++i) {
        const std::string card = random.Next(12 + i % 8);
        const std::string token = DrawToken(profile, PanOf(card), crypto::FillRandom);
        ASSERT_EQ(token.size(), length);
        ASSERT_TRUE(token.starts_with(prefix)) << token;
        ASSERT_TRUE(PassesLuhn(crypto::AsBytes(token))) << token;
        ASSERT_TRUE(MayBeDrawn(profile, token)) << token;
        ASSERT_FALSE(MayBeDrawn(kNumeric, token)) << token;
        ASSERT_EQ(MayBeDrawn(profile, card), profile.emv.range.Contains(card)) << card;
      }
    }
  }
  EXPECT_EQ(ranges, 7U + 5U + 3U + 1U);
}

TEST(DrawnTokenTest, EveryNumberOfAnEmvRangeIsReachedOnce) {
  const Profile profile = EmvProfile("999900123456", 16);
  std::set<std::string> tokens;
  for (std::uint64_t value = 0; value < 1000; ++value) {
    tokens.insert(DrawToken(profile, PanOf("4111111111111111"), Always(value)));
  }
  EXPECT_EQ(tokens.size(), 1000U);
}

TEST(DrawnTokenTest, ANumberOfAnIssuedRangeIsThatOfNoCard) {
  Profile profile = EmvProfile("99990012", 16);
  profile.emv.attestation = "Ours by the letter of the scheme";
  profile.emv.token_requestor_id = "40010030273";
  profile.emv.months_valid = 1;
  const Profiles profiles = Profiles::Create({kNumeric, profile}).value();
  const Pan token = PanOf(DrawToken(profile, PanOf("4111111111111111"), crypto::FillRandom));
  EXPECT_THAT(CheckIsNoToken(profiles, token), HasReason(Reason::kPanInvalid));
  EXPECT_OK(CheckIsNoToken(profiles, PanOf(Completed("999900130000000"))));
  EXPECT_OK(CheckIsNoToken(profiles, PanOf(Completed("9999001300000000"))));
  EXPECT_OK(CheckIsNoToken(profiles, PanOf("4111111111111111")));

  // Its tokens may be in use when the profile is declared no more.
  Profiles without = Profiles::Create({kNumeric}).value();
  EXPECT_OK(CheckIsNoToken(without, token));
  without.AddFormerRanges({profile.emv.range});
  EXPECT_THAT(CheckIsNoToken(without, token), HasReason(Reason::kPanInvalid));
  EXPECT_OK(CheckIsNoToken(without, PanOf("4111111111111111")));
}

TEST(DrawnTokenTest, WhatHasAnotherFormIsNone) {
  for (const std::string_view text :
       {"", "411111111111111", "4111111111111111", "41111111111", "41111111111111111112",
        "411111111111111a", "tok_aeaaaaah5gdyruihkufggvmwlkroxtv6ky", "4111 1111 1111 111"}) {
    const bool right_length = text.size() == 15;
    EXPECT_EQ(MayBeDrawn(kNumeric, text), right_length && !PassesLuhn(crypto::AsBytes(text)))
        << text;
  }
  EXPECT_TRUE(MayBeDrawn(kNumeric, "4111111111111112"));
}

}  // namespace
}  // namespace keysvc::tokenizer
