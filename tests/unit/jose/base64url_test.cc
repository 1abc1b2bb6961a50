#include "jose/base64url.h"

#include "gtest/gtest.h"

namespace keysvc::jose {
namespace {

// RFC 7515 appendix C.
TEST(Base64UrlTest, HasTheAlphabetForUrlsAndNoPadding) {
  EXPECT_EQ(ToBase64Url("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(FromBase64Url("A-z_4ME"), "\x03\xec\xff\xe0\xc1");
  EXPECT_EQ(ToBase64Url(""), "");
  EXPECT_EQ(FromBase64Url(""), "");
}

TEST(Base64UrlTest, TakesOneFormOfEachText) {
  for (const char* text : {"A-z_4ME=", "A+z/4ME", "A-z_4MF", "A-z_ 4ME", "A-z_4ME\n", "A",
                           "A-z_4ME.", "=", "A-z_4M", "\xc3\xa4"}) {
    EXPECT_EQ(FromBase64Url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keysvc::jose
