#include "crypto/aes_block.h"

#include <algorithm>
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

Aes256Block::Block BlockOf(std::string_view hex) {
  Aes256Block::Block block{};
  const std::string bytes = Bytes(hex);
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

TEST(AesBlockTest, ThePublishedBlockIsEncryptedAndDecrypted) {
  const auto aes = Aes256Block::Create(KeyFromHex(known::kAesKey)).value();
  EXPECT_EQ(ToHex(aes->Encrypt(BlockOf(known::kAesIn))), known::kAesOut);
  EXPECT_EQ(ToHex(aes->Decrypt(BlockOf(known::kAesOut))), known::kAesIn);
}

TEST(AesBlockTest, ThreadsShareOneKeyAndBlocksDoNotDependOnEachOther) {
  const auto aes = Aes256Block::Create(KeyFromHex(known::kAesKey)).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(aes->Encrypt(BlockOf(known::kAesIn)), BlockOf(known::kAesOut));
        ASSERT_EQ(aes->Decrypt(BlockOf(known::kAesOut)), BlockOf(known::kAesIn));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace keysvc::crypto
