#include "tokenizer/issuer_ranges.h"

#include <string_view>

#include "gtest/gtest.h"

namespace keysvc::tokenizer {
namespace {

TEST(IssuerRangesTest, KnowTheNetworksOfPublishedTestCards) {
  struct Sample {
    std::string_view prefix;
    std::string_view issuer;
  };
  for (const Sample& sample : {Sample{"411111", "Visa"},
                               {"222300", "Mastercard"},
                               {"555555", "Mastercard"},
                               {"675964", "Maestro"},
                               {"378282", "American Express"},
                               {"305693", "Diners Club"},
                               {"601111", "Discover"},
                               {"353011", "JCB"},
                               {"620550", "UnionPay"},
                               {"220070", "Mir"},
                               {"979200", "Troy"},
                               {"986001", "Humo"}}) {
    EXPECT_NE(IssuerOf(sample.prefix).find(sample.issuer), std::string_view::npos) << sample.prefix;
  }
}

TEST(IssuerRangesTest, BeginAndEndWhereTheySay) {
  for (const std::string_view used : {"222100", "272099", "220000", "220499", "352800", "979299"}) {
    EXPECT_FALSE(IssuerOf(used).empty()) << used;
  }
  for (const std::string_view free :
       {"222099", "272100", "219999", "220600", "979199", "979300", "999900", "000000", "700000"}) {
    EXPECT_TRUE(IssuerOf(free).empty()) << free << " " << IssuerOf(free);
  }
}

TEST(IssuerRangesTest, ARangeThatHoldsAUsedOneOverlapsItToo) {
  EXPECT_FALSE(IssuerOf("97").empty());
  EXPECT_FALSE(IssuerOf("979").empty());
  EXPECT_TRUE(IssuerOf("978").empty());
  EXPECT_FALSE(IssuerOf("22").empty());
  EXPECT_FALSE(IssuerOf("").empty());
}

}  // namespace
}  // namespace keysvc::tokenizer
