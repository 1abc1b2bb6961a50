#include "http/query_parameter.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::http {
namespace {

using keysvc::testing::HasReason;

std::string Value(const char* query, const char* name) {
  const auto value = QueryParameterOf(query, name);
  return value.ok() ? *value : "none";
}

// The examples of RFC 9421 section 2.2.8.
TEST(QueryParameterTest, ValuesAreDecodedAndEncodedAgain) {
  constexpr char kFirst[] = "param=value&foo=bar&baz=batman&qux=";
  EXPECT_EQ(Value(kFirst, "baz"), "batman");
  EXPECT_EQ(Value(kFirst, "qux"), "");
  EXPECT_EQ(Value(kFirst, "param"), "value");
  constexpr char kSecond[] =
      "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace"
      "&fa%C3%A7ade%22%3A%20=something";
  EXPECT_EQ(Value(kSecond, "var"), "this%20is%20a%20big%0Amultiline%20value");
  EXPECT_EQ(Value(kSecond, "bar"), "with%20plus%20whitespace");
  EXPECT_EQ(Value(kSecond, "fa%C3%A7ade%22%3A%20"), "something");
}

TEST(QueryParameterTest, FormsOfOneValueAreOne) {
  EXPECT_EQ(Value("a=%7e%2D~-", "a"), "%7E-%7E-");
  EXPECT_EQ(Value("%61=1", "a"), "1");
  EXPECT_EQ(Value("a=100%&b=%4", "a"), "100%25");
  EXPECT_EQ(Value("a=100%&b=%4", "b"), "%254");
  EXPECT_EQ(Value("a", "a"), "");
  EXPECT_EQ(Value("&&a=b=c&", "a"), "b%3Dc");
}

TEST(QueryParameterTest, WhatIsNotThereOnceCannotBeCovered) {
  for (const char* query : {"", "b=1", "a=1&a=1", "a=1&%61=2", "A=1"}) {
    EXPECT_THAT(QueryParameterOf(query, "a"), HasReason(Reason::kFieldInvalid)) << query;
  }
}

TEST(QueryParameterTest, ANameHasOneForm) {
  EXPECT_EQ(QueryParameterNameOf(QueryParameterComponent("Pet")), "Pet");
  EXPECT_EQ(QueryParameterNameOf(R"(@query-param;name="a%20b")"), "a%20b");
  for (const char* other :
       {"@query-param", R"(@query-param;name="")", R"(@query-param;name="a b")",
        R"(@query-param;name="a+b")", R"(@query-param;name="%61")", R"(@query-param;name="%c3")",
        R"(@query-param;name="a";req)", R"(@query-param;name=a)", R"(@query;name="a")", "date"}) {
    EXPECT_EQ(QueryParameterNameOf(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace keysvc::http
