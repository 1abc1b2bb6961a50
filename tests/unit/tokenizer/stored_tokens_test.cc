// Stores of tokens whose profiles are declared otherwise than they were.
#include "tokenizer/stored_tokens.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Profile kDeclaredCards{"acme", "cards", 1, true};
const Profile kDeclaredOneTime{"acme", "one-time", 2, false};

class StoredTokensTest : public ::testing::Test {
 protected:
  absl::StatusOr<StoredTokens> Check(std::vector<Profile> profiles,
                                     std::vector<Profile> former = {},
                                     std::vector<Profile> retired = {}) {
    StoredTokensOptions options;
    options.sample = 0;
    options.former = std::move(former);
    const auto declared = Profiles::Create(std::move(profiles), std::move(retired));
    EXPECT_OK(declared);
    return CheckStoredTokens(store_, *declared, service_.keys_, options);
  }
  void ExpectChanged(const absl::StatusOr<StoredTokens>& checked, const char* profile) {
    EXPECT_THAT(checked, HasReason(Reason::kProfileChanged));
    const std::string name = profile;
    EXPECT_THAT(std::string(checked.status().message()),
                AnyOf(HasSubstr(name + " "), HasSubstr(name + ",")));
  }

  MemoryStore store_;
  Service service_{store_};
};

TEST_F(StoredTokensTest, ProfilesThatAreDeclaredAsTheyWereAreSound) {
  (void)service_.TokenOf(kVisa);
  (void)service_.TokenOf(kVisa, kOneTime);
  const auto checked = Check({kDeclaredCards, kDeclaredOneTime});
  ASSERT_OK(checked);
  EXPECT_EQ(checked->rows, 2U);
  EXPECT_EQ(checked->undeclared, 0U);
}

TEST_F(StoredTokensTest, ANumberThatWasChangedIsNoticed) {
  const TokenName token = service_.TokenOf(kVisa);
  ExpectChanged(Check({{"acme", "cards", 99, true}}), kCards);
  ExpectChanged(Check({{"acme", "cards", 99, true}, kDeclaredOneTime}), kCards);
  ASSERT_OK(service_.Change(token, TokenState::kDeleted));
  EXPECT_OK(Check({{"acme", "cards", 99, true}}));
}

TEST_F(StoredTokensTest, NumbersThatWereSwappedAreNoticed) {
  (void)service_.TokenOf(kVisa, kOneTime);
  ExpectChanged(Check({{"acme", "cards", 2, false}, {"acme", "one-time", 1, false}}), kOneTime);
}

TEST_F(StoredTokensTest, AnotherProfileWithTheNumberOfOneThatWasTakenOutIsNoticed) {
  (void)service_.TokenOf(kVisa);
  ExpectChanged(Check({{"acme", "renamed", 1, true}}, {{"acme", "cards"}}), kCards);
  EXPECT_OK(Check({kDeclaredCards}, {{"acme", "renamed"}}));
}

TEST_F(StoredTokensTest, AProfileThatWasTakenOutAndNotRetiredIsNoticed) {
  const TokenName token = service_.TokenOf(kVisa);
  (void)service_.TokenOf(kVisa, kOneTime);
  ExpectChanged(Check({kDeclaredOneTime}, {{"acme", "cards"}}), kCards);
  // Also where no key tells any more what it is called.
  const auto nameless = Check({kDeclaredOneTime});
  EXPECT_THAT(nameless, HasReason(Reason::kProfileChanged));
  EXPECT_THAT(std::string(nameless.status().message()),
              HasSubstr("tenants/acme under the number 1,"));
  // Of a deleted token there is nothing to be read.
  ASSERT_OK(service_.Change(token, TokenState::kDeleted));
  EXPECT_OK(Check({kDeclaredOneTime}, {{"acme", "cards"}}));
}

TEST_F(StoredTokensTest, TokensOfARetiredProfileAreLeftAsTheyAre) {
  (void)service_.TokenOf(kVisa);
  (void)service_.TokenOf(kVisa, "tenants/beta/tokenProfiles/cards");
  const std::vector<Profile> former{{"acme", "cards"}, {"beta", "cards"}};
  const auto checked =
      Check({kDeclaredOneTime}, former, {{"acme", "cards", 1}, {"beta", "cards", 1}});
  ASSERT_OK(checked);
  EXPECT_EQ(checked->undeclared, 2U);
  // One of another tenant, name or number is another one.
  ExpectChanged(Check({kDeclaredOneTime}, former, {{"acme", "cards", 1}}),
                "tenants/beta/tokenProfiles/cards");
  ExpectChanged(Check({kDeclaredOneTime}, former, {{"acme", "other", 1}, {"beta", "cards", 1}}),
                kCards);
  ExpectChanged(Check({kDeclaredOneTime}, former, {{"acme", "cards", 9}, {"beta", "cards", 1}}),
                kCards);
}

TEST_F(StoredTokensTest, AllProfilesThatWereTakenOutAreNamedAtOnce) {
  (void)service_.TokenOf(kVisa);
  (void)service_.TokenOf(kVisa, kOneTime);
  const auto missing =
      Check({{"acme", "other", 3, true}}, {{"acme", "cards"}, {"acme", "one-time"}});
  ExpectChanged(missing, kCards);
  ExpectChanged(missing, kOneTime);
}

TEST_F(StoredTokensTest, WhereNoKeyOpensTokensTheNameThatIsRetiredIsOneThatWasDeclared) {
  (void)service_.TokenOf(kVisa);
  service_.keys_.Fail(Reason::kKeyNotActive);
  EXPECT_OK(Check({kDeclaredOneTime}, {{"acme", "cards"}}, {{"acme", "cards", 1}}));
  ExpectChanged(Check({kDeclaredOneTime}, {{"acme", "cards"}}, {{"acme", "cardz", 1}}),
                "a profile of tenants/acme");
}

TEST_F(StoredTokensTest, NothingIsRetiredWhileItCannotBeToldWhoseTheTokensAre) {
  (void)service_.TokenOf(kVisa);
  for (const Reason away : {Reason::kHsmUnavailable, Reason::kLockedMemory}) {
    service_.keys_.Fail(away);
    EXPECT_THAT(Check({kDeclaredOneTime}, {{"acme", "cards"}}, {{"acme", "cards", 1}}),
                HasReason(away));
  }
}

TEST_F(StoredTokensTest, AProfileThatComputesItsTokensIsNoticedOnceItIsTakenOut) {
  const Profile legacy{.tenant = "acme", .name = "legacy", .family = Family::kFf1};
  ExpectChanged(Check({kDeclaredCards}, {legacy}), kLegacy);
  ExpectChanged(Check({kDeclaredCards}, {legacy}, {{"acme", "other", 3}}), kLegacy);
  EXPECT_OK(Check({kDeclaredCards}, {legacy}, {{"acme", "legacy", 3}}));
}

TEST_F(StoredTokensTest, EveryProfileThatComputesItsTokensAndIsGoneIsNamedBeforeRowsAreRead) {
  const Profile legacy{.tenant = "acme", .name = "legacy", .family = Family::kFf1};
  const Profile other{.tenant = "beta", .name = "other", .family = Family::kFf1};
  const std::vector<Profile> former{legacy, {"acme", "cards"}, other};
  const auto missing = LookForComputed(*Profiles::Create({kDeclaredOneTime}), former);
  EXPECT_THAT(missing, HasReason(Reason::kProfileChanged));
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("tenants/acme/tokenProfiles/legacy, tenants/beta/tokenProfiles/other,"));
  EXPECT_THAT(std::string(missing.message()), Not(HasSubstr("cards")));
  const auto retired =
      Profiles::Create({kDeclaredOneTime}, {{"acme", "legacy", 3}, {"beta", "other", 4}});
  EXPECT_OK(LookForComputed(*retired, former));
}

TEST_F(StoredTokensTest, ARowThatSomebodyGaveAnUndeclaredNumberIsDamage) {
  (void)service_.TokenOf(kVisa);
  store_.Tamper([](MemoryStore::Rows& rows) { rows.tokens.begin()->second.profile = 99; });
  EXPECT_THAT(Check({kDeclaredCards}), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Check({kDeclaredCards}, {}, {{"acme", "other", 99}}),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(StoredTokensTest, ARowThatSomebodyHidAmongThoseOfARetiredProfileIsDamage) {
  (void)service_.TokenOf(kVisa, kOneTime);
  (void)service_.TokenOf(kVisa);
  const auto check = [&] {
    return Check({kDeclaredCards}, {{"acme", "one-time"}}, {{"acme", "one-time", 2}});
  };
  ASSERT_OK(check());
  store_.Tamper([](MemoryStore::Rows& rows) {
    for (auto& [handle, row] : rows.tokens) row.profile = 2;
  });
  EXPECT_THAT(check(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(StoredTokensTest, ARowThatSomebodyCalledDeletedIsDamage) {
  (void)service_.TokenOf(kVisa);
  store_.Tamper([](MemoryStore::Rows& rows) {
    auto& state = rows.tokens.begin()->second.state;
    state = static_cast<std::remove_reference_t<decltype(state)>>(TokenState::kDeleted);
  });
  EXPECT_THAT(Check({kDeclaredOneTime}), HasReason(Reason::kIntegrityFailure));
}

TEST_F(StoredTokensTest, AProfileThatBecameDeterministicOrIsNoMoreIsNoticed) {
  (void)service_.TokenOf(kVisa);
  ExpectChanged(Check({{"acme", "cards", 1, false}}), kCards);
  (void)service_.TokenOf(kVisa, kOneTime);
  ExpectChanged(Check({kDeclaredCards, {"acme", "one-time", 2, true}}), kOneTime);
}

TEST_F(StoredTokensTest, AnIndexVersionThatSomebodyChangedIsDamageAndNoOtherDeclaration) {
  (void)service_.TokenOf(kVisa, kOneTime);
  store_.Tamper([](MemoryStore::Rows& rows) { rows.tokens.begin()->second.index_version = 1; });
  EXPECT_THAT(Check({kDeclaredOneTime}), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::tokenizer
