#include "crypto/kdf.h"

#include <string>

#include "crypto/known_answers.h"
#include "crypto/mac.h"
#include "gtest/gtest.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::KeyFromHex;

// RFC 5869 written with HMAC: extract under a key of zeros, expand by one block.
SecretKey<32> ByTheBook(const SecretKey<32>& key, std::string_view info) {
  const auto secret = [](const Sha256Digest& digest) {
    return SecretKey<32>::From(SecretBytes::CopyOf(digest)).value();
  };
  const auto zeros = SecretKey<32>::From(SecretBytes::Create(32)).value();
  const SecretKey<32> extracted =
      secret(HmacSha256::Create(zeros).value()->Compute(key.Expose(SecretAccess::kGranted)));
  return secret(HmacSha256::Create(extracted).value()->Compute(std::string(info) + '\1'));
}

TEST(KdfTest, DerivedKeysAreHkdfWithAnEmptySalt) {
  for (const std::string info : {"", "keysvc.v1.use", "another use"}) {
    EXPECT_TRUE(DeriveKey(KeyFromHex(known::kAesKey), info).value() ==
                ByTheBook(KeyFromHex(known::kAesKey), info))
        << info;
  }
}

TEST(KdfTest, EachUseHasItsOwnKey) {
  const SecretKey<32> a = DeriveKey(KeyFromHex(known::kAesKey), "a").value();
  EXPECT_FALSE(a == DeriveKey(KeyFromHex(known::kAesKey), "b").value());
  EXPECT_FALSE(a == DeriveKey(SecretKey<32>::Random().value(), "a").value());
  EXPECT_TRUE(a == DeriveKey(KeyFromHex(known::kAesKey), "a").value());
}

}  // namespace
}  // namespace keysvc::crypto
