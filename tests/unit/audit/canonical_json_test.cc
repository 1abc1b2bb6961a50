#include "audit/canonical_json.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace keysvc::audit {
namespace {

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(CanonicalJsonTest, OnlyWhatMustBeEscapedIs) {
  // RFC 8785 section 3.2.2.2.
  EXPECT_EQ(JsonString("plain / text"), "\"plain / text\"");
  EXPECT_EQ(JsonString("\"\\"), R"("\"\\")");
  EXPECT_EQ(JsonString("\b\t\n\f\r"), R"("\b\t\n\f\r")");
  EXPECT_EQ(JsonString(std::string_view("\x00\x0f\x1f", 3)), R"("\u0000\u000f\u001f")");
  EXPECT_EQ(JsonString("\x7f"), "\"\x7f\"");
  EXPECT_EQ(JsonString("\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xb6"),
            "\"\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xb6\"");
}

TEST(CanonicalJsonTest, WhatMustBeEscapedIsAtAnyPlaceOfALongText) {
  const std::pair<char, std::string_view> escapes[] = {
      {'"', R"(\")"}, {'\\', R"(\\)"}, {'\x1f', R"(\u001f)"}, {'\x80', "\xef\xbf\xbd"}};
  for (std::size_t size = 1; size <= 70; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const auto& [special, escaped] : escapes) {
        std::string text(size, 'a');
        text[at] = special;
        std::string expected(size, 'a');
        expected.replace(at, 1, escaped);
        EXPECT_EQ(JsonString(text), '"' + expected + '"') << size << " " << at;
      }
    }
  }
}

TEST(CanonicalJsonTest, WhatIsNotUtf8IsReplacedByteForByte) {
  const std::string_view replacement = "\xef\xbf\xbd";
  for (const std::string_view invalid : {"\x80", "\xff", "\xc0", "\xf5", "\xe2", "\xc3", "\xf0"}) {
    EXPECT_EQ(JsonString(std::string("a") + std::string(invalid) + "b"),
              "\"a" + std::string(replacement) + "b\"");
  }
  // An overlong '/', a surrogate, a code point beyond the last.
  EXPECT_EQ(JsonString("\xc0\xaf"),
            "\"" + std::string(replacement) + std::string(replacement) + "\"");
  for (const std::string_view invalid : {"\xe0\x80\xaf", "\xed\xa0\x80"}) {
    EXPECT_EQ(JsonString(invalid).size(), 2 + 3 * replacement.size());
  }
  EXPECT_EQ(JsonString("\xf4\x90\x80\x80").size(), 2 + 4 * replacement.size());
}

TEST(CanonicalJsonTest, AnObjectHasItsMembersWithoutSpaces) {
  JsonObject object;
  object.Raw("a", "1");
  object.OptionalText("b", "");
  object.Text("c", "");
  object.OptionalText("d", "x\"");
  EXPECT_EQ(object.Take(), R"({"a":1,"c":"","d":"x\""})");
  EXPECT_EQ(JsonObject().Take(), "{}");
}

}  // namespace
}  // namespace keysvc::audit
