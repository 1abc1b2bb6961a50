#include "http/content_digest.h"

#include <string>

#include "crypto/digest.h"
#include "gtest/gtest.h"
#include "http/signature_input.h"
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

TEST(ContentDigestTest, ADigestBySha512IsComparedToo) {
  // RFC 9421 appendix B.2.
  const std::string digest =
      "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXv"
      "Jwew==:";
  EXPECT_TRUE(*IsDigestOf(digest, "{\"hello\": \"world\"}"));
  EXPECT_FALSE(*IsDigestOf(digest, kBody));
}

TEST(ContentDigestTest, EveryDigestThatIsKnownHasToBeRight) {
  const std::string sha512 =
      "sha-512=" + ByteSequence(crypto::HashOf(crypto::HashAlgorithm::kSha512, kBody));
  const std::string sha256 = kDigest;
  EXPECT_TRUE(*IsDigestOf(sha256 + ", " + sha512, kBody));
  EXPECT_TRUE(*IsDigestOf(sha512 + ", " + sha256, kBody));
  EXPECT_FALSE(*IsDigestOf(sha256 + ", sha-512=:YQ==:", kBody));
  EXPECT_FALSE(*IsDigestOf("sha-512=:YQ==:, " + sha256, kBody));
  EXPECT_FALSE(*IsDigestOf("sha-256=:YQ==:, " + sha512, kBody));
}

TEST(ContentDigestTest, OthersDoNotMatterAndAreNotEnough) {
  EXPECT_TRUE(*IsDigestOf(std::string("md5=:YQ==:, ") + kDigest, kBody));
  EXPECT_THAT(IsDigestOf("md5=:YQ==:", kBody), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(IsDigestOf("", kBody), HasReason(Reason::kFieldInvalid));
}

}  // namespace
}  // namespace keysvc::http
