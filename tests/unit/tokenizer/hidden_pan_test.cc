#include "tokenizer/hidden_pan.h"

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

TEST(HiddenPanTest, ACardNumberIsFoundWhateverStandsAround) {
  const std::string card = "4111111111111111";
  for (const std::string& text :
       {card, "x" + card + "y", "a/" + card, "00" + card, card + "0", "12 " + card,
        std::string("CN=378282246310005,O=A"), std::string("4111 1111 1111 1111"),
        std::string("4111-1111-1111-1111"), std::string("4111.1111_1111 1111"),
        std::string("4111  1111 - 1111 1111")}) {
    EXPECT_TRUE(MayHidePan(text)) << text;
  }
}

TEST(HiddenPanTest, DigitsThatAreNoneMayStandAnywhere) {
  // The last two have the form of a directory's ids for an organisation and its software.
  for (const char* text :
       {"", "4111111111111117", "41111111111", "4111/1111/1111/1111", "0000000000000000",
        "0015800001041RHAAY", "0015800001041RHAAY/2cFqTpLwJ8X9s1kQmZ3vBn"}) {
    EXPECT_FALSE(MayHidePan(text)) << text;
  }
}

TEST(HiddenPanTest, InIdsShorterNumbersAreNotLookedFor) {
  for (const char* card : {"30569309025904", "378282246310005", "4111111111111111"}) {
    EXPECT_TRUE(MayHidePan(card, kShortestPanInId)) << card;
  }
  EXPECT_TRUE(MayHidePan("4222222222222"));
  EXPECT_FALSE(MayHidePan("4222222222222", kShortestPanInId));
}

TEST(HiddenPanTest, OfUuidsThatAreDrawnOneInThreeHundredAndThirtyHasACardNumber) {
  std::mt19937_64 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  constexpr int kUuids = 30'000;
  int found = 0;
  for (int i = 0; i < kUuids; ++i) {
    const std::uint64_t high = (random() & ~0xf000ULL) | 0x4000ULL;
    const std::uint64_t low = (random() >> 2U) | (1ULL << 63U);
    const std::string digits =
        absl::StrCat(absl::Hex(high, absl::kZeroPad16), absl::Hex(low, absl::kZeroPad16));
    found += MayHidePan(digits, kShortestPanInId) ? 1 : 0;
  }
  EXPECT_GT(found, kUuids / 500);
  EXPECT_LT(found, kUuids / 250);
}

}  // namespace
}  // namespace keysvc::tokenizer
