#include "crypto/base64.h"

#include "gtest/gtest.h"

namespace keysvc::crypto {
namespace {

// RFC 7515 appendix C.
TEST(Base64Test, HasTheAlphabetForUrlsAndNoPadding) {
  EXPECT_EQ(ToBase64Url("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(FromBase64Url("A-z_4ME"), "\x03\xec\xff\xe0\xc1");
  EXPECT_EQ(ToBase64Url(""), "");
  EXPECT_EQ(FromBase64Url(""), "");
}

// RFC 4648 section 10.
TEST(Base64Test, HasPaddingElsewhere) {
  EXPECT_EQ(ToBase64("foob"), "Zm9vYg==");
  EXPECT_EQ(FromBase64("Zm9vYg=="), "foob");
  for (const char* text : {"Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "Zm9vYg==\n", "_-=="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64Test, TakesOneFormOfEachText) {
  for (const char* text : {"A-z_4ME=", "A+z/4ME", "A-z_4MF", "A-z_ 4ME", "A-z_4ME\n", "A",
                           "A-z_4ME.", "=", "A-z_4M", "\xc3\xa4"}) {
    EXPECT_EQ(FromBase64Url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keysvc::crypto
