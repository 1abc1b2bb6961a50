#include "audit/checkpoint_directory.h"

#include <cstdint>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::ReadFile;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::WriteFile;

constexpr char kOrigin[] = "keysvc.example/test";

class CheckpointDirectoryTest : public ::testing::Test {
 protected:
  std::string Note(std::uint64_t size) {
    return SignCheckpoint(Checkpoint{kOrigin, size, crypto::Sha256(std::to_string(size))}, *signer_)
        .value();
  }
  CheckpointDirectory Open() { return CheckpointDirectory::Open(folder_.path()).value(); }

  TemporaryDirectory folder_;
  std::unique_ptr<SoftwareSigner> signer_ = SoftwareSigner::Ed25519();
  std::string verifier_key_ = VerifierKey(kOrigin, signer_->public_key());
};

TEST_F(CheckpointDirectoryTest, TheLargestSizeIsTheNewestWhateverTheOrder) {
  EXPECT_FALSE(Open().FindNewest({verifier_key_}).value().has_value());
  CheckpointDirectory directory = Open();
  for (const std::uint64_t size : {9U, 100U, 20U}) ASSERT_OK(directory.Keep(size, Note(size)));
  for (const CheckpointDirectory& one : {directory, Open()}) {
    const auto newest = one.FindNewest({verifier_key_}).value();
    ASSERT_TRUE(newest.has_value());
    EXPECT_EQ(newest->checkpoint.size, 100U);
    EXPECT_EQ(newest->note, Note(100));
  }
}

TEST_F(CheckpointDirectoryTest, TheLastThousandAreKept) {
  const std::string name = folder_.File("checkpoint-00000000000000000000");
  for (std::size_t size = 1; size <= 1002; ++size) {
    const std::string digits = std::to_string(size);
    WriteFile(name.substr(0, name.size() - digits.size()) + digits, "");
  }
  CheckpointDirectory directory = Open();
  ASSERT_OK(directory.Keep(1003, Note(1003)));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    ++files;
  }
  EXPECT_EQ(files, 1000U);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("checkpoint-00000000000000000003")));
  EXPECT_TRUE(std::filesystem::exists(folder_.File("checkpoint-00000000000000001003")));
}

TEST_F(CheckpointDirectoryTest, WhatIsLeftOfAnInterruptedWriteIsNoCheckpoint) {
  WriteFile(folder_.File("checkpoint-00000000000000000009.new"), "half a no");
  CheckpointDirectory directory = Open();
  EXPECT_FALSE(directory.FindNewest({verifier_key_}).value().has_value());
  ASSERT_OK(directory.Keep(5, Note(5)));
  EXPECT_EQ(Open().FindNewest({verifier_key_}).value()->checkpoint.size, 5U);
}

TEST_F(CheckpointDirectoryTest, GarbageIsRefused) {
  const auto damaged = HasReason(Reason::kIntegrityFailure);
  const std::string name = folder_.File("checkpoint-00000000000000000007");
  WriteFile(name, "");
  EXPECT_THAT(Open().FindNewest({verifier_key_}), damaged);
  WriteFile(name, Note(8));
  EXPECT_THAT(Open().FindNewest({verifier_key_}), damaged);
  WriteFile(name, Note(7) + "x");
  EXPECT_THAT(Open().FindNewest({verifier_key_}), damaged);
  WriteFile(name, Note(7));
  EXPECT_OK(Open().FindNewest({verifier_key_}));
  WriteFile(folder_.File("checkpoint-8"), Note(8));
  EXPECT_THAT(CheckpointDirectory::Open(folder_.path()), damaged);
}

TEST_F(CheckpointDirectoryTest, WhatAnOlderLogDoesNotReachIsMovedAndStillFound) {
  CheckpointDirectory directory = Open();
  for (const std::uint64_t size : {5U, 9U, 12U}) ASSERT_OK(directory.Keep(size, Note(size)));
  const LogKeys keys{verifier_key_};
  EXPECT_FALSE(directory.FindBeyond(12, keys).value().has_value());
  EXPECT_EQ(directory.FindBeyond(7, keys).value()->checkpoint.size, 12U);
  ASSERT_OK(directory.Supersede(7));
  for (const CheckpointDirectory& one : {directory, Open()}) {
    EXPECT_EQ(one.FindNewest(keys).value()->checkpoint.size, 5U);
    // A run that is broken off here still knows what was given up.
    EXPECT_EQ(one.FindBeyond(7, keys).value()->checkpoint.size, 12U);
  }
  const std::string moved = folder_.File("superseded-00000000000000000007/");
  for (const char* name : {"checkpoint-00000000000000000009", "checkpoint-00000000000000000012"}) {
    EXPECT_TRUE(std::filesystem::exists(moved + name)) << name;
  }
  ASSERT_OK(directory.Supersede(7));
}

TEST_F(CheckpointDirectoryTest, WhatIsMovedTakesNoOthersPlace) {
  CheckpointDirectory directory = Open();
  const std::string moved = folder_.File("superseded-00000000000000000007/");
  const std::string name = "checkpoint-00000000000000000009";
  for (int times = 0; times < 3; ++times) {
    ASSERT_OK(directory.Keep(9, Note(9) + std::to_string(times)));
    ASSERT_OK(directory.Supersede(7));
  }
  EXPECT_EQ(ReadFile(moved + name), Note(9) + "0");
  EXPECT_EQ(ReadFile(moved + "other-1-" + name), Note(9) + "1");
  EXPECT_EQ(ReadFile(moved + "other-2-" + name), Note(9) + "2");
}

TEST_F(CheckpointDirectoryTest, ALostKeysCheckpointsEndWhereTheRestorationBegins) {
  CheckpointDirectory directory = Open();
  ASSERT_OK(directory.Keep(7, Note(7)));
  const auto other = SoftwareSigner::P256();
  const std::string current = VerifierKey(kOrigin, other->public_key());
  EXPECT_OK(directory.FindNewest({current, {{verifier_key_, 7}}}));
  EXPECT_THAT(directory.FindNewest({current, {{verifier_key_, 6}}}),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(directory.FindNewest({current}), HasReason(Reason::kIntegrityFailure));
}

TEST_F(CheckpointDirectoryTest, AFolderThatIsAwayIsAnError) {
  EXPECT_THAT(CheckpointDirectory::Open(folder_.File("none")),
              HasReason(Reason::kStoreUnavailable));
  CheckpointDirectory directory = Open();
  std::filesystem::remove_all(folder_.path());
  EXPECT_THAT(directory.Keep(5, Note(5)), HasReason(Reason::kStoreUnavailable));
}

}  // namespace
}  // namespace keysvc::audit
