#include "http/content_digest.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::http {
namespace {

using keysvc::testing::HasReason;

// RFC 9530 appendix B.1.
constexpr char kBody[] = "{\"hello\": \"world\"}\n";
constexpr char kDigest[] = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

TEST(ContentDigestTest, IsTheOneOfRfc9530) {
  EXPECT_EQ(ContentDigest(kBody), kDigest);
  EXPECT_TRUE(*IsDigestOf(kDigest, kBody));
  EXPECT_FALSE(*IsDigestOf(kDigest, "{\"hello\": \"world\"}"));
}

TEST(ContentDigestTest, OtherDigestsBesideItDoNotMatter) {
  EXPECT_TRUE(*IsDigestOf(std::string("sha-512=:YQ==:, ") + kDigest, kBody));
  EXPECT_THAT(IsDigestOf("sha-512=:YQ==:", kBody), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(IsDigestOf("", kBody), HasReason(Reason::kFieldInvalid));
}

}  // namespace
}  // namespace keysvc::http
