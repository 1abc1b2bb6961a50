#include "policy/name.h"

#include <string>

#include "gtest/gtest.h"

namespace keysvc::policy {
namespace {

TEST(NameTest, LowerCaseLettersDigitsAndDashesMakeAName) {
  for (const char* name : {"a", "acme", "acme-2", "a--", "x12345678901"}) {
    EXPECT_TRUE(IsName(name)) << name;
  }
  EXPECT_TRUE(IsName(std::string(63, 'a')));
  EXPECT_FALSE(IsName(std::string(64, 'a')));
  for (const char* name : {"", "1a", "-a", "Acme", "a_b", "a.b", "a/b", "a b", "a\n", "*"}) {
    EXPECT_FALSE(IsName(name)) << name;
  }
}

TEST(NameTest, NoCardNumberHidesInAName) {
  for (const char* name : {"x123456789012", "c4111111111111111", "c-4111-1111-1111-1111"}) {
    EXPECT_FALSE(IsName(name)) << name;
  }
}

}  // namespace
}  // namespace keysvc::policy
