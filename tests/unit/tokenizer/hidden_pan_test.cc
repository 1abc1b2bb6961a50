#include "tokenizer/hidden_pan.h"

#include <string>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

TEST(HiddenPanTest, ACardNumberIsFoundWhateverStandsAround) {
  const std::string card = "4111111111111111";
  for (const std::string& text :
       {card, "x" + card + "y", "a/" + card, "00" + card, card + "0", "12 " + card,
        std::string("CN=378282246310005,O=A"), std::string("4111 1111 1111 1111"),
        std::string("4111-1111-1111-1111"), std::string("4111.1111_1111 1111")}) {
    EXPECT_TRUE(MayHidePan(text)) << text;
  }
}

TEST(HiddenPanTest, DigitsThatAreNoneMayStandAnywhere) {
  // The last two have the form of a directory's ids for an organisation and its software.
  for (const char* text :
       {"", "4111111111111117", "41111111111", "4111  1111 1111 1111", "4111/1111/1111/1111",
        "0000000000000000", "0015800001041RHAAY", "0015800001041RHAAY/2cFqTpLwJ8X9s1kQmZ3vBn"}) {
    EXPECT_FALSE(MayHidePan(text)) << text;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
