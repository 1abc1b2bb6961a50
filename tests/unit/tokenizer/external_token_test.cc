#include "tokenizer/external_token.h"

#include <algorithm>
#include <set>
#include <string>

#include "crypto/random.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tokenizer/imported_token.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

CardData Visa() {
  return *CardData::Parse(crypto::AsBytes("4111111111111111"), "", crypto::AsBytes(""));
}

TEST(ExternalTokenTest, WhatOtherVaultsCallTheirTokensIsOne) {
  for (const char* token :
       {"26818785-547b-4b28-b0fa-531377e99f4e", "tok_26818785-547b-4b28-b0fa-531377e99f4e",
        "t-26818785-547b-4b28-b0fa-531377e99f4e", "00000000-0000-4000-8411-1111111111a1",
        "cus-4111111111111111000000000000000a", "4111111111111111000000000000000a",
        "tok_4111111111111111000000000000000a", "tok_sandbox_iyp8ooRXCDKPpeoW3zaVKz",
        "pm_1PQ8Z2abc", "TKN-0000-1111", "a.b_c-d1", "99999999", "4111111111111112",
        "4111-1111-1111-1112", "9234567890123456789"}) {
    EXPECT_TRUE(IsExternalToken(token)) << token;
  }
}

TEST(ExternalTokenTest, NothingIsOneThatMayBeACardNumber) {
  for (const char* token : {"4111111111111111",
                            "4111-1111-1111-1111",
                            "4111.1111.1111.1111",
                            "4111_111111111111",
                            "tok_4111111111111111",
                            "tok_4111111111111111_x",
                            "12345678901234567890",
                            "x123456789012345678901",
                            "41-11-11-11-11-11-11-11",
                            "-4111111111111111-",
                            "x4111-1111-1111-1111",
                            "4111111111111111-7",
                            "7-4111111111111111",
                            "1-4111-1111-1111-1111-7_a",
                            "visa_4111.1111.1111.1111",
                            "4111-1111-1111-1111-a",
                            "00000000-0000-0000-4111-111111111111",
                            "00000000-0000-4000-8411-111111111111",
                            "4111111111111111000000000000000000a",
                            "tok_4_4111111111111111000000000000000a",
                            "tok4111111111111111000000000000000a"}) {
    EXPECT_FALSE(IsExternalToken(token)) << token;
  }
}

TEST(ExternalTokenTest, NothingIsOneThatIsTooShortOrLongOrHasOtherCharacters) {
  for (const std::string& token :
       {std::string(), std::string(7, 'a'), std::string(65, 'a'), std::string("tok 12345678"),
        std::string("tok/12345678"), std::string("tok,12345678"), std::string("tok\"1234567"),
        std::string("tok_\xc3\xa9_12345"),
        std::string("tok_1234").append(1, '\0').append("5678")}) {
    EXPECT_FALSE(IsExternalToken(token)) << token;
  }
  EXPECT_TRUE(IsExternalToken(std::string(8, 'a')));
  EXPECT_TRUE(IsExternalToken(std::string(64, 'a')));
}

TEST(ExternalTokenTest, NoneLooksLikeAnOpaqueTokenOrHoldsTheNumberOfItsCard) {
  EXPECT_FALSE(IsExternalToken("tok_aeaaaaabtziirkdnfi3odl2o5rfzojg5du"));
  const Profile profile{"acme", "former", 1, true, Family::kExternal};
  EXPECT_OK(CheckImportedToken(profile, Visa(), "visa_1234"));
  for (const char* token : {"14111111111111111", "4111-1111-1111-1111-0", "4111a111111111111111",
                            "4111111111111111000000000000000a"}) {
    EXPECT_THAT(CheckImportedToken(profile, Visa(), token), HasReason(Reason::kFieldInvalid))
        << token;
  }
}

TEST(ExternalTokenTest, DrawnOnesAreAllOfTheFormAndAllDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = DrawExternalToken(crypto::FillRandom);
    EXPECT_EQ(token.size(), 30U);
    EXPECT_TRUE(token.starts_with("ext_"));
    EXPECT_TRUE(IsExternalToken(token));
    EXPECT_TRUE(seen.insert(token).second);
  }
}

TEST(ExternalTokenTest, ADrawThatLooksLikeACardNumberIsRepeated) {
  // Base32 of these bytes begins with seventeen times "2", whose Luhn sum is 0 modulo 10.
  int draws = 0;
  const std::string token = DrawExternalToken([&draws](std::span<std::uint8_t> out) {
    if (++draws > 1) return crypto::FillRandom(out);
    constexpr std::uint8_t kTwos[] = {0xd6, 0xb5, 0xad, 0x6b, 0x5a};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = i < 10 ? kTwos[i % 5] : 0;
    out[10] = 0xd0;
  });
  EXPECT_GE(draws, 2);
  EXPECT_TRUE(IsExternalToken(token));
}

TEST(ExternalTokenTest, ANumericTokenHasTheCardsLengthAndLastFourAndIsNoCardNumber) {
  const Profile profile{"acme", "numbers", 1, true, Family::kNumeric};
  EXPECT_OK(CheckImportedToken(profile, Visa(), "9999999999991111"));
  EXPECT_OK(CheckImportedToken(profile, Visa(), ""));
  for (const char* token : {"999999999991111", "9999999999991112", "4111111111111111",
                            "99999999999911a1", "tok_sandbox_iyp8"}) {
    const absl::Status refused = CheckImportedToken(profile, Visa(), token);
    EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid)) << token;
    EXPECT_EQ(FieldOf(refused), "token");
  }
}

TEST(ExternalTokenTest, OtherFamiliesTakeNoTokensOfOthers) {
  for (const Family family : {Family::kOpaque, Family::kEmv, Family::kFf1}) {
    const Profile profile{"acme", "cards", 1, true, family};
    EXPECT_OK(CheckImportedToken(profile, Visa(), ""));
    EXPECT_THAT(CheckImportedToken(profile, Visa(), "pm_1PQ8Z2abc"),
                HasReason(Reason::kFieldInvalid));
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
