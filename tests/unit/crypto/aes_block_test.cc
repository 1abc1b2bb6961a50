#include "crypto/aes_block.h"

#include <algorithm>
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

// FIPS 197, appendix C.3.
const char kKey[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const char kIn[] = "00112233445566778899aabbccddeeff";
const char kOut[] = "8ea2b7ca516745bfeafc49904b496089";

Aes256Block::Block BlockOf(std::string_view hex) {
  Aes256Block::Block block{};
  const std::string bytes = FromHex(hex);
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

TEST(AesBlockTest, ThePublishedBlockIsEncryptedAndDecrypted) {
  const auto aes = Aes256Block::Create(KeyFromHex(kKey)).value();
  EXPECT_EQ(ToHex(aes->Encrypt(BlockOf(kIn))), kOut);
  EXPECT_EQ(ToHex(aes->Decrypt(BlockOf(kOut))), kIn);
}

TEST(AesBlockTest, ThreadsShareOneKeyAndBlocksDoNotDependOnEachOther) {
  const auto aes = Aes256Block::Create(KeyFromHex(kKey)).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(aes->Encrypt(BlockOf(kIn)), BlockOf(kOut));
        ASSERT_EQ(aes->Decrypt(BlockOf(kOut)), BlockOf(kIn));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace keysvc::crypto
