#include "cose/cbor_reader.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/known_answers.h"
#include "gtest/gtest.h"

namespace keysvc::cose {
namespace {

using Kind = CborReader::Kind;

std::string Hex(std::string_view digits) { return crypto::known::Bytes(digits); }

// RFC 8949 appendix A.
TEST(CborReaderTest, ItemsAreReadAsTheStandardPrintsThem) {
  const std::vector<std::pair<std::string, CborReader::Item>> items = {
      {"00", {Kind::kUnsigned, 0}},
      {"17", {Kind::kUnsigned, 23}},
      {"1818", {Kind::kUnsigned, 24}},
      {"1903e8", {Kind::kUnsigned, 1000}},
      {"1a000f4240", {Kind::kUnsigned, 1000000}},
      {"1bffffffffffffffff", {Kind::kUnsigned, 18446744073709551615U}},
      {"20", {Kind::kNegative, 0}},
      {"3863", {Kind::kNegative, 99}},
      {"3903e7", {Kind::kNegative, 999}},
      {"3bffffffffffffffff", {Kind::kNegative, 18446744073709551615U}},
      {"4401020304", {Kind::kBytes, 0, "\x01\x02\x03\x04"}},
      {"62c3bc", {Kind::kText, 0, "\xc3\xbc"}},
      {"80", {Kind::kArray, 0}},
      {"9a00010000", {Kind::kArray, 65536}},
      {"a2", {Kind::kMap, 2}},
      {"d2", {Kind::kTag, 18}},
      {"f6", {Kind::kNull, 0}},
      {"f5", {Kind::kOther, 0}},
      {"f93c00", {Kind::kOther, 0}},
      {"f97e00", {Kind::kOther, 0}},
      {"fb3ff199999999999a", {Kind::kOther, 0}},
  };
  for (const auto& [hex, expected] : items) {
    const std::string bytes = Hex(hex);
    CborReader reader(bytes);
    const auto item = reader.Next();
    ASSERT_TRUE(item.has_value()) << hex;
    EXPECT_EQ(item->kind, expected.kind) << hex;
    EXPECT_EQ(item->number, expected.number) << hex;
    EXPECT_EQ(item->text, expected.text) << hex;
    EXPECT_TRUE(reader.AtEnd()) << hex;
    EXPECT_FALSE(reader.Next().has_value()) << hex;
  }
}

// RFC 8949 appendix F, and lengths that nothing is behind.
TEST(CborReaderTest, WhatIsCutOffOrNotWellFormedIsNotRead) {
  for (const std::string_view hex : {"18", "19", "1a0102", "1b01020304050607", "38", "41", "4401",
                                     "5affffffff", "61", "7a10000000", "5bffffffffffffffff", "1c",
                                     "1d", "1e", "3c", "5c", "9d", "bd", "df", "fc", "f8", "fa0000",
                                     // Of indefinite length.
                                     "5f4100ff", "7f6100ff", "9fff", "bfff", "ff"}) {
    const std::string bytes = Hex(hex);
    CborReader reader(bytes);
    EXPECT_FALSE(reader.Next().has_value()) << hex;
    EXPECT_FALSE(CborReader(bytes).Skip()) << hex;
  }
}

TEST(CborReaderTest, SkippingLeavesOutAnItemWithAllThatIsInIt) {
  for (const std::string_view hex :
       {"01", "43010203", "83010203", "8201820203", "a10102", "a2018202030405", "d2d28101", "80",
        "a0", "f90000", "8181818100"}) {
    const std::string bytes = Hex(std::string(hex) + "1864");
    CborReader reader(bytes);
    EXPECT_TRUE(reader.Skip()) << hex;
    const auto next = reader.Next();
    ASSERT_TRUE(next.has_value()) << hex;
    EXPECT_EQ(next->number, 100U) << hex;
  }
}

TEST(CborReaderTest, NothingIsSkippedThatIsNotThere) {
  for (const std::string_view hex :
       {"8201", "a101", "a2010203", "d2", "9bffffffffffffffff00", "bbffffffffffffffff00",
        "bb800000000000000000", "81", "829bffffffffffffffff"}) {
    EXPECT_FALSE(CborReader(Hex(hex)).Skip()) << hex;
  }
}

// However deep it goes, no stack is used.
TEST(CborReaderTest, DeepNestingIsSkipped) {
  std::string deep(1 << 20, '\x81');
  deep.push_back('\x00');
  CborReader reader(deep);
  EXPECT_TRUE(reader.Skip());
  EXPECT_TRUE(reader.AtEnd());
}

}  // namespace
}  // namespace keysvc::cose
