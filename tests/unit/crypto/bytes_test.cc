#include "crypto/bytes.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace keysvc::crypto {
namespace {

bool Equal(std::string_view a, std::string_view b) {
  return EqualInConstantTime(AsBytes(a), AsBytes(b));
}

TEST(BytesTest, OnlyTheSameBytesAreEqual) {
  EXPECT_TRUE(Equal("", ""));
  EXPECT_TRUE(Equal("abc", "abc"));
  EXPECT_FALSE(Equal("abc", "ab"));
  EXPECT_FALSE(Equal("", "a"));
  const std::string text(40, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = 'b';
    EXPECT_FALSE(Equal(text, other)) << i;
  }
}

TEST(BytesTest, BytesAndTextAreViewsOfTheSameMemory) {
  const std::string text = "abc";
  EXPECT_EQ(AsText(AsBytes(text)), text);
  EXPECT_EQ(AsText(AsBytes(text)).data(), text.data());
}

TEST(BytesTest, WipedTextIsGoneFromItsMemory) {
  std::string text(100, 'x');
  const char* memory = text.data();
  Wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.data(), memory);
  EXPECT_EQ(std::count(memory, memory + 100, 'x'), 0);
}

}  // namespace
}  // namespace keysvc::crypto
