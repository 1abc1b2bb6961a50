#include "tokenizer/card_fingerprint.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
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

// Golden, computed with an independent implementation: fingerprints lie in callers' databases.
TEST(CardFingerprintTest, TheseCardsHaveTheseFingerprints) {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const auto key =
      crypto::HmacSha256::Create(*crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes)))
          .value();
  EXPECT_EQ(FingerprintOfCard(PanOf("4111111111111111"), 7, *key),
            "fp_aeaaaaahayrcieqbhavelejpwiucrm7x3m");
  EXPECT_EQ(FingerprintOfCard(PanOf("6205500000000000004"), 1, *key),
            "fp_aeaaaaabc5vi3iwk54ytjd33qvgjaxex7a");
}

TEST(CardFingerprintTest, KeyAndVersionDecide) {
  const auto key = KeyNamed("key");
  const std::string fingerprint = FingerprintOfCard(PanOf("4111111111111111"), 1, *key);
  EXPECT_EQ(FingerprintOfCard(PanOf("4111111111111111"), 1, *key), fingerprint);
  EXPECT_NE(FingerprintOfCard(PanOf("4111111111111111"), 2, *key), fingerprint);
  const std::string other = FingerprintOfCard(PanOf("4111111111111111"), 1, *KeyNamed("other"));
  // Not only the part that names the version.
  EXPECT_NE(other.substr(12), fingerprint.substr(12));
}

TEST(CardFingerprintTest, RandomCardsHaveFingerprintsOfTheirOwnThatPassForNoCard) {
#ifdef NDEBUG
  constexpr std::size_t kCards = 200'000;
#else
  constexpr std::size_t kCards = 5'000;
#endif
  RandomCards random;
  SCOPED_TRACE(random.seed());
  const auto key = KeyNamed("key");
  std::unordered_set<std::string> cards;
  std::unordered_set<std::string> fingerprints;
  while (cards.size() < kCards) {
    const std::string card = random.Next(12 + random.Below(8));
    if (!cards.insert(card).second) continue;
    const std::string fingerprint = FingerprintOfCard(PanOf(card), 1, *key);
    ASSERT_TRUE(fingerprints.insert(fingerprint).second) << fingerprint;
    ASSERT_EQ(fingerprint.size(), 37U);
    ASSERT_TRUE(fingerprint.starts_with("fp_aeaaaaab")) << fingerprint;
    ASSERT_FALSE(PassesLuhn(crypto::AsBytes(fingerprint)));
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
