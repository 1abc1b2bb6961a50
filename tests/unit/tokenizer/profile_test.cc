#include "tokenizer/profile.h"

#include <cstdint>
#include <string>
#include <utility>

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

TEST(ProfilesTest, ARetiredProfileKeepsItsNameAndItsNumber) {
  const Profile cards{"acme", "cards", 1, true};
  const auto profiles = Profiles::Create({cards}, {{"acme", "old", 2}, {"beta", "cards", 1}});
  ASSERT_OK(profiles);
  EXPECT_EQ(profiles->Find("acme", 2), nullptr);
  EXPECT_THAT(profiles->Find("tenants/acme/tokenProfiles/old"),
              HasReason(Reason::kProfileNotFound));
  const auto retired = [&](const Profile& profile) {
    return Profiles::Create({cards}, {{"acme", "old", 2}, profile});
  };
  EXPECT_THAT(retired({"acme", "cards", 3}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(retired({"acme", "older", 1}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(retired({"acme", "old", 3}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(retired({"acme", "older", 2}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(retired({"acme", "older", 0}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(retired({"acme", "Older", 3}), HasReason(Reason::kConfigInvalid));
  EXPECT_OK(retired({"acme", "older", 3}));
}

TEST(ProfilesTest, ADomainHasMerchantsOnlyWhereEachCallMakesAToken) {
  Profile profile{.tenant = "acme", .name = "a", .number = 1, .domain = {.merchant = true}};
  EXPECT_OK(Profiles::Create({profile}));
  EXPECT_TRUE(profile.HasOwnDomains());
  EXPECT_EQ(profile.TokenFormat(), "merchant=required");
  profile.deterministic = true;
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.domain = {.channels = {"web"}};
  EXPECT_OK(Profiles::Create({profile}));
  EXPECT_FALSE(profile.HasOwnDomains());
  EXPECT_EQ(profile.TokenFormat(), "");
  profile.domain = {.channels = {"web", "web"}};
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
}

TEST(ProfilesTest, OnlyDeterministicProfilesThatKeepCardsMergeTokens) {
  Profile profile{.tenant = "acme", .name = "a", .number = 1, .merges = true};
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.deterministic = true;
  EXPECT_OK(Profiles::Create({profile}));
  profile.family = Family::kFf1;
  profile.ff1 = {.shortest_card = 16, .longest_card = 16, .luhn_offset = 1};
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.merges = false;
  EXPECT_OK(Profiles::Create({profile}));
}

TEST(ProfilesTest, ContradictionsAreRefused) {
  EXPECT_THAT(Profiles::Create({{"acme", "a", 1, false}, {"acme", "a", 2, false}}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a", 1, false}, {"acme", "b", 1, false}}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a", 0, false}}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"acme", "a/b", 1, false}}), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({{"", "a", 1, false}}), HasReason(Reason::kConfigInvalid));
  Profile ff1{.tenant = "acme",
              .name = "a",
              .number = 1,
              .deterministic = true,
              .family = Family::kFf1,
              .ff1 = {.shortest_card = 12, .longest_card = 19, .luhn_offset = 1}};
  EXPECT_OK(Profiles::Create({ff1}));
  Profile second = ff1;
  second.name = "b";
  second.number = 2;
  EXPECT_THAT(Profiles::Create({ff1, second}), HasReason(Reason::kConfigInvalid));
  second.ff1.luhn_offset = 2;
  EXPECT_OK(Profiles::Create({ff1, second}));
  second.ff1.luhn_offset = 1;
  second.ff1.prefix = "ppt_";
  EXPECT_OK(Profiles::Create({ff1, second}));
  second.ff1.prefix.clear();
  second.tenant = "beta";
  EXPECT_OK(Profiles::Create({ff1, second}));
  ff1.deterministic = false;
  EXPECT_THAT(Profiles::Create({ff1}), HasReason(Reason::kConfigInvalid));
  ff1.deterministic = true;
  ff1.ff1.keep_first = 6;
  EXPECT_THAT(Profiles::Create({ff1}), HasReason(Reason::kConfigInvalid));
}

TEST(ProfilesTest, ADeterministicProfileHasTokensThatEndInNoWay) {
  Profile profile{"acme", "cards", 1, false};
  profile.time_to_live = absl::Minutes(1);
  profile.uses = 1;
  EXPECT_OK(Profiles::Create({profile}));
  profile.deterministic = true;
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.uses = 0;
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.time_to_live = absl::ZeroDuration();
  profile.uses = 1;
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
}

TEST(ProfilesTest, EmvRangesOverlapNoOther) {
  const auto profile = [](std::string tenant, std::uint16_t number, std::string prefix) {
    return Profile{.tenant = std::move(tenant),
                   .name = "network-" + std::to_string(number),
                   .number = number,
                   .family = Family::kEmv,
                   .emv = {.range = {.prefix = std::move(prefix), .length = 16},
                           .attestation = "Ours by the letter of the scheme",
                           .token_requestor_id = "40010030273",
                           .months_valid = 1}};
  };
  EXPECT_OK(Profiles::Create({profile("acme", 1, "99990012"), profile("beta", 1, "99990013")}));
  EXPECT_THAT(Profiles::Create({profile("acme", 1, "99990012"), profile("acme", 2, "9999001234")}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({profile("acme", 1, "99990012"), profile("beta", 1, "999900")}),
              HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Profiles::Create({profile("acme", 1, "400012")}), HasReason(Reason::kConfigInvalid));
}

TEST(ProfilesTest, AccountReferencesHaveOneIssuerInATenant) {
  const auto with = [](std::string tenant, std::uint16_t number, std::string issuer) {
    return Profile{.tenant = std::move(tenant),
                   .name = "p" + std::to_string(number),
                   .number = number,
                   .account_reference_issuer = std::move(issuer)};
  };
  EXPECT_OK(Profiles::Create({with("acme", 1, "ACME"), with("acme", 2, ""), with("acme", 3, "ACME"),
                              with("beta", 1, "0X9Z")}));
  EXPECT_THAT(
      Profiles::Create({with("acme", 1, "ACME"), with("acme", 2, ""), with("acme", 3, "ACMF")}),
      HasReason(Reason::kConfigInvalid));
  for (const char* wrong : {"ACM", "ACMEE", "acme", "AC-E", "AC E", "\303\204CM"}) {
    EXPECT_THAT(Profiles::Create({with("acme", 1, wrong)}), HasReason(Reason::kConfigInvalid))
        << wrong;
  }
}

TEST(ProfilesTest, MetadataAreOfProfilesWhoseTokensAreNotEverybodys) {
  Profile profile{.tenant = "acme", .name = "orders", .number = 1};
  profile.metadata = {{.name = "store", .values = {"berlin"}}};
  EXPECT_OK(Profiles::Create({profile}));
  profile.family = Family::kNumeric;
  EXPECT_OK(Profiles::Create({profile}));
  profile.deterministic = true;
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
  profile.deterministic = false;
  profile.metadata.push_back(profile.metadata.front());
  EXPECT_THAT(Profiles::Create({profile}), HasReason(Reason::kConfigInvalid));
}

TEST(ProfilesTest, CardsAreComparedWhereTokensOrReferencesTellThemApart) {
  Profile profile{.tenant = "acme", .name = "cards", .number = 1};
  EXPECT_EQ(profile.ComparesCardsAmong(), "");
  profile.deterministic = true;
  EXPECT_EQ(profile.ComparesCardsAmong(), "tenants/acme/tokenProfiles/cards");
  profile.account_reference_issuer = "ACME";
  EXPECT_EQ(profile.ComparesCardsAmong(), "tenants/acme/keys/account-reference");
  profile.deterministic = false;
  EXPECT_EQ(profile.ComparesCardsAmong(), "tenants/acme/keys/account-reference");
}

}  // namespace
}  // namespace keysvc::tokenizer
