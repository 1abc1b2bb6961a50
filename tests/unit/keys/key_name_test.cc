#include "keysvc/keys/key_name.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;

TEST(KeyNameTest, ANameIsWrittenAsItIsRead) {
  const auto key = KeyName::Parse("tenants/acme/keys/webhook-2");
  ASSERT_OK(key);
  EXPECT_EQ(*key, (KeyName{"acme", "webhook-2"}));
  EXPECT_EQ(key->ToString(), "tenants/acme/keys/webhook-2");

  const auto version = KeyVersionName::Parse("tenants/acme/keys/webhook-2/versions/4294967295");
  ASSERT_OK(version);
  EXPECT_EQ(version->version, 4294967295u);
  EXPECT_EQ(version->ToString(), "tenants/acme/keys/webhook-2/versions/4294967295");
}

TEST(KeyNameTest, WhatIsNotExactlyANameIsRefused) {
  const std::string id64(64, 'a');
  for (const std::string& name :
       {std::string(), std::string("tenants/acme"), std::string("tenants/acme/keys"),
        std::string("tenants/acme/keys/"), std::string("tenants//keys/k"),
        std::string("tenants/acme/keys/k/"), std::string("tenants/acme/keys/k/versions/1"),
        std::string("/tenants/acme/keys/k"), std::string("tenant/acme/keys/k"),
        std::string("tenants/Acme/keys/k"), std::string("tenants/acme/keys/1k"),
        std::string("tenants/acme/keys/k_k"), std::string("tenants/-a/keys/k"),
        std::string("tenants/acme/keys/k\n"), std::string("tenants/acme/keys/k\0", 20),
        "tenants/acme/keys/" + id64, "tenants/" + id64 + "/keys/k"}) {
    const auto parsed = KeyName::Parse(name);
    EXPECT_THAT(parsed, HasReason(Reason::kFieldInvalid)) << name;
    EXPECT_EQ(FieldOf(parsed.status()), "name");
  }
  EXPECT_OK(KeyName::Parse("tenants/acme/keys/" + id64.substr(1)));
}

TEST(KeyNameTest, AVersionIsAPositiveNumberInItsOnlySpelling) {
  for (const char* number : {"", "0", "01", "+1", "-1", "1 ", "0x1", "4294967296", "1/", "1/2"}) {
    EXPECT_THAT(KeyVersionName::Parse(std::string("tenants/acme/keys/k/versions/") + number),
                HasReason(Reason::kFieldInvalid))
        << number;
  }
}

}  // namespace
}  // namespace keysvc::keys
