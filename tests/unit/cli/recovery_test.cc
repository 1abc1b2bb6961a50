// The offline ceremony, as custodians run it.
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::ReadFile;
using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::WriteFile;

struct Result {
  int code;
  std::string text;  // both streams together
  bool Says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

// `before`: shell words in front of the program.
Result Recovery(const std::string& arguments, const std::string& before = "") {
  const std::string command =
      before + " " KEYSVC_BINARY_DIR "/bin/keysvc recovery " + arguments + " 2>&1 </dev/null";
  Result result{-1, ""};
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    result.text.append(buffer, got);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

class RecoveryCommandTest : public ::testing::Test {
 protected:
  Result Init(const std::string& numbers, const std::string& environment = "production") {
    return Recovery("init --deployment shop --environment " + environment + " " + numbers +
                    " --out " + folder_);
  }
  std::string Share(int number) const { return folder_ + "/share-" + std::to_string(number); }

  const TemporaryDirectory directory_;
  const std::string folder_ = directory_.File("ceremony");
};

TEST_F(RecoveryCommandTest, TheCeremonyMakesACertificateAndSharesThatShowSaysWouldDo) {
  const Result made = Init("--threshold 2 --shares 3");
  ASSERT_EQ(made.code, 0) << made.text;
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(std::filesystem::status(Share(i)).permissions(), std::filesystem::perms(0600));
    // What a share hides is in no answer.
    const std::string text = ReadFile(Share(i));
    const std::string secret_line = text.substr(text.find("\n\n") + 2, 60);
    EXPECT_FALSE(made.Says(secret_line));
    EXPECT_FALSE(Recovery("show " + Share(i)).Says(secret_line));
  }
  EXPECT_FALSE(std::filesystem::exists(Share(4)));
  const Result shown =
      Recovery("show " + Share(3) + " " + Share(1) + " --certificate " + folder_ + "/recovery.pem");
  EXPECT_EQ(shown.code, 0) << shown.text;
  EXPECT_TRUE(shown.Says("SUFFICIENT  yes")) << shown.text;
  EXPECT_TRUE(shown.Says("shop")) << shown.text;
}

TEST_F(RecoveryCommandTest, TooFewSharesAndOnesOfAnotherKeyWouldNotDo) {
  ASSERT_EQ(Init("--threshold 2 --shares 3").code, 0);
  const Result few = Recovery("show " + Share(2));
  EXPECT_EQ(few.code, 1);
  EXPECT_TRUE(few.Says("RECOVERY_SHARES_TOO_FEW: 2 shares are needed, 1 were given")) << few.text;

  const std::string other = directory_.File("other");
  ASSERT_EQ(Recovery("init --deployment shop --environment production --threshold 2 --shares 3 "
                     "--out " +
                     other)
                .code,
            0);
  const Result mixed = Recovery("show " + Share(1) + " " + other + "/share-2");
  EXPECT_EQ(mixed.code, 1);
  EXPECT_TRUE(mixed.Says("RECOVERY_SHARES_MISMATCH")) << mixed.text;
  const Result foreign =
      Recovery("show " + Share(1) + " " + Share(2) + " --certificate " + other + "/recovery.pem");
  EXPECT_EQ(foreign.code, 1);
  EXPECT_TRUE(foreign.Says("RECOVERY_KEY_MISMATCH")) << foreign.text;
}

TEST_F(RecoveryCommandTest, ADamagedShareIsNamed) {
  ASSERT_EQ(Init("--threshold 2 --shares 2").code, 0);
  std::string text = ReadFile(Share(2));
  WriteFile(Share(2), text.substr(0, text.size() / 2));
  const Result shown = Recovery("show " + Share(1) + " " + Share(2));
  EXPECT_EQ(shown.code, 1);
  EXPECT_TRUE(shown.Says("RECOVERY_SHARE_INVALID: " + Share(2) + ": the share is truncated"))
      << shown.text;
}

TEST_F(RecoveryCommandTest, NothingIsOverwrittenAndNothingIsLeftBehind) {
  ASSERT_EQ(Init("--threshold 2 --shares 3").code, 0);
  const std::string before = ReadFile(Share(1)) + ReadFile(folder_ + "/recovery.pem");
  EXPECT_EQ(Init("--threshold 2 --shares 3").code, 1);
  EXPECT_EQ(ReadFile(Share(1)) + ReadFile(folder_ + "/recovery.pem"), before);

  // One file in the way is enough.
  for (int i = 1; i <= 3; ++i) std::filesystem::remove(Share(i));
  const Result refused = Init("--threshold 2 --shares 3");
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(refused.Says("KEY_EXISTS")) << refused.text;
  EXPECT_FALSE(std::filesystem::exists(Share(1)));
}

TEST_F(RecoveryCommandTest, AFolderThatOthersCouldReadIsClosedToThem) {
  ASSERT_TRUE(std::filesystem::create_directory(folder_));
  std::filesystem::permissions(folder_, std::filesystem::perms(0777));
  const Result made = Init("--threshold 2 --shares 3");
  ASSERT_EQ(made.code, 0) << made.text;
  EXPECT_EQ(std::filesystem::status(folder_).permissions(), std::filesystem::perms(0700));
}

TEST_F(RecoveryCommandTest, AFolderThatHoldsAnythingElseIsRefusedAndLeftAsItIs) {
  ASSERT_TRUE(std::filesystem::create_directory(folder_));
  std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  WriteFile(folder_ + "/notes", "kept");
  const Result refused = Init("--threshold 2 --shares 3");
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(refused.Says("KEY_EXISTS")) << refused.text;
  EXPECT_FALSE(std::filesystem::exists(Share(1)));
  EXPECT_EQ(ReadFile(folder_ + "/notes"), "kept");
  EXPECT_EQ(std::filesystem::status(folder_).permissions(), std::filesystem::perms(0755));
}

TEST_F(RecoveryCommandTest, ALinkInTheFoldersPlaceIsRefused) {
  const std::string elsewhere = directory_.File("elsewhere");
  ASSERT_TRUE(std::filesystem::create_directory(elsewhere));
  std::filesystem::create_directory_symlink(elsewhere, folder_);
  EXPECT_EQ(Init("--threshold 2 --shares 3").code, 3);
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
}

TEST_F(RecoveryCommandTest, SharesGoAgainWhenTheCertificateCannotBeWritten) {
  ASSERT_EQ(Init("--threshold 2 --shares 3").code, 0);
  const auto share = std::filesystem::file_size(Share(1));
  const auto certificate = std::filesystem::file_size(folder_ + "/recovery.pem");
  ASSERT_LT(share + 8, certificate);  // sizes vary by a few bytes
  const std::string limited = directory_.File("limited");
  const Result refused = Recovery(
      "init --deployment shop --environment production --threshold 2 --shares 3 --out " + limited,
      "trap '' XFSZ; exec prlimit --fsize=" + std::to_string(share + 4));
  EXPECT_EQ(refused.code, 3) << refused.text;
  ASSERT_TRUE(std::filesystem::exists(limited));
  EXPECT_TRUE(std::filesystem::is_empty(limited));
}

TEST_F(RecoveryCommandTest, TheCertificateIsForEverybodyToRead) {
  ASSERT_EQ(Init("--threshold 2 --shares 3").code, 0);
  EXPECT_EQ(std::filesystem::status(folder_ + "/recovery.pem").permissions(),
            std::filesystem::perms(0644));
}

TEST_F(RecoveryCommandTest, WhatMakesNoSenseIsRefused) {
  for (const char* numbers : {"--threshold 3 --shares 2", "--threshold 4 --shares 3"}) {
    EXPECT_EQ(Init(numbers).code, 1) << numbers;
  }
  for (const char* numbers : {"--threshold 2 --shares 17", "--threshold 1 --shares 3", ""}) {
    EXPECT_EQ(Init(numbers).code, 2) << numbers;
  }
  EXPECT_EQ(Init("--threshold 2 --shares 2", "staging").code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder_));
  EXPECT_EQ(Init("--threshold 2 --shares 2", "development").code, 0);
  EXPECT_EQ(Recovery("show /nowhere").code, 1);
}

}  // namespace
}  // namespace keysvc::cli
