#include "crypto/mac.h"

#include <string>
#include <thread>
#include <vector>

#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::KeyFromHex;
using ::keysvc::testing::ToHex;

TEST(MacTest, HmacGivesThePublishedTag) {
  const auto mac = HmacSha256::Create(KeyFromHex(known::kHmacKey)).value();
  EXPECT_EQ(ToHex(mac->Compute(known::kHmacMessage)), known::kHmacTag);
  EXPECT_EQ(ToHex(mac->Compute(known::kHmacMessage)), known::kHmacTag)
      << "a used context gave another tag";
}

TEST(MacTest, OnlyTheRightTagVerifies) {
  const auto mac = HmacSha256::Create(KeyFromHex(known::kHmacKey)).value();
  const std::string tag = Bytes(known::kHmacTag);
  EXPECT_TRUE(mac->Verify(known::kHmacMessage, tag));
  EXPECT_FALSE(mac->Verify("another message", tag));
  EXPECT_FALSE(mac->Verify(known::kHmacMessage, tag.substr(0, 31)));
  for (std::size_t i = 0; i < tag.size(); ++i) {
    std::string wrong = tag;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_FALSE(mac->Verify(known::kHmacMessage, wrong)) << i;
  }
}

TEST(MacTest, ThreadsShareOneKey) {
  const auto mac = HmacSha256::Create(KeyFromHex(known::kHmacKey)).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i)
        ASSERT_EQ(ToHex(mac->Compute(known::kHmacMessage)), known::kHmacTag);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace keysvc::crypto
