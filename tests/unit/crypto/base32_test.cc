#include "crypto/base32.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace keysvc::crypto {
namespace {

// RFC 4648 section 10.
TEST(Base32Test, IsThatOfRfc4648InLowerCaseWithoutPadding) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "my"},
                                                         {"fo", "mzxq"},
                                                         {"foo", "mzxw6"},
                                                         {"foob", "mzxw6yq"},
                                                         {"fooba", "mzxw6ytb"},
                                                         {"foobar", "mzxw6ytboi"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase32(bytes), text);
    EXPECT_EQ(FromBase32(text), bytes);
  }
  EXPECT_EQ(FromBase32(ToBase32(std::string(21, '\xff'))), std::string(21, '\xff'));
}

TEST(Base32Test, TakesOneFormOfEachText) {
  for (const char* text :
       {"MY", "my======", "mz", "m", "mzxw6y", "mzx", "m1", "m8", "my\n", " my", "mzxw6ytboia"}) {
    EXPECT_EQ(FromBase32(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keysvc::crypto
