#include "tokenizer/pan.h"

#include <string>
#include <string_view>
#include <type_traits>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

// Published as test numbers by the networks.
constexpr std::string_view kTestNumbers[] = {
    "4111111111111111",   "4242424242424242",   "4012888888881881",    "4222222222222",
    "5555555555554444",   "5105105105105100",   "2223003122003222",    "2223000048400011",
    "378282246310005",    "371449635398431",    "6011111111111117",    "6011000990139424",
    "30569309025904",     "38520000023237",     "3530111333300000",    "3566002020360505",
    "6200000000000005",   "6759649826438453",   "6205500000000000004", "40000000000000006",
    "400000000000000002", "4000000000000000006"};

absl::StatusOr<Pan> Parse(std::string_view text) { return Pan::Parse(crypto::AsBytes(text)); }

static_assert(!std::is_copy_constructible_v<Pan> && !std::is_copy_assignable_v<Pan>);

void ExpectRefused(std::string_view text) {
  const absl::StatusOr<Pan> pan = Parse(text);
  EXPECT_THAT(pan, HasReason(Reason::kPanInvalid)) << text;
  EXPECT_EQ(pan.status().message(), "not a card number");
  EXPECT_EQ(FieldOf(pan.status()), "card.pan");
}

TEST(PanTest, EveryPublishedTestNumberIsACardNumber) {
  for (const std::string_view number : kTestNumbers) {
    const absl::StatusOr<Pan> pan = Parse(number);
    ASSERT_OK(pan);
    EXPECT_EQ(crypto::AsText(pan->Expose(crypto::SecretAccess::kGranted)), number);
  }
}

TEST(PanTest, EveryOtherDigitInAnyPlaceIsRefused) {
  for (const std::string_view number : kTestNumbers) {
    for (std::size_t i = 0; i < number.size(); ++i) {
      for (char digit = '0'; digit <= '9'; ++digit) {
        if (digit == number[i]) continue;
        std::string changed(number);
        changed[i] = digit;
        ExpectRefused(changed);
      }
    }
  }
}

TEST(PanTest, WhatIsNoCardNumberGetsOneAndTheSameError) {
  for (const std::string_view wrong :
       {"", "0", "00000000018",  // short, with a right check digit
        "40000000000000000002",  // 20 digits, with a right check digit
        "4111111111111112", "6011000990139424000", "0000000000000000", "000000000000",
        "4111 1111 1111 1111", "4111-1111-1111-1111", " 4111111111111111", "4111111111111111 ",
        "4111111111111111\n", "411111111111111l", "+411111111111111", "-4111111111111111",
        "4111111111111111.0", "０１２３４５", "٤١١١١١١١"}) {
    ExpectRefused(wrong);
  }
  ExpectRefused(std::string_view("4111111111111111\0", 17));
  ExpectRefused(std::string(1000, '4'));
}

TEST(PanTest, LengthsFromTwelveToNineteenAreTaken) {
  EXPECT_OK(Parse("000000000018"));
  ExpectRefused("00000000018");
  EXPECT_OK(Parse("6205500000000000004"));
}

TEST(PanTest, TheMaskHidesAtLeastFourDigits) {
  EXPECT_EQ(Parse("4111111111111111")->Masked(), "411111******1111");
  EXPECT_EQ(Parse("378282246310005")->Masked(), "378282*****0005");
  EXPECT_EQ(Parse("30569309025904")->Masked(), "305693****5904");
  EXPECT_EQ(Parse("6205500000000000004")->Masked(), "620550*********0004");
  EXPECT_EQ(Parse("4222222222222")->Masked(), "*********2222");
  EXPECT_EQ(Parse("000000000018")->Masked(), "********0018");
}

TEST(PanTest, TheLastFourAreShownOfEveryLength) {
  EXPECT_EQ(Parse("4111111111111111")->LastFour(), "************1111");
  EXPECT_EQ(Parse("000000000018")->LastFour(), "********0018");
}

TEST(PanTest, TheMaskAsANumberIsOfTheDigitsThatItShows) {
  EXPECT_EQ(Parse("4111111111111111")->ShownDigits(), 4'111'111'111U);
  EXPECT_EQ(Parse("30569309025904")->ShownDigits(), 3'056'935'904U);
  EXPECT_EQ(Parse("4222222222222")->ShownDigits(), 2222U);
  EXPECT_EQ(Parse("000000000018")->ShownDigits(), 18U);
}

TEST(LuhnTest, OnlyDigitsCanPass) {
  EXPECT_TRUE(PassesLuhn(crypto::AsBytes("4111111111111111")));
  EXPECT_TRUE(PassesLuhn(crypto::AsBytes("0")));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes("")));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes("4111111111111112")));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes(":")));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes("/1")));
}

}  // namespace
}  // namespace keysvc::tokenizer
