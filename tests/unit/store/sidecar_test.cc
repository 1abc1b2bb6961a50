#include "store/sidecar.h"

#include <cstddef>
#include <filesystem>
#include <string>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {
namespace {

using store::ReadSidecar;
using store::Sidecar;
using store::SidecarContext;
using store::WrapContextOf;
using store::WriteSidecar;

class SidecarTest : public ::testing::Test {
 protected:
  static Sidecar Example() {
    return {.deployment = "shop",
            .environment = "development",
            .current = {.cipher_parameters = 1,
                        .wrapped_key = std::string("\1\0\2", 3),
                        .recovery_key_id = "id",
                        .recovery = "sealed"},
            .next = std::nullopt};
  }
  // The file with its body changed and its digest made right again.
  void WriteBody(std::string body) {
    body += crypto::AsText(crypto::Sha256(body));
    WriteFile(path_, body);
  }
  std::string Body() {
    const std::string file = ReadFile(path_);
    return file.substr(0, file.size() - 32);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("sidecar");
};

TEST_F(SidecarTest, ComesBackAsItWasWritten) {
  Sidecar sidecar = Example();
  ASSERT_OK(WriteSidecar(path_, sidecar));
  Sidecar read = ReadSidecar(path_).value();
  EXPECT_EQ(read.deployment, "shop");
  EXPECT_EQ(read.environment, "development");
  EXPECT_EQ(read.current.cipher_parameters, 1);
  EXPECT_EQ(read.current.wrapped_key, sidecar.current.wrapped_key);
  EXPECT_FALSE(read.next.has_value());

  sidecar.next = {.cipher_parameters = 1, .wrapped_key = "other"};
  ASSERT_OK(WriteSidecar(path_, sidecar));
  read = ReadSidecar(path_).value();
  EXPECT_EQ(read.next.value().wrapped_key, "other");
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0600));
}

TEST_F(SidecarTest, TheFormatOfVersion2IsPinned) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  const std::string body(
      "\x02"
      "\0\0\0\x04shop"
      "\0\0\0\x0b"
      "development"
      "\x01\0\0\0\x03\x01\0\x02"
      "\0\0\0\x02id"
      "\0\0\0\x06sealed"
      "\0",
      49);
  EXPECT_EQ(Body(), body);
  const Sidecar read = ReadSidecar(path_).value();
  EXPECT_EQ(read.current.recovery_key_id, "id");
  EXPECT_EQ(read.current.recovery, "sealed");
}

TEST_F(SidecarTest, Version1IsStillReadAndNotWrittenAgain) {
  WriteBody(
      std::string("\x01"
                  "\0\0\0\x04shop"
                  "\0\0\0\x0b"
                  "development"
                  "\x01\0\0\0\x03\x01\0\x02"
                  "\0",
                  33));
  const Sidecar read = ReadSidecar(path_).value();
  EXPECT_EQ(read.format, 1);
  EXPECT_EQ(read.current.wrapped_key, std::string("\1\0\2", 3));
  EXPECT_EQ(read.current.recovery_key_id, "");
  EXPECT_EQ(WrapContextOf(read, read.current), SidecarContext("shop", "development", 1));
  EXPECT_THAT(WriteSidecar(path_, read), HasReason(Reason::kInternal));
}

TEST_F(SidecarTest, AWrapIsBoundToTheRecoveryCopyBesideIt) {
  const Sidecar sidecar = Example();
  const std::string context = WrapContextOf(sidecar, sidecar.current);
  EXPECT_EQ(context, SidecarContext("shop", "development", 1) + std::string("\x02\0\0\0\x20", 5) +
                         std::string(crypto::AsText(
                             crypto::Sha256(std::string("\0\0\0\x02id\0\0\0\x06sealed", 16)))));
  store::SidecarSlot other = sidecar.current;
  other.recovery_key_id = "ids";
  other.recovery = "ealed";
  EXPECT_NE(WrapContextOf(sidecar, other), context);
}

TEST_F(SidecarTest, TheContextOfVersion1IsPinned) {
  EXPECT_EQ(SidecarContext("shop", "dev", 1), std::string("\0\0\0\x13keysvc database key"
                                                          "\0\0\0\x04shop"
                                                          "\0\0\0\x03"
                                                          "dev\x01",
                                                          39));
}

TEST_F(SidecarTest, AMissingFileIsNotInitialized) {
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kNotInitialized));
}

TEST_F(SidecarTest, EveryFlippedBitIsRefused) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  const std::string good = ReadFile(path_);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    WriteFile(path_, bad);
    EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure)) << bit;
  }
}

TEST_F(SidecarTest, EveryTruncationAndAnyTailIsRefused) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  const std::string good = ReadFile(path_);
  for (std::size_t size = 0; size < good.size(); ++size) {
    WriteFile(path_, good.substr(0, size));
    EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure)) << size;
  }
  WriteFile(path_, good + '\0');
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure));
  WriteFile(path_, std::string(1 << 20, 'x'));
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SidecarTest, BytesAfterTheSlotsAreRefusedAlsoUnderARightDigest) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  const std::string body = Body();
  WriteBody(body + "x");
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure));
  WriteBody(body.substr(0, body.size() - 1) + '\2');
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SidecarTest, AnotherFormatOrParametersOffTheListAreRefused) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  const std::string body = Body();
  std::string newer = body;
  newer[0] = 3;
  WriteBody(newer);
  EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kStoreNewer));
  for (const char parameters : {'\0', '\2', '\xff'}) {
    std::string other = body;
    other[24] = parameters;
    WriteBody(other);
    EXPECT_THAT(ReadSidecar(path_), HasReason(Reason::kStoreNewer));
  }
  Sidecar sidecar = Example();
  sidecar.current.cipher_parameters = 2;
  EXPECT_THAT(WriteSidecar(path_, sidecar), HasReason(Reason::kInternal));
}

TEST_F(SidecarTest, WhatAKillLeftBesideItIsIgnoredAndReplaced) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  WriteFile(path_ + ".new", "half");
  EXPECT_OK(ReadSidecar(path_));
  Sidecar other = Example();
  other.deployment = "other";
  ASSERT_OK(WriteSidecar(path_, other));
  EXPECT_EQ(ReadSidecar(path_).value().deployment, "other");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(SidecarTest, AFailedWriteLeavesTheOldFile) {
  ASSERT_OK(WriteSidecar(path_, Example()));
  std::filesystem::create_directory(path_ + ".new");
  WriteFile(path_ + ".new/inhabitant", "");
  Sidecar other = Example();
  other.deployment = "other";
  EXPECT_THAT(WriteSidecar(path_, other), HasReason(Reason::kStoreUnavailable));
  EXPECT_EQ(ReadSidecar(path_).value().deployment, "shop");
}

}  // namespace
}  // namespace keysvc::testing
