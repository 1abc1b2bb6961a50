#include "tokenizer/ff1_format.h"

#include <cstddef>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;

Ff1Format Format(std::size_t shortest, std::size_t longest, std::size_t first, std::size_t last,
                 const std::string& prefix = {}) {
  return {.shortest_card = shortest,
          .longest_card = longest,
          .keep_first = first,
          .keep_last = last,
          .luhn_offset = 3,
          .prefix = prefix};
}

// How many digits each card length leaves to permute, for every choice of what is kept.
struct Kept {
  std::size_t first;
  std::size_t last;
  std::size_t permuted_of_twelve;
  std::size_t shortest_admitted;  // all longer ones are admitted too
};
constexpr Kept kKept[] = {
    {0, 0, 11, 12}, {6, 0, 5, 13}, {8, 0, 3, 15}, {0, 4, 8, 12}, {6, 4, 2, 16}, {8, 4, 0, 18},
};

TEST(Ff1FormatTest, ACardLengthIsAdmittedWhenSixDigitsAreLeftToPermute) {
  for (const Kept& kept : kKept) {
    for (std::size_t length = 12; length <= 19; ++length) {
      SCOPED_TRACE(std::to_string(length) + " digits, first " + std::to_string(kept.first) +
                   " and last " + std::to_string(kept.last) + " kept");
      const Ff1Format format = Format(length, length, kept.first, kept.last, "ppt_");
      const std::size_t permuted = kept.permuted_of_twelve + length - 12;
      EXPECT_EQ(format.PermutedDigits(length), permuted);
      const absl::Status checked = format.Check();
      EXPECT_EQ(checked.ok(), length >= kept.shortest_admitted);
      EXPECT_EQ(checked.ok(), permuted >= 6);
      if (checked.ok()) continue;
      EXPECT_THAT(checked, HasReason(Reason::kConfigInvalid));
      EXPECT_THAT(std::string(checked.message()),
                  HasSubstr("of a card of " + std::to_string(length) + " digits " +
                            std::to_string(permuted) + " would be permuted"));
    }
  }
}

TEST(Ff1FormatTest, EveryLengthBetweenTheShortestAndTheLongestIsLookedAt) {
  EXPECT_OK(Format(13, 19, 6, 0).Check());
  EXPECT_THAT(Format(12, 19, 6, 0).Check(), HasReason(Reason::kConfigInvalid));
  EXPECT_OK(Format(16, 19, 6, 4, "ppt_").Check());
  EXPECT_THAT(Format(15, 19, 6, 4, "ppt_").Check(), HasReason(Reason::kConfigInvalid));
}

TEST(Ff1FormatTest, ContradictionsAreRefused) {
  const Ff1Format good = Format(12, 19, 0, 0);
  ASSERT_OK(good.Check());
  std::set<std::string> messages;
  const auto refused = [&](auto change) {
    Ff1Format format = good;
    change(format);
    const absl::Status checked = format.Check();
    EXPECT_THAT(checked, HasReason(Reason::kConfigInvalid));
    messages.insert(std::string(checked.message()));
  };
  refused([](Ff1Format& format) { format.shortest_card = 11; });
  refused([](Ff1Format& format) { format.longest_card = 20; });
  refused([](Ff1Format& format) { format.longest_card = 11; });
  EXPECT_EQ(messages.size(), 1U);
  refused([](Ff1Format& format) { format.keep_first = 7; });
  refused([](Ff1Format& format) { format.keep_last = 3; });
  // The check digit would be among the digits that are kept, and the token be a card by chance.
  refused([](Ff1Format& format) { format.keep_last = 4; });
  refused([](Ff1Format& format) { format.luhn_offset = 0; });
  EXPECT_EQ(messages.size(), 5U);
  refused([](Ff1Format& format) { format.luhn_offset = 10; });
  for (const char* prefix : {"_", "ppt", "Ppt_", "p7_", "abcdefgh_", "p-_", "tok_"}) {
    refused([&](Ff1Format& format) { format.prefix = prefix; });
  }
  EXPECT_EQ(messages.size(), 7U);
}

// Golden: keys are bound to these words.
TEST(Ff1FormatTest, HasOneSpelling) {
  EXPECT_EQ(Format(16, 19, 6, 4, "ppt_").ToString(),
            "ff1 1 cards=16-19 first=6 last=4 offset=3 prefix=ppt_");
  EXPECT_EQ(Format(12, 19, 0, 0).ToString(), "ff1 1 cards=12-19 first=0 last=0 offset=3 prefix=");
}

}  // namespace
}  // namespace keysvc::tokenizer
