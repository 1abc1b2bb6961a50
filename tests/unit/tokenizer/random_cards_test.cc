// Random cards through every family of tokens, as many as KEYSVC_RANDOM_CARDS says.
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

struct FamilyCase {
  const char* name;
  const char* profile;
  std::size_t shortest_card;
  std::size_t longest_card;
  // What a token keeps of its card's digits.
  std::size_t first = 0;
  std::size_t last = 0;
  bool is_card_number = false;
};

class RandomCardsTest : public ::testing::TestWithParam<FamilyCase> {
 protected:
  static std::size_t HowMany() {
    if (const char* const cards = std::getenv("KEYSVC_RANDOM_CARDS")) {
      return std::strtoul(cards, nullptr, 10);
    }
#ifdef NDEBUG
    return 100'000;
#else
    return 5'000;
#endif
  }

  keysvc::testing::MemoryStore store_;
  Service service_{store_};
};

INSTANTIATE_TEST_SUITE_P(Families, RandomCardsTest,
                         ::testing::Values(FamilyCase{"Opaque", kBrief, 12, 19},
                                           FamilyCase{"Numeric", kManyNumbers, 12, 19, 0, 4},
                                           FamilyCase{"Emv", kNetwork, 12, 19, 0, 0, true},
                                           FamilyCase{"Ff1", kLegacy, 16, 16, 6, 0},
                                           FamilyCase{"External", kFormerPerCall, 12, 19}),
                         [](const auto& family) { return family.param.name; });

TEST_P(RandomCardsTest, HaveTokensOfTheirOwnThatComeBackAndLookAsTheFamilySays) {
  constexpr std::size_t kBatch = 100;
  const FamilyCase& family = GetParam();
  const auto& profile = service_.ProfileNamed(family.profile);
  RandomCards random;
  SCOPED_TRACE(random.seed());
  std::unordered_set<std::string> cards_seen;
  std::unordered_set<std::string> tokens_seen;
  for (std::size_t call = 0; call < HowMany() / kBatch; ++call) {
    std::vector<std::string> pans;
    std::vector<absl::StatusOr<CardData>> cards;
    while (pans.size() < kBatch) {
      const std::size_t lengths = family.longest_card - family.shortest_card + 1;
      std::string pan = random.Next(family.shortest_card + random.Below(lengths));
      // Where the profiles' own issued ranges are.
      if (pan.starts_with("9999") || !cards_seen.insert(pan).second) continue;
      // For which tokens of that family have no place.
      const bool number_alone = profile.family == Family::kFf1;
      cards.push_back(number_alone ? Card(pan, "", "") : Card(pan));
      pans.push_back(std::move(pan));
    }
    auto tokens = service_.Tokenize(std::move(cards), family.profile).value();
    for (std::size_t i = 0; i < kBatch; ++i) {
      ASSERT_OK(tokens[i]);
      const std::string& token = tokens[i]->token;
      const std::string& pan = pans[i];
      ASSERT_TRUE(tokens_seen.insert(token).second) << token;
      ASSERT_EQ(Pan::Parse(crypto::AsBytes(token)).ok(), family.is_card_number) << token;
      ASSERT_EQ(profile.emv.range.Contains(token), family.is_card_number) << token;
      ASSERT_TRUE(token.starts_with(pan.substr(0, family.first))) << token;
      ASSERT_TRUE(token.ends_with(pan.substr(pan.size() - family.last))) << token;
      if (!tokens[i]->token.starts_with("tok_")) tokens[i]->profile = family.profile;
    }
    const auto opened = service_.Detokenize(std::move(tokens)).value();
    for (std::size_t i = 0; i < kBatch; ++i) {
      ASSERT_OK(opened[i]);
      ASSERT_EQ(crypto::AsText(opened[i]->full->pan.Expose(crypto::SecretAccess::kGranted)),
                pans[i]);
    }
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
