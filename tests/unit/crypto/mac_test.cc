#include "crypto/mac.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::FromHex;
using ::keysvc::testing::KeyFromHex;
using ::keysvc::testing::ToHex;

// RFC 4231 case 2; HMAC pads short keys with zeros, so "Jefe" and zeros are the same key.
const char kJefe[] = "4a65666500000000000000000000000000000000000000000000000000000000";
const char kMessage[] = "what do ya want for nothing?";
const char kTag[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

TEST(MacTest, HmacGivesThePublishedTag) {
  const auto mac = HmacSha256::Create(KeyFromHex(kJefe)).value();
  EXPECT_EQ(ToHex(mac->Compute(kMessage)), kTag);
  EXPECT_EQ(ToHex(mac->Compute(kMessage)), kTag) << "a used context gave another tag";
}

TEST(MacTest, OnlyTheRightTagVerifies) {
  const auto mac = HmacSha256::Create(KeyFromHex(kJefe)).value();
  const std::string tag = FromHex(kTag);
  EXPECT_TRUE(mac->Verify(kMessage, tag));
  EXPECT_FALSE(mac->Verify("another message", tag));
  EXPECT_FALSE(mac->Verify(kMessage, tag.substr(0, 31)));
  for (std::size_t i = 0; i < tag.size(); ++i) {
    std::string wrong = tag;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_FALSE(mac->Verify(kMessage, wrong)) << i;
  }
}

TEST(MacTest, ThreadsShareOneKey) {
  const auto mac = HmacSha256::Create(KeyFromHex(kJefe)).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) ASSERT_EQ(ToHex(mac->Compute(kMessage)), kTag);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace keysvc::crypto
