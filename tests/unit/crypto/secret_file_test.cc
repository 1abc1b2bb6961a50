#include "crypto/secret_file.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::crypto {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::ReadFile;
using keysvc::testing::TemporaryDirectory;
using keysvc::testing::WriteFile;

TEST(SecretFileTest, ComesBackAsItWasWrittenAndIsItsOwnersAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("secret");
  const SecretBytes secret = SecretBytes::Random(500).value();
  ASSERT_OK(WriteSecretFile(path, secret));
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  const auto read = ReadSecretFile(path, 501);
  ASSERT_OK(read);
  EXPECT_TRUE(*read == secret);
}

TEST(SecretFileTest, AFileThatIsThereStaysAsItIs) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("secret");
  WriteFile(path, "first");
  EXPECT_THAT(WriteSecretFile(path, SecretBytes::Random(4).value()), HasReason(Reason::kKeyExists));
  EXPECT_EQ(ReadFile(path), "first");
}

TEST(SecretFileTest, WhatCannotBeReadOrWrittenIsNamed) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("secret");
  EXPECT_THAT(ReadSecretFile(path, 10), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(ReadSecretFile(directory.path(), 10), HasReason(Reason::kFieldInvalid));
  WriteFile(path, "");
  EXPECT_THAT(ReadSecretFile(path, 10), HasReason(Reason::kFieldInvalid));
  WriteFile(path, "0123456789");
  const auto read = ReadSecretFile(path, 10);
  EXPECT_THAT(read, HasReason(Reason::kFieldInvalid));
  EXPECT_NE(read.status().message().find(path), std::string::npos);
  EXPECT_THAT(WriteSecretFile(directory.File("no/folder"), SecretBytes::Random(4).value()),
              HasReason(Reason::kStoreUnavailable));
}

}  // namespace
}  // namespace keysvc::crypto
