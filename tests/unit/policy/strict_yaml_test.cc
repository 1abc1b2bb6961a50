#include "policy/strict_yaml.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string FaultOf(std::string_view text) {
  const absl::StatusOr<YamlNode> node = YamlNode::Parse(text, "f.yaml", Reason::kConfigInvalid);
  EXPECT_THAT(node, keysvc::testing::HasReason(Reason::kConfigInvalid)) << text;
  return std::string(node.status().message());
}

YamlNode Parsed(std::string_view text) {
  absl::StatusOr<YamlNode> node = YamlNode::Parse(text, "f.yaml", Reason::kConfigInvalid);
  EXPECT_OK(node);
  return *node;
}

YamlNode ValueOf(std::string_view scalar) { return *Parsed("v: " + std::string(scalar)).Get("v"); }

TEST(StrictYamlTest, ReadsMappingsListsAndScalars) {
  const YamlNode root = Parsed("name: 'a b'\ncount: 12\nflag: true\nlist: [x, \"y\"]\n");
  ASSERT_OK(root.RequireKeys({"name", "count", "flag", "list", "more"}));
  EXPECT_EQ(*root.Get("name")->AsString(), "a b");
  EXPECT_EQ(*root.Get("count")->AsInteger(0, 100), 12);
  EXPECT_EQ(*root.Get("flag")->AsBool(), true);
  EXPECT_THAT(*root.Get("list")->AsStrings(), ElementsAre("x", "y"));
  EXPECT_FALSE(root.Find("more").has_value());
}

TEST(StrictYamlTest, EveryFaultSaysWhereItIs) {
  EXPECT_EQ(FaultOf(""), "f.yaml:1:1: the file is empty");
  EXPECT_EQ(FaultOf("# nothing\n"), "f.yaml:1:1: the file is empty");
  EXPECT_EQ(FaultOf("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: duplicate key \"a\"");
  EXPECT_EQ(FaultOf("x: [{k: 1, k: 2}]\n"), "f.yaml:1:12: duplicate key \"k\"");
  EXPECT_EQ(FaultOf("a: &here 1\n"), "f.yaml:1:4: anchors are not allowed");
  EXPECT_EQ(FaultOf("a: &here 1\nb: *here\n"), "f.yaml:1:4: anchors are not allowed");
  EXPECT_EQ(FaultOf("a: !!int 1\n"), "f.yaml:1:4: tags are not allowed");
  EXPECT_EQ(FaultOf("a: !secret {b: 1}\n"), "f.yaml:1:4: tags are not allowed");
  EXPECT_EQ(FaultOf("a: 1\n---\nb: 2\n"), "f.yaml:2:1: only one document is allowed");
  EXPECT_EQ(FaultOf("? [a, b]\n: 1\n"), "f.yaml:1:3: a key must be a word");
  EXPECT_EQ(FaultOf("a: [1, 2\n"), "f.yaml:3:1: not YAML: end of sequence flow not found");
  EXPECT_EQ(FaultOf("a: 1\n\tb: 2\n"),
            "f.yaml:2:1: not YAML: illegal tab when looking for indentation");
}

TEST(StrictYamlTest, WhatOtherReadersWouldNotSeeIsRefused) {
  // Byte 4 ends the file for yaml-cpp, so that the second line would vanish.
  EXPECT_EQ(FaultOf(std::string_view("a: 1\n\x04\nb: 2\n")),
            "f.yaml:2:1: control characters are not allowed");
  EXPECT_EQ(FaultOf(std::string_view("a: x\0y\n", 7)),
            "f.yaml:1:5: control characters are not allowed");
  EXPECT_EQ(FaultOf(std::string_view("\xff\xfe\x61\x00", 4)),
            "f.yaml:1:1: control characters are not allowed");
}

TEST(StrictYamlTest, AHugeOrBottomlessFileIsRefused) {
  EXPECT_EQ(FaultOf(std::string((1 << 20) + 1, ' ')), "f.yaml:1:1: the file is larger than 1 MiB");
  EXPECT_THAT(FaultOf(std::string(40, '[') + std::string(40, ']')), HasSubstr("nested too deeply"));
  EXPECT_THAT(FaultOf(std::string(100000, '[')), HasSubstr("not YAML"));
}

TEST(StrictYamlTest, AnUnknownKeyIsNamedButAValueInItsPlaceIsNot) {
  EXPECT_EQ(Parsed("good: 1\nwrong: 2\n").RequireKeys({"good"}).message(),
            "f.yaml:2:1: unknown key \"wrong\"");
  EXPECT_EQ(Parsed("4111111111111111: 2\n").RequireKeys({"good"}).message(),
            "f.yaml:1:1: unknown key");
  EXPECT_EQ(Parsed("[a]\n").RequireKeys({"good"}).message(), "f.yaml:1:1: a mapping is expected");
}

TEST(StrictYamlTest, AMissingKeyIsNamed) {
  EXPECT_EQ(Parsed("\nlist:\n  - a: 1\n").Get("list")->Items()->at(0).Get("b").status().message(),
            "f.yaml:3:5: the key \"b\" is missing");
}

TEST(StrictYamlTest, IntegersAreDecimalOnly) {
  EXPECT_EQ(*ValueOf("0").AsInteger(0, 9), 0);
  EXPECT_EQ(*ValueOf("-7").AsInteger(-9, 9), -7);
  constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(*ValueOf("9223372036854775807").AsInteger(kLow, kHigh), kHigh);
  for (const char* wrong :
       {"010", "00", "-0", "-01", "0x10", "0o10", "1_000", "1.0", "1e3", "+1", "12a", "'12'",
        "\"12\"", "ten", "[1]", "{a: 1}", "~", "''", "9223372036854775808"}) {
    EXPECT_EQ(ValueOf(wrong).AsInteger(kLow, kHigh).status().message(),
              "f.yaml:1:4: a decimal number is expected")
        << wrong;
  }
  EXPECT_EQ(ValueOf("10").AsInteger(1, 9).status().message(),
            "f.yaml:1:4: a number from 1 to 9 is expected");
}

TEST(StrictYamlTest, BooleansAreTrueOrFalse) {
  EXPECT_EQ(*ValueOf("false").AsBool(), false);
  for (const char* wrong : {"yes", "no", "on", "True", "1", "'true'", "~"}) {
    EXPECT_EQ(ValueOf(wrong).AsBool().status().message(), "f.yaml:1:4: true or false is expected")
        << wrong;
  }
}

TEST(StrictYamlTest, StringsAreNeverEmpty) {
  for (const char* wrong : {"", "~", "null", "''", "[]", "{}"}) {
    EXPECT_THAT(ValueOf(wrong).AsString(), Not(keysvc::testing::IsOk())) << wrong;
  }
  EXPECT_EQ(ValueOf("[a, ~]").AsStrings().status().message(), "f.yaml:1:8: a word is expected");
  EXPECT_EQ(ValueOf("a").AsStrings().status().message(), "f.yaml:1:4: a list is expected");
}

TEST(StrictYamlTest, NoFaultQuotesAValue) {
  for (const std::string& text :
       std::vector<std::string>{"pin: \"\\Z\"\n", "pin: \"\\xZZ\"\n", "pin: [ZZ\n", "pin: \"ZZ\n",
                                "pin: *ZZ\n", "pin: !ZZ x\n", "4ZZ: 1\n4ZZ: 2\n"}) {
    EXPECT_THAT(FaultOf(text), Not(HasSubstr("Z"))) << text;
  }
}

}  // namespace
}  // namespace keysvc::policy
