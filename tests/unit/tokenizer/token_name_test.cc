#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

TEST(TokenNameTest, IsReadToTheLetter) {
  const auto name = TokenName::Parse("tenants/acme/tokens/tok_x");
  ASSERT_OK(name);
  EXPECT_EQ(name->tenant, "acme");
  EXPECT_EQ(name->token, "tok_x");
  EXPECT_EQ(name->ToString(), "tenants/acme/tokens/tok_x");
  for (const char* wrong :
       {"", "tok_x", "tenants/acme/tokens/", "tenants//tokens/tok_x", "tenants/acme/tokens",
        "tenants/acme/tokens/a/b", "/tenants/acme/tokens/tok_x", "tenants/a/b/tokens/tok_x",
        "tenants/acme/keys/tok_x", "tenants/acme/tokens/tok_x/"}) {
    EXPECT_THAT(TokenName::Parse(wrong), HasReason(Reason::kFieldInvalid)) << wrong;
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
