#include "tokenizer/retention_report.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::Optional;

constexpr std::int64_t kMinute = std::int64_t{60} * 1000;

std::vector<ProfileRetention> Read(RetentionReport& report) {
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = report.ReadMore();
  EXPECT_OK(more);
  return report.counted();
}

ProfileRetention Of(std::string_view resource, const std::vector<ProfileRetention>& counted) {
  for (const ProfileRetention& of : counted) {
    if (of.profile != nullptr && of.profile->ResourceName() == resource) return of;
  }
  ADD_FAILURE() << resource << " is not in the report";
  return {};
}

class RetentionReportTest : public EachStoreTest {
 protected:
  absl::Time Now() { return service_->Clock()(); }
  RetentionReport Report(const std::string& tenant = "acme") {
    return {*store_, service_->profiles_, service_->keys_, tenant, Now()};
  }
  ProfileRetention Retention(std::string_view resource) {
    RetentionReport report = Report();
    return Of(resource, Read(report));
  }
};

WITH_EACH_STORE(RetentionReportTest);

TEST_P(RetentionReportTest, EveryTokenIsCountedOnceByWhatItsCardWaitsFor) {
  const absl::Time first = Now();
  (void)service_->TokenOf(kVisa, kBrief);
  ASSERT_OK(service_->Change(service_->TokenOf(kVisa, kBrief), TokenState::kSuspended));
  ASSERT_OK(service_->Change(service_->TokenOf(kVisa, kBrief), TokenState::kDeleted));
  service_->now_ms_ += 30 * kMinute;
  (void)service_->TokenOf(kVisa, kBrief);

  ProfileRetention brief = Retention(kBrief);
  EXPECT_EQ(brief.active, 2u);
  EXPECT_EQ(brief.suspended, 1u);
  EXPECT_EQ(brief.ended, 0u);
  EXPECT_EQ(brief.without_end, 0u);
  EXPECT_EQ(brief.deleted, 1u);
  EXPECT_THAT(brief.oldest, Optional(first));
  EXPECT_THAT(brief.last_end, Optional(Now() + absl::Hours(1)));

  EXPECT_EQ(brief.suspended_past_end, 0u);

  // At its end exactly a token opens no more; a suspended one is kept, and shown to be.
  service_->now_ms_ += 30 * kMinute;
  brief = Retention(kBrief);
  EXPECT_EQ(brief.active, 1u);
  EXPECT_EQ(brief.suspended, 1u);
  EXPECT_EQ(brief.suspended_past_end, 1u);
  EXPECT_THAT(brief.last_end, Optional(Now() + absl::Minutes(30)));
  EXPECT_EQ(brief.ended, 1u);
  EXPECT_EQ(brief.deleted, 1u);
}

TEST_P(RetentionReportTest, AUsedUpTokenHasEndedAndAnEndlessOneHasNoEnd) {
  ASSERT_OK(service_->DetokenizeOne(service_->TokenOf(kVisa, kSingle)));
  (void)service_->TokenOf(kVisa, kSingle);
  const ProfileRetention single = Retention(kSingle);
  EXPECT_EQ(single.ended, 1u);
  EXPECT_EQ(single.active, 1u);
  EXPECT_EQ(single.without_end, 1u);
  EXPECT_EQ(single.last_end, std::nullopt);
}

TEST_P(RetentionReportTest, ACardIsOverdueTenMinutesAfterItsGraceAndNotBefore) {
  (void)service_->TokenOf(kVisa, kBrief);  // an hour, and ten minutes of grace
  service_->now_ms_ += 80 * kMinute;
  EXPECT_EQ(Retention(kBrief).ended, 1u);
  EXPECT_EQ(Retention(kBrief).overdue, 0u);
  service_->now_ms_ += 1;
  EXPECT_EQ(Retention(kBrief).ended, 1u);
  EXPECT_EQ(Retention(kBrief).overdue, 1u);
}

TEST_P(RetentionReportTest, EveryDeclaredProfileIsInItAndNoOtherTenants) {
  (void)service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards");
  RetentionReport report = Report();
  const std::vector<ProfileRetention> counted = Read(report);
  const std::vector<Profile>& declared = service_->profiles_.all();
  EXPECT_EQ(counted.size(), static_cast<std::size_t>(std::count_if(
                                declared.begin(), declared.end(),
                                [](const Profile& profile) { return profile.tenant == "acme"; })));
  for (const ProfileRetention& of : counted) {
    ASSERT_NE(of.profile, nullptr);
    EXPECT_EQ(of.number, of.profile->number);
    EXPECT_EQ(of.profile->tenant, "acme");
    EXPECT_EQ(of.active + of.suspended + of.ended + of.deleted, 0u);
    EXPECT_EQ(of.oldest, std::nullopt);
  }
  EXPECT_EQ(report.rows_read(), 1u);
  RetentionReport of_beta = Report("beta");
  EXPECT_EQ(Of("tenants/beta/tokenProfiles/cards", Read(of_beta)).active, 1u);
}

TEST_P(RetentionReportTest, CardsOfAProfileThatIsNotDeclaredAnyMoreAreInItByItsNumber) {
  (void)service_->TokenOf(kVisa, kOneTime);
  const Profiles fewer = *Profiles::Create({{"acme", "cards", 1, true}});
  RetentionReport report(*store_, fewer, service_->keys_, "acme", Now());
  const std::vector<ProfileRetention> counted = Read(report);
  ASSERT_EQ(counted.size(), 2u);
  EXPECT_EQ(counted[1].profile, nullptr);
  EXPECT_EQ(counted[1].number, 2u);
  EXPECT_EQ(counted[1].active, 1u);
}

TEST_P(RetentionReportTest, ItIsReadInSteps) {
  for (int batch = 0; batch < 21; ++batch) {
    std::vector<absl::StatusOr<CardData>> cards;
    for (int i = 0; i < 100; ++i) cards.push_back(Card(kVisa));
    ASSERT_OK(service_->Tokenize(std::move(cards), kOneTime));
  }
  RetentionReport report = Report();
  ASSERT_TRUE(*report.ReadMore());
  EXPECT_GT(report.rows_read(), 0u);
  EXPECT_LT(report.rows_read(), 2100u);
  EXPECT_EQ(Of(kOneTime, Read(report)).active, 2100u);
  EXPECT_EQ(report.rows_read(), 2100u);
}

TEST_P(RetentionReportTest, KeysThatAreAwayEndIt) {
  (void)service_->TokenOf(kVisa);
  service_->keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(Report().ReadMore(), HasReason(Reason::kHsmUnavailable));
}

TEST(RetentionReportFaultsTest, ARowThatIsNotWhatWasWrittenIsNeverCounted) {
  const std::vector<std::function<void(store::TokenRow&)>> changes = {
      [](store::TokenRow& row) { ++*row.ends_ms; }, [](store::TokenRow& row) { row.state = 3; },
      [](store::TokenRow& row) { row.created_ms += 1; },
      [](store::TokenRow& row) { row.profile = 2; },
      [](store::TokenRow& row) { row.sealed.back() ^= 1; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    MemoryStore store;
    Service service(store);
    (void)service.TokenOf(kVisa, kBrief);
    store.Tamper([&](MemoryStore::Rows& rows) { changes[i](rows.tokens.begin()->second); });
    RetentionReport report(store, service.profiles_, service.keys_, "acme", service.Clock()());
    EXPECT_THAT(report.ReadMore(), HasReason(Reason::kIntegrityFailure));
  }
}

TEST(RetentionReportFaultsTest, ARowThatWasGivenToAnotherTenantIsMissedByNoReport) {
  for (const char* taken_by : {"beta", "nobody"}) {
    MemoryStore store;
    Service service(store);
    (void)service.TokenOf(kVisa, kBrief);
    store.Tamper([&](MemoryStore::Rows& rows) { rows.tokens.begin()->second.tenant = taken_by; });
    for (const char* tenant : {"acme", "beta"}) {
      SCOPED_TRACE(absl::StrCat(taken_by, " ", tenant));
      RetentionReport report(store, service.profiles_, service.keys_, tenant, service.Clock()());
      EXPECT_THAT(report.ReadMore(), HasReason(Reason::kIntegrityFailure));
    }
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
