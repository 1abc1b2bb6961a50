#include "keysvc/rpc/recorded_id.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <set>
#include <string>

#include "crypto/mac.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gtest/gtest.h"
#include "policy/name.h"

namespace keysvc::rpc {
namespace {

class RecordedIdTest : public ::testing::Test {
 protected:
  // Of the bytes first, first + 1 ...
  static std::unique_ptr<crypto::HmacSha256> MacOf(std::uint8_t first) {
    std::array<std::uint8_t, 32> bytes{};
    std::iota(bytes.begin(), bytes.end(), first);
    return crypto::HmacSha256::Create(
               crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes)).value())
        .value();
  }

  const std::unique_ptr<crypto::HmacSha256> mac_ = MacOf(0);
  const RecordedIds ids_{*mac_};
};

TEST_F(RecordedIdTest, IdsWithoutACardNumberStayAsTheyAre) {
  for (const std::string id :
       {"", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1", "6F1E9A52-2D0C-4D5E-9C61-0B7A54C3D2E1",
        "0af7651916cd43dd8448eb211c80319c",
        // A wrong check digit, eleven digits, or of no known issuer: no card has such a number.
        "ffffffffffffffff4111111111111115", "abcdefabcdefabcdefabc41111111116",
        "41111111-1111-1115-ffff-ffffffffffff", "ffffffffffffffff0000000000000018"}) {
    EXPECT_EQ(ids_.Of(id), id);
  }
}

TEST_F(RecordedIdTest, OfIdsWithACardNumberNoDigitIsLeft) {
  for (const std::string id :
       {"00000000000000004111111111111111", "41111111111111114111111111111111",
        "a4111111111111111fa4111111111112", "ffffffffffffffff4111111111111111",
        "ffffffffff124111111111111111357f", "41111111-1111-1111-ffff-ffffffffffff",
        "ffff4111-1111-1111-1111-ffffffffffff", "ffffffff-ffff-ffff-4111-111111111111",
        "FFFFFFFF-F411-1111-1111-11111FFFFFFF", "ffffffff-ffff-3782-8224-6310005fffff"}) {
    const std::string recorded = ids_.Of(id);
    EXPECT_EQ(recorded.find_first_of("0123456789"), std::string::npos) << id;
    EXPECT_EQ(recorded.size(), id.size());
    EXPECT_EQ(policy::IsUuid(recorded), policy::IsUuid(id));
    EXPECT_EQ(ids_.Of(recorded), recorded);
  }
}

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST_F(RecordedIdTest, ACardNumberIsFoundWhenNoLockedMemoryIsLeft) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_MEMLOCK, &none);
    // Root may lock beyond the limit.
    if (geteuid() == 0 && setuid(65534) != 0) _exit(99);
    if (crypto::SecretBytes::Create(16).ok()) _exit(1);
    const std::string recorded = ids_.Of("41111111-1111-1111-ffff-ffffffffffff");
    _exit(recorded.find_first_of("0123456789") == std::string::npos ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

TEST_F(RecordedIdTest, EachIdHasItsOwnAndAlwaysTheSame) {
  std::set<std::string> recorded;
  constexpr std::size_t kIds = 1000;
  for (std::size_t i = 0; i < kIds; ++i) {
    const std::string number = std::to_string(1000 + i);
    const std::string id = "41111111-1111-1111-f" + number.substr(1) + "-ffffffffffff";
    recorded.insert(ids_.Of(id));
    EXPECT_EQ(ids_.Of(id), RecordedIds(*mac_).Of(id));
  }
  EXPECT_EQ(recorded.size(), kIds);
}

TEST_F(RecordedIdTest, NobodyFindsTheIdWithoutTheKey) {
  const std::string id = "41111111-1111-1111-ffff-ffffffffffff";
  const auto other = MacOf(1);
  EXPECT_NE(ids_.Of(id), RecordedIds(*other).Of(id));
}

// Answers are kept, and records compared, for longer than a version of this program runs.
TEST_F(RecordedIdTest, WhatStandsForAnIdIsWhatEarlierVersionsRecorded) {
  EXPECT_EQ(ids_.Of("41111111-1111-1111-9c61-0b7a54c3d2e1"),
            "afcaccef-babd-cfaa-edcb-cceeceedfabd");
  EXPECT_EQ(ids_.Of("ffffffffffffffff4111111111111111"), "bfcaefafddbfffefedafcfaedefaadec");
}

}  // namespace
}  // namespace keysvc::rpc
