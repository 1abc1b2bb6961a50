#include "pkcs11/pin_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "crypto/known_answers.h"
#include "crypto/secret_access.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

class PinFileTest : public ::testing::Test {
 protected:
  void Write(std::string_view content, mode_t mode = 0600) {
    testing::WriteFile(path_, content);
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  std::string Content() {
    const auto pin = file_.Read();
    EXPECT_OK(pin);
    if (!pin.ok()) return {};
    return std::string(crypto::AsText(pin->Expose(crypto::SecretAccess::kGranted)));
  }
  static crypto::SecretBytes Pin(std::string_view pin) {
    auto secret = crypto::SecretBytes::CopyOf(crypto::AsBytes(pin));
    EXPECT_OK(secret);
    return *std::move(secret);
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.File("pin");
  const std::string marker_ = directory_.File("marker");
  PinFile file_{path_, marker_};
};

TEST_F(PinFileTest, GivesThePinWithoutOneTrailingNewline) {
  Write("735911");
  EXPECT_EQ(Content(), "735911");
  Write("735911\n");
  EXPECT_EQ(Content(), "735911");
  Write(" 735911\n\n");
  EXPECT_EQ(Content(), " 735911\n");
  Write(std::string(255, '1') + "\n", 0400);
  EXPECT_EQ(Content(), std::string(255, '1'));
}

TEST_F(PinFileTest, RefusesAFileThatOthersMayTouch) {
  for (const mode_t mode : {0640U, 0620U, 0610U, 0604U, 0602U, 0601U}) {
    Write("735911", mode);
    EXPECT_THAT(file_.Read(), HasReason(Reason::kConfigInvalid)) << std::oct << mode;
  }
}

TEST_F(PinFileTest, RefusesWhatHoldsNoPin) {
  EXPECT_THAT(file_.Read(), HasReason(Reason::kConfigInvalid));
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string(256, '1'), std::string(10'000, '1')}) {
    Write(content);
    EXPECT_THAT(file_.Read(), HasReason(Reason::kConfigInvalid));
  }
  EXPECT_THAT(PinFile(directory_.path(), marker_).Read(), HasReason(Reason::kConfigInvalid));
}

TEST_F(PinFileTest, RemembersARefusedPinForThatTokenOnly) {
  ASSERT_OK(file_.MarkRefused(Pin("111111"), "one"));
  const PinFile later(path_, marker_);
  EXPECT_THAT(later.CheckNotRefused(Pin("111111"), "one"), HasReason(Reason::kPinRefused));
  EXPECT_OK(later.CheckNotRefused(Pin("111112"), "one"));
  EXPECT_OK(later.CheckNotRefused(Pin("111111"), "other"));
  file_.MarkAccepted();
  EXPECT_OK(later.CheckNotRefused(Pin("111111"), "one"));
}

TEST_F(PinFileTest, TheMarkerTellsNothingAndIsOurs) {
  ASSERT_OK(file_.MarkRefused(Pin("111111"), "one"));
  const std::string first = testing::ReadFile(marker_);
  EXPECT_EQ(first.find("1111"), std::string::npos);
  ASSERT_OK(file_.MarkRefused(Pin("111111"), "one"));
  EXPECT_NE(first, testing::ReadFile(marker_));
  struct stat info = {};
  ASSERT_EQ(stat(marker_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(PinFileTest, RemembersWithinTheProcessWhenTheMarkerCannotBeWritten) {
  PinFile file(path_, directory_.File("no such folder/marker"));
  EXPECT_THAT(file.MarkRefused(Pin("111111"), "one"), HasReason(Reason::kPinRefused));
  EXPECT_THAT(file.CheckNotRefused(Pin("111111"), "one"), HasReason(Reason::kPinRefused));
}

TEST_F(PinFileTest, ReadsTheMarkerOfVersionOne) {
  testing::WriteFile(marker_,
                     crypto::known::Bytes("01000102030405060708090a0b0c0d0e0f255f64efd97eb1a8ec78"
                                          "da3d8af910128c03420d378833b1a94f1a9e0e0ec5e8"));
  EXPECT_THAT(file_.CheckNotRefused(Pin("735911"), "0123456789abcdef keysvc"),
              HasReason(Reason::kPinRefused));
  EXPECT_OK(file_.CheckNotRefused(Pin("735912"), "0123456789abcdef keysvc"));
}

}  // namespace
}  // namespace keysvc::pkcs11
