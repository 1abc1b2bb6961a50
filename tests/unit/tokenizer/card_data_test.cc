#include "tokenizer/card_data.h"

#include <string>
#include <string_view>
#include <utility>

#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using crypto::SecretAccess;
using keysvc::testing::HasReason;

constexpr std::string_view kPan = "4111111111111111";

absl::StatusOr<CardData> Parse(std::string_view pan, std::string_view expiry,
                               std::string_view name) {
  return CardData::Parse(crypto::AsBytes(pan), expiry, crypto::AsBytes(name));
}

absl::StatusOr<CardData> Decode(std::string_view bytes) {
  auto sealed = DecodeCardData(*crypto::SecretBytes::CopyOf(crypto::AsBytes(bytes)));
  if (!sealed.ok()) return sealed.status();
  return std::move(sealed->card);
}

std::string Encode(const CardData& card, const TokenTerms& terms = {}) {
  return std::string(crypto::AsText(EncodeCardData(card, terms)->Expose(SecretAccess::kGranted)));
}

std::string FromHex(std::string_view hex) { return crypto::known::Bytes(hex); }

TEST(ExpiryTest, MonthsOfThisCenturyAreRead) {
  EXPECT_EQ(*Expiry::Parse("2000-01"), (Expiry{2000, 1}));
  EXPECT_EQ(*Expiry::Parse("2099-12"), (Expiry{2099, 12}));
  EXPECT_EQ(Expiry::Parse("2030-07")->ToString(), "2030-07");
}

TEST(ExpiryTest, EverythingElseIsRefusedWithoutAnEcho) {
  for (const char* wrong :
       {"", "2030-00", "2030-13", "1999-12", "2100-01", "2030-7", "30-07", "07/30", "2030/07",
        "2030-07 ", " 2030-07", "2030-07-01", "203a-07", "+203-07", "2030--7"}) {
    const absl::StatusOr<Expiry> expiry = Expiry::Parse(wrong);
    EXPECT_THAT(expiry, HasReason(Reason::kExpiryInvalid)) << wrong;
    EXPECT_EQ(FieldOf(expiry.status()), "card.expiry");
    EXPECT_EQ(expiry.status().message(), "an expiry is YYYY-MM, from 2000-01 to 2099-12");
  }
}

TEST(CardDataTest, ExpiryAndNameMayBeLeftOut) {
  const absl::StatusOr<CardData> card = Parse(kPan, "", "");
  ASSERT_OK(card);
  EXPECT_FALSE(card->expiry.has_value());
  EXPECT_TRUE(card->cardholder_name.empty());
}

TEST(CardDataTest, NamesOfPeopleAreTaken) {
  for (const std::string& name :
       {std::string("Ada Lovelace"), std::string("Søren Kierkegaard-Ångström"),
        std::string("山田 太郎"), std::string("O'Neill, 3rd"), std::string("\U0001F600"),
        std::string(128, 'x'), std::string("Unit 12 of 34"), std::string("Decade Facade Abbe")}) {
    EXPECT_OK(Parse(kPan, "", name)) << name;
  }
}

TEST(CardDataTest, ANameThatIsNoneIsRefusedWithoutAnEcho) {
  for (const std::string& name :
       {std::string(129, 'a'), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xc2\x85"),          // a control character beyond ASCII
        std::string("\xc0\xaf"),          // overlong
        std::string("\xe0\x80\xaf"),      // overlong
        std::string("\xf0\x80\x80\xaf"),  // overlong
        std::string("\xed\xa0\x80"),      // a surrogate
        std::string("\xf4\x90\x80\x80"),  // beyond the last code point
        std::string("\xf5\x80\x80\x80"), std::string("\xff"), std::string("\x80"),
        std::string("abc\xe5\xb1"),  // cut off
        std::string("\xe5\x41\x41"), std::string("4111111111111111"),
        std::string("Ada 4111 1111 1111 1111"), std::string("4111-1111-1111-1111 Ada"),
        std::string("3782.822463.10005"), std::string("%B4111^ADA"), std::string(";41=30"),
        std::string("ADA^L"),
        // Verification codes.
        std::string("CVV 123"), std::string("Ada 1234"), std::string("007"),
        // PIN blocks (ISO 9564-1), as hexadecimal.
        std::string("041226CBA98FEDCB"), std::string("a1b2c3d4e5f6a1b2"),
        std::string("Ada ABCDEFABCDEFABCD")}) {
    const absl::StatusOr<CardData> card = Parse(kPan, "", name);
    EXPECT_THAT(card, HasReason(Reason::kFieldInvalid)) << name;
    EXPECT_EQ(FieldOf(card.status()), "card.cardholder_name");
    EXPECT_EQ(card.status().message(),
              "a cardholder name is at most 128 bytes of UTF-8, without control characters and "
              "card data");
  }
}

TEST(CardDataTest, TheEncodingStaysAsItIs) {
  const std::string full =
      FromHex("01000000103431313131313131313131313131313107ee0c00000003416461");
  const std::string least = FromHex("010000000f33373832383232343633313030303500000000000000");
  EXPECT_EQ(Encode(*Parse(kPan, "2030-12", "Ada")), full);
  EXPECT_EQ(Encode(*Parse("378282246310005", "", "")), least);

  const absl::StatusOr<CardData> card = Decode(full);
  ASSERT_OK(card);
  EXPECT_EQ(crypto::AsText(card->pan.Expose(SecretAccess::kGranted)), kPan);
  EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
  EXPECT_EQ(crypto::AsText(card->cardholder_name.Expose(SecretAccess::kGranted)), "Ada");
  const absl::StatusOr<CardData> other = Decode(least);
  ASSERT_OK(other);
  EXPECT_FALSE(other->expiry.has_value());
  EXPECT_TRUE(other->cardholder_name.empty());
}

TEST(CardDataTest, TheEncodingWithTermsStaysAsItIs) {
  const TokenTerms terms{
      .domain = {.channel = "web", .merchant = "m-17", .amounts = AmountBand{"EUR", 100, 50'000}},
      .account_reference = "ACMEPA"};
  const std::string full = FromHex(
      "02000000103431313131313131313131313131313107ee0c00000003416461"
      "00000003776562000000046d2d3137000000034555520000000000000064000000000000c350"
      "0000000641434d455041");
  const std::string least = FromHex(
      "020000000f33373832383232343633313030303500000000000000"
      "0000000377656200000000000000000000000000000000000000000000000000000000");
  EXPECT_EQ(Encode(*Parse(kPan, "2030-12", "Ada"), terms), full);
  EXPECT_EQ(Encode(*Parse("378282246310005", "", ""), {.domain = {.channel = "web"}}), least);
  const absl::StatusOr<SealedCard> opened =
      DecodeCardData(*crypto::SecretBytes::CopyOf(crypto::AsBytes(full)));
  ASSERT_OK(opened);
  EXPECT_EQ(opened->terms.domain, terms.domain);
  EXPECT_EQ(opened->terms.account_reference, terms.account_reference);
  EXPECT_EQ(opened->card.expiry, (Expiry{2030, 12}));
  for (std::size_t size = 0; size < full.size(); ++size) {
    EXPECT_THAT(Decode(full.substr(0, size)), HasReason(Reason::kIntegrityFailure)) << size;
  }
  EXPECT_THAT(Decode(full + "x"), HasReason(Reason::kIntegrityFailure));
  // Terms that say nothing are never written, nor channels that are none.
  std::string changed = least;
  changed[least.find("web")] = 'W';
  EXPECT_THAT(Decode(changed), HasReason(Reason::kIntegrityFailure));
  changed = least;
  changed.erase(least.find("web") - 1, 4).insert(least.find("web") - 1, 1, '\0');
  EXPECT_THAT(Decode(changed), HasReason(Reason::kIntegrityFailure));
}

// It was taken when it was stored.
TEST(CardDataTest, AStoredNameThatWouldNowBeRefusedIsRead) {
  std::string stored = Encode(*Parse(kPan, "2030-12", "Ada"));
  stored.replace(stored.size() - 3, 3, "123");
  const absl::StatusOr<CardData> card = Decode(stored);
  ASSERT_OK(card);
  EXPECT_EQ(crypto::AsText(card->cardholder_name.Expose(SecretAccess::kGranted)), "123");
}

TEST(CardDataTest, WhatWasNotEncodedHereIsNotDecoded) {
  const std::string good = Encode(*Parse(kPan, "2030-12", "Ada"));
  EXPECT_THAT(Decode(""), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Decode(good + "x"), HasReason(Reason::kIntegrityFailure));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(Decode(good.substr(0, size)), HasReason(Reason::kIntegrityFailure)) << size;
  }
  const std::size_t pan = 5;
  const std::size_t year = 21;
  const std::size_t month = 23;
  for (const auto& [at, byte] :
       {std::pair(std::size_t{0}, '\x02'), std::pair(pan, '5'), std::pair(pan, 'x'),
        std::pair(year, '\x00'), std::pair(month, '\x00'), std::pair(month, '\x0d')}) {
    std::string changed = good;
    changed[at] = byte;
    EXPECT_THAT(Decode(changed), HasReason(Reason::kIntegrityFailure)) << at;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
