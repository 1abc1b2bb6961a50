#include "tokenizer/account_reference.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::LiteralKey;

std::unique_ptr<crypto::HmacSha256> KeyNamed(std::string_view name) {
  return crypto::HmacSha256::Create(LiteralKey(name)).value();
}

// Golden, computed with an independent implementation: references lie in callers' databases.
TEST(AccountReferenceTest, TheseCardsHaveTheseReferences) {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const auto key =
      crypto::HmacSha256::Create(*crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes)))
          .value();
  EXPECT_EQ(AccountReferenceOf(PanOf("4111111111111111"), "ACME", *key),
            "ACMEAGCCCEBCABDICKEFJBCPLCCIC");
  EXPECT_EQ(AccountReferenceOf(PanOf("6205500000000000004"), "K7X2", *key),
            "K7X2BHGKINKCMKOPDBDEIPHLIFEMJ");
}

TEST(AccountReferenceTest, TheKeyDecidesAndTheIssuerIsInFront) {
  const std::string reference =
      AccountReferenceOf(PanOf("4111111111111111"), "ACME", *KeyNamed("a"));
  EXPECT_NE(AccountReferenceOf(PanOf("4111111111111111"), "ACME", *KeyNamed("b")).substr(4),
            reference.substr(4));
  EXPECT_EQ(AccountReferenceOf(PanOf("4111111111111111"), "0000", *KeyNamed("a")),
            "0000" + reference.substr(4));
}

TEST(AccountReferenceTest, RandomCardsHaveReferencesOfTheirOwnWithNoDigitBehindTheIssuer) {
#ifdef NDEBUG
  constexpr std::size_t kCards = 200'000;
#else
  constexpr std::size_t kCards = 5'000;
#endif
  RandomCards random;
  SCOPED_TRACE(random.seed());
  const auto key = KeyNamed("key");
  std::unordered_set<std::string> cards;
  std::unordered_set<std::string> references;
  while (cards.size() < kCards) {
    const std::string card = random.Next(12 + random.Below(8));
    if (!cards.insert(card).second) continue;
    const std::string reference = AccountReferenceOf(PanOf(card), "4111", *key);
    ASSERT_TRUE(references.insert(reference).second) << reference;
    ASSERT_EQ(reference.size(), 29U);
    ASSERT_TRUE(std::all_of(reference.begin() + 4, reference.end(), [](char c) {
      return c >= 'A' && c <= 'P';
    })) << reference;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
