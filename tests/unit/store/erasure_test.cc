// What is cut out of a row must be in no page of the database's files any more, free space and
// write-ahead log included. Pages are decrypted as SQLCipher 4 does it (docs/formats.md):
// AES-256-CBC under the raw key, the IV in the page's last 48 bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crypto/aes_block.h"
#include "gtest/gtest.h"
#include "store/sqlcipher_store.h"
#include "store/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = 16;
constexpr std::size_t kReserve = 48;
constexpr std::size_t kSalt = 16;  // before the first page's content
constexpr std::size_t kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;

std::string Decrypted(const std::string& page, std::size_t from) {
  const auto key = crypto::Aes256Block::Create(KeyOf(1)).value();
  std::string previous = page.substr(kPage - kReserve, kBlock);
  std::string content;
  for (std::size_t at = from; at < kPage - kReserve; at += kBlock) {
    const std::string block = page.substr(at, kBlock);
    crypto::Aes256Block::Block bytes;
    std::copy(block.begin(), block.end(), bytes.begin());
    bytes = key->Decrypt(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      content += static_cast<char>(bytes[i] ^ static_cast<std::uint8_t>(previous[i]));
    }
    previous = block;
  }
  return content;
}

class ErasureTest : public ::testing::Test {
 protected:
  // Of every page of both files.
  std::string Pages() const {
    std::string all;
    const std::string file = ReadFile(path_);
    for (std::size_t at = 0; at + kPage <= file.size(); at += kPage) {
      all += Decrypted(file.substr(at, kPage), at == 0 ? kSalt : 0);
    }
    const std::string log = ReadFile(path_ + "-wal");
    for (std::size_t at = kLogHeader; at + kFrameHeader + kPage <= log.size();
         at += kFrameHeader + kPage) {
      const std::string page = log.substr(at + kFrameHeader, kPage);
      // The first page of the database is in the log too.
      all += Decrypted(page, page.starts_with(file.substr(0, kSalt)) ? kSalt : 0);
    }
    return all;
  }
  static std::string SealedOf(std::int64_t handle) {
    return "sealed card of " + std::to_string(handle) + " with all that is secret";
  }
  static std::string OrderOf(std::int64_t handle) {
    return "order number " + std::to_string(handle) + " of a customer";
  }
  // Of which the row and the index have the value.
  static std::string MetadataOf(std::int64_t handle) { return "order=" + OrderOf(handle); }
  bool Holds(std::int64_t handle) const {
    return Pages().find(SealedOf(handle)) != std::string::npos;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("db");
  std::unique_ptr<store::Store> store_ =
      store::CreateSqlcipherStore(OptionsAt(path_), KeyOf(1)).value();
};

TEST_F(ErasureTest, WhatIsCutOutOfARowIsInNoPageOnceTheLogWasEmptied) {
  store::Mutation rows;
  for (std::int64_t handle = 1; handle <= 300; ++handle) {
    rows.tokens.push_back(TokenRowOf(handle, PanIndexOf(handle)));
    rows.tokens.back().sealed = SealedOf(handle);
    rows.tokens.back().metadata = MetadataOf(handle);
  }
  ASSERT_OK(ApplyAndCommit(*store_, rows));
  EXPECT_TRUE(Holds(77));
  EXPECT_NE(Pages().find(OrderOf(77)), std::string::npos);

  store::Mutation erased;
  for (const std::int64_t handle : {1, 77, 300}) {
    store::TokenRow row = TokenRowOf(handle, "");
    row.sealed = "left";
    row.revision = 2;
    erased.tokens.push_back(row);
  }
  ASSERT_OK(ApplyAndCommit(*store_, erased));
  // A reader that is at rest keeps no older snapshot from being given up.
  EXPECT_EQ(store_->FindTokens(std::vector<std::int64_t>{77}).value().at(0)->sealed, "left");
  EXPECT_TRUE(Holds(77));  // in the log's older frames

  store_->EmptyLog();
  ASSERT_OK(ApplyAndCommit(*store_, {.keys = {KeyRowOf(1, 1)}}));
  for (const std::int64_t handle : {1, 77, 300}) {
    EXPECT_FALSE(Holds(handle)) << handle;
    EXPECT_EQ(Pages().find(PanIndexOf(handle)), std::string::npos) << handle;
    EXPECT_EQ(Pages().find(OrderOf(handle)), std::string::npos) << handle;
  }
  for (const std::int64_t handle : {2, 76, 78, 299}) EXPECT_TRUE(Holds(handle)) << handle;
}

}  // namespace
}  // namespace keysvc::testing
