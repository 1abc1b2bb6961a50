#include "crypto/canonical.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::ToHex;

std::string Example() {
  CanonicalWriter writer;
  writer.U8(0x01).U16(0x0203).U32(0x04050607).U64(0x08090a0b0c0d0e0f).Bytes("ab").Bytes("");
  return writer.Take();
}

// Written by the first release; every later one reads it.
TEST(CanonicalTest, TheEncodingIsBigEndianWithLengths) {
  EXPECT_EQ(ToHex(Example()), "0102030405060708090a0b0c0d0e0f00000002616200000000");
}

TEST(CanonicalTest, WhatIsWrittenIsRead) {
  const std::string bytes = Example();
  CanonicalReader reader(bytes);
  EXPECT_EQ(reader.U8().value(), 0x01);
  EXPECT_EQ(reader.U16().value(), 0x0203);
  EXPECT_EQ(reader.U32().value(), 0x04050607u);
  EXPECT_EQ(reader.U64().value(), 0x08090a0b0c0d0e0fu);
  EXPECT_EQ(reader.Bytes().value(), "ab");
  EXPECT_EQ(reader.Bytes().value(), "");
  EXPECT_OK(reader.Finish());
}

TEST(CanonicalTest, TheLargestValuesSurvive) {
  CanonicalWriter writer;
  const std::string bytes = writer.U8(0xff).U16(0xffff).U32(~0u).U64(~std::uint64_t{0}).Take();
  CanonicalReader reader(bytes);
  EXPECT_EQ(reader.U8().value(), 0xff);
  EXPECT_EQ(reader.U16().value(), 0xffff);
  EXPECT_EQ(reader.U32().value(), ~0u);
  EXPECT_EQ(reader.U64().value(), ~std::uint64_t{0});
}

TEST(CanonicalTest, BytesThatEndTooEarlyAreRefused) {
  const auto integrity = HasReason(Reason::kIntegrityFailure);
  EXPECT_THAT(CanonicalReader("").U8(), integrity);
  EXPECT_THAT(CanonicalReader("a").U16(), integrity);
  EXPECT_THAT(CanonicalReader("abc").U32(), integrity);
  EXPECT_THAT(CanonicalReader("abcdefg").U64(), integrity);
  EXPECT_THAT(CanonicalReader("abc").Bytes(), integrity);
  EXPECT_THAT(CanonicalReader(std::string("\0\0\0\2a", 5)).Bytes(), integrity);
  EXPECT_THAT(CanonicalReader("\xff\xff\xff\xff").Bytes(), integrity);
}

TEST(CanonicalTest, BytesLeftOverAreRefused) {
  CanonicalReader reader("ab");
  ASSERT_OK(reader.U8());
  EXPECT_THAT(reader.Finish(), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::crypto
