#include "crypto/digest.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::ToHex;

// FIPS 180-4 examples.
TEST(DigestTest, Sha256GivesThePublishedDigests) {
  EXPECT_EQ(ToHex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(DigestTest, PartsAreJoinedWithoutSeparator) {
  EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256("abc"));
  EXPECT_EQ(Sha256({}), Sha256(""));
}

}  // namespace
}  // namespace keysvc::crypto
