#include "crypto/secret_bytes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "crypto/secret_key.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::IsOk;

SecretBytes Of(std::string_view text) { return SecretBytes::CopyOf(AsBytes(text)).value(); }
std::string Read(const SecretBytes& secret) {
  return std::string(AsText(secret.Expose(SecretAccess::kGranted)));
}

TEST(SecretBytesTest, ANewSecretIsZero) {
  EXPECT_EQ(Read(SecretBytes::Create(5).value()), std::string(5, '\0'));
}

TEST(SecretBytesTest, ACopyHoldsTheBytes) {
  EXPECT_EQ(Read(Of("secret")), "secret");
  EXPECT_TRUE(Of("").empty());
}

TEST(SecretBytesTest, MovingLeavesAnEmptySecretBehind) {
  SecretBytes from = Of("secret");
  SecretBytes to = std::move(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(Read(to), "secret");
  SecretBytes other = Of("other");
  other = std::move(to);
  EXPECT_EQ(Read(other), "secret");
}

TEST(SecretBytesTest, TheBytesAreWipedWhenTheSecretGoes) {
  const std::uint8_t* address = nullptr;
  {
    const SecretBytes secret = Of(std::string(64, 'x'));
    address = secret.Expose(SecretAccess::kGranted).data();
  }
  EXPECT_TRUE(std::all_of(address + sizeof(void*), address + 64, [](auto b) { return b == 0; }));
}

TEST(SecretBytesTest, TruncatingWipesTheRest) {
  SecretBytes secret = Of("secretrest");
  const std::uint8_t* address = secret.Expose(SecretAccess::kGranted).data();
  secret.Truncate(6);
  EXPECT_EQ(Read(secret), "secret");
  EXPECT_TRUE(std::all_of(address + 6, address + 10, [](auto b) { return b == 0; }));
  secret.Truncate(100);
  EXPECT_EQ(secret.size(), 6u);
}

TEST(SecretBytesTest, SecretsAreEqualWhenTheirBytesAre) {
  EXPECT_TRUE(Of("abc") == Of("abc"));
  EXPECT_FALSE(Of("abc") == Of("abd"));
  EXPECT_FALSE(Of("abc") == Of("abcd"));
  EXPECT_TRUE(Of("") == SecretBytes());
}

TEST(SecretBytesTest, RandomSecretsDiffer) {
  EXPECT_FALSE(SecretBytes::Random(16).value() == SecretBytes::Random(16).value());
}

TEST(SecretBytesTest, TheLargestSecretIs64KiB) {
  EXPECT_OK(SecretBytes::Create(64 << 10));
  EXPECT_THAT(SecretBytes::Create((64 << 10) + 1), HasReason(Reason::kLockedMemory));
}

TEST(SecretKeyTest, OnlyTheRightLengthIsAKey) {
  EXPECT_THAT(SecretKey<32>::From(SecretBytes::Random(32)), IsOk());
  EXPECT_THAT(SecretKey<32>::From(SecretBytes::Random(31)), HasReason(Reason::kInternal));
  EXPECT_THAT(SecretKey<32>::From(SecretBytes()), HasReason(Reason::kInternal));
}

}  // namespace
}  // namespace keysvc::crypto
