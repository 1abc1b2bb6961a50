#include "keysvc/keys/key_wrapping.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;

class KeyWrappingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(hsm_.Generate("dev/kek/v1", pkcs11::KeyKind::kAes256Wrapping));
    key_ = *crypto::SecretBytes::Random(32);
  }

  FakeHsm hsm_;
  KeyWrapping wrapping_{hsm_, "dev", 1};
  crypto::SecretBytes key_;
};

TEST_F(KeyWrappingTest, ABlobIsHeaderIvCiphertextAndTag) {
  const auto blob = wrapping_.Wrap(key_, "context");
  ASSERT_OK(blob);
  EXPECT_EQ(blob->size(), 6u + 12 + 32 + 16);
  EXPECT_EQ(blob->substr(0, 6), std::string("\x01\x01\x00\x00\x00\x01", 6));
  // What the HSM authenticates: the header and the context, each with its length.
  const auto inside = hsm_.Unwrap("dev/kek/v1", blob->substr(6),
                                  std::string("\0\0\0\6\1\1\0\0\0\1\0\0\0\7context", 21));
  ASSERT_OK(inside);
  EXPECT_TRUE(*inside == key_);
}

TEST_F(KeyWrappingTest, ABlobOpensInItsContextOnly) {
  const auto blob = wrapping_.Wrap(key_, "context");
  ASSERT_OK(blob);
  EXPECT_TRUE(*wrapping_.Unwrap(*blob, "context") == key_);
  for (const char* other : {"", "contex", "context2", "Context"}) {
    EXPECT_THAT(wrapping_.Unwrap(*blob, other), HasReason(Reason::kIntegrityFailure));
  }
}

TEST_F(KeyWrappingTest, NoByteOfABlobCanBeChangedAndNoneLeftOut) {
  const std::string blob = *wrapping_.Wrap(key_, "context");
  for (std::size_t i = 0; i < blob.size(); ++i) {
    for (const int bit : {0x01, 0x80}) {
      std::string changed = blob;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      EXPECT_THAT(wrapping_.Unwrap(changed, "context"), HasReason(Reason::kIntegrityFailure)) << i;
    }
    EXPECT_THAT(wrapping_.Unwrap(blob.substr(0, i), "context"),
                HasReason(Reason::kIntegrityFailure));
  }
  EXPECT_THAT(wrapping_.Unwrap(blob + '\0', "context"), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyWrappingTest, ABlobOfAnOlderKekStillOpensAndOneOfALostKekIsLostData) {
  const std::string blob = *wrapping_.Wrap(key_, "context");
  ASSERT_OK(hsm_.Generate("dev/kek/v2", pkcs11::KeyKind::kAes256Wrapping));
  KeyWrapping rotated(hsm_, "dev", 2);
  EXPECT_TRUE(*rotated.Unwrap(blob, "context") == key_);
  EXPECT_EQ(rotated.Wrap(key_, "context")->substr(2, 4), std::string("\0\0\0\2", 4));
  ASSERT_OK(hsm_.Destroy("dev/kek/v1"));
  EXPECT_THAT(rotated.Unwrap(blob, "context"), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyWrappingTest, AnAbsentTokenIsNotDamage) {
  const std::string blob = *wrapping_.Wrap(key_, "context");
  hsm_.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(wrapping_.Unwrap(blob, "context"), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(wrapping_.Wrap(key_, "context"), HasReason(Reason::kHsmUnavailable));
}

}  // namespace
}  // namespace keysvc::keys
