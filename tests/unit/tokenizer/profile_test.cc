#include "tokenizer/profile.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;

TEST(ProfilesTest, AreFoundByNameAndByNumber) {
  const auto profiles = Profiles::Create({{"acme", "cards", 1, true}, {"beta", "cards", 1, false}});
  ASSERT_OK(profiles);
  const auto found = profiles->Find("tenants/beta/tokenProfiles/cards");
  ASSERT_OK(found);
  EXPECT_EQ((*found)->tenant, "beta");
  EXPECT_EQ((*found)->ResourceName(), "tenants/beta/tokenProfiles/cards");
  EXPECT_EQ(profiles->Find("beta", 1), *found);
  EXPECT_EQ(profiles->Find("beta", 2), nullptr);
  EXPECT_EQ(profiles->Find("other", 1), nullptr);
  for (const char* wrong :
       {"", "cards", "tenants/beta/tokenProfiles/", "tenants/beta/tokenProfiles/x",
        "tenants/beta/tokenProfiles/cards/", "tenants/*/tokenProfiles/cards"}) {
    EXPECT_THAT(profiles->Find(wrong), HasReason(Reason::kProfileNotFound)) << wrong;
  }
}

TEST(ProfilesTest, ContradictionsAreRefused) {
  EXPECT_THAT(Profiles::Create({{"acme", "a", 1, false}, {"acme", "a", 2, false}}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a", 1, false}, {"acme", "b", 1, false}}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a", 0, false}}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a/b", 1, false}}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"", "a", 1, false}}), HasReason(Reason::kConfigInvalid));
}

}  // namespace
}  // namespace keysvc::tokenizer
