// The keys of a lost HSM, brought to another one.
#include "keysvc/keys/restoration.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_history.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_uses.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/recovery_copies.h"
#include "store/sidecar.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;
using keysvc::testing::KeyWorld;
using keysvc::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const tokenizer::Profile kCards{"acme", "cards", 1, true};
const KeyName kWebhook{"acme", "webhook"};

class RestorationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.hsm.Destroy(deployment_.KekLabel()));
    ASSERT_OK(InitializeDeployment(deployment_, world_.hsm, certificate_.get()));
    std::destroy_at(&world_.wrapping);
    std::construct_at(&world_.wrapping, world_.hsm, "dev", 1, certificate_.get());
    ASSERT_OK(world_.Start());
    ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
    ASSERT_OK(world_.Create(kWebhook, KeyParameters{}));
    ASSERT_OK(EnsureHsmKeys(deployment_, 2, new_hsm_));
  }
  std::vector<store::KeyVersionRow> Rows() { return world_.store.ListKeyVersions().value(); }
  absl::Status Check(const std::vector<store::KeyVersionRow>& rows) {
    const auto history = ReadKeyHistory(world_.store);
    return history.ok() ? CheckRowsAgainst(*history, rows) : history.status();
  }
  absl::Status Changed(const std::function<void(store::KeyVersionRow&)>& change) {
    std::vector<store::KeyVersionRow> rows = Rows();
    // Not the signing key, which has no copy.
    for (store::KeyVersionRow& row : rows) {
      if (row.key != "cards-data") continue;
      change(row);
    }
    return Check(rows);
  }
  absl::StatusOr<RestoredKeys> Restore() { return RestoreOnto(new_hsm_, 2); }
  absl::StatusOr<RestoredKeys> RestoreOnto(FakeHsm& hsm, std::uint32_t kek_version) {
    Restoration restoration(Rows());
    const absl::Status opened = restoration.Open(deployment_, *recovery_key_);
    if (!opened.ok()) return opened;
    KeyWrapping wrapping(hsm, "dev", kek_version, certificate_.get());
    return restoration.Rewrap(hsm, wrapping, KeyVersionRows(hsm, deployment_.RegistryLabel()),
                              world_.Now());
  }

  TemporaryDirectory directory_;
  KeyWorld world_;
  const Deployment deployment_{"dev", "test", directory_.File("sidecar")};
  FakeHsm new_hsm_;
  const std::unique_ptr<crypto::RecoveryKey> recovery_key_ =
      crypto::RecoveryKey::Generate().value();
  const std::unique_ptr<crypto::RecoveryCertificate> certificate_ =
      crypto::RecoveryCertificate::FromPem(recovery_key_->MakeCertificate("dev", "test").value())
          .value();
};

TEST_F(RestorationTest, TheDatabaseKeyComesFromItsCopyAndFromNoOtherKeys) {
  const auto recovered = RecoverDatabaseKey(deployment_, *recovery_key_);
  ASSERT_OK(recovered);
  EXPECT_TRUE(*recovered == *OpenDatabaseKey(deployment_, world_.hsm));
  const auto stranger = crypto::RecoveryKey::Generate().value();
  EXPECT_THAT(RecoverDatabaseKey(deployment_, *stranger), HasReason(Reason::kRecoveryKeyMismatch));

  store::Sidecar sidecar = store::ReadSidecar(deployment_.sidecar_path).value();
  sidecar.current.recovery.back() ^= 1;
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, sidecar));
  EXPECT_THAT(RecoverDatabaseKey(deployment_, *recovery_key_),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, ATokenThatOpensTheDeploymentHasLostNothing) {
  EXPECT_FALSE(IsHsmLost(deployment_, world_.hsm).value());
  EXPECT_TRUE(IsHsmLost(deployment_, new_hsm_).value());
  new_hsm_.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  ASSERT_OK(world_.hsm.Destroy(deployment_.KekLabel()));
  world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(IsHsmLost(deployment_, world_.hsm), HasReason(Reason::kHsmUnavailable));
}

TEST_F(RestorationTest, EveryKeyIsTheSameOnTheNewTokenAndTokenAndDataKeysGoOnWithNewVersions) {
  const auto before = Rows();
  const auto restored = Restore();
  ASSERT_OK(restored);
  EXPECT_EQ(restored->opened, 6U);
  EXPECT_THAT(restored->rotated, UnorderedElementsAre("tenants/acme/keys/cards-data/versions/2",
                                                      "tenants/acme/keys/token/versions/2"));
  const KeyVersionRows opener(new_hsm_, deployment_.RegistryLabel());
  KeyWrapping wrapping(new_hsm_, "dev", 2);
  std::size_t same = 0;
  for (const store::KeyVersionRow& row : restored->mutation.keys) {
    const auto record = opener.Open(row);
    ASSERT_OK(record);
    if (row.wrapped.empty()) continue;
    EXPECT_EQ(KeyWrapping::KekVersionOf(row.wrapped).value(), 2U);
    const std::string context = WrapContextOf(record->version);
    const auto key = wrapping.Unwrap(row.wrapped, context);
    ASSERT_OK(key);
    EXPECT_TRUE(*key == *recovery_key_->Open(row.recovery, context));
    for (const store::KeyVersionRow& old : before) {
      if (old.key != row.key || old.version != row.version) continue;
      EXPECT_TRUE(*key == *world_.wrapping.Unwrap(old.wrapped, context));
      EXPECT_EQ(row.revision, old.revision + 1);
      ++same;
    }
    const bool rotated = row.key == "token" || row.key == "cards-data";
    EXPECT_EQ(row.primary, !rotated || row.version == 2) << row.key;
    EXPECT_EQ(row.state, row.primary ? "active" : "deactivated") << row.key;
  }
  EXPECT_EQ(same, 6U);
}

TEST_F(RestorationTest, AnFf1KeyGoesOnAsItWasSinceItsTokensLieWithOthers) {
  const tokenizer::Profile legacy{
      .tenant = "acme",
      .name = "legacy",
      .number = 3,
      .deterministic = true,
      .family = tokenizer::Family::kFf1,
      .ff1 = {.shortest_card = 16, .longest_card = 16, .luhn_offset = 3}};
  ASSERT_OK(world_.registry().EnsureProfileKeys(legacy));
  const auto row_of = [](const std::vector<store::KeyVersionRow>& rows) {
    return *std::find_if(rows.begin(), rows.end(),
                         [](const store::KeyVersionRow& row) { return row.key == "legacy-ff1"; });
  };
  ASSERT_OK(Check(Rows()));
  const auto restored = Restore();
  ASSERT_OK(restored);
  const store::KeyVersionRow after = row_of(restored->mutation.keys);
  EXPECT_EQ(after.version, 1U);
  EXPECT_TRUE(after.primary);
  EXPECT_EQ(after.state, "active");
  EXPECT_EQ(after.token_format, legacy.ff1.ToString());
  EXPECT_OK(KeyVersionRows(new_hsm_, deployment_.RegistryLabel()).Open(after));

  // Without the lost HSM's MACs, the log says what the format is.
  std::vector<store::KeyVersionRow> rows = Rows();
  for (store::KeyVersionRow& row : rows) {
    if (row.key == "legacy-ff1") row.token_format = "ff1 1 cards=16-16 first=6";
  }
  EXPECT_THAT(Check(rows), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, TheLogSaysWhetherAKeyAsksForLowS) {
  ASSERT_OK(Check(Rows()));
  std::vector<store::KeyVersionRow> rows = Rows();
  for (store::KeyVersionRow& row : rows) row.low_s = row.key == "webhook";
  EXPECT_THAT(Check(rows), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, AKeyThatLivedInTheLostHsmOnlyIsDestroyedAndNamed) {
  const auto restored = Restore();
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, ElementsAre("tenants/acme/keys/webhook/versions/1"));
  for (const store::KeyVersionRow& row : restored->mutation.keys) {
    if (row.key != "webhook") continue;
    EXPECT_EQ(row.state, "destroyed");
    EXPECT_FALSE(row.primary);
    EXPECT_FALSE(row.public_key.empty());
  }
}

TEST_F(RestorationTest, APreparedVersionThatLivedInTheLostHsmOnlyIsDestroyedAndNamedToo) {
  ASSERT_OK(world_.CreateVersion(kWebhook));
  const auto restored = Restore();
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, UnorderedElementsAre("tenants/acme/keys/webhook/versions/1",
                                                   "tenants/acme/keys/webhook/versions/2"));
}

TEST_F(RestorationTest, NoVersionThatCountsItsUsesSealsOn) {
  // With an older store nobody knows how often the versions of before have sealed.
  std::size_t counted = 0;
  for (const store::KeyVersionRow& old : Rows()) {
    if (*PurposeNamed(old.purpose) != Purpose::kData) continue;
    ++counted;
    const auto restored = Restore();
    ASSERT_OK(restored);
    const auto row = std::find_if(restored->mutation.keys.begin(), restored->mutation.keys.end(),
                                  [&old](const store::KeyVersionRow& after) {
                                    return after.key == old.key && after.version == old.version;
                                  });
    ASSERT_NE(row, restored->mutation.keys.end());
    EXPECT_EQ(row->state, "deactivated");
    EXPECT_FALSE(row->primary);
  }
  EXPECT_GT(counted, 0U);
}

TEST_F(RestorationTest, AnOlderStoreOnTheTokenThatItHadKeepsWhatTheTokenHolds) {
  // Of the time that is given up.
  ASSERT_OK(world_.hsm.Generate("dev/acme/webhook/v2", pkcs11::KeyKind::kEcP256));
  const auto restored = RestoreOnto(world_.hsm, 1);
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, IsEmpty());
  EXPECT_THAT(restored->unknown, ElementsAre("dev/acme/webhook/v2"));
  EXPECT_THAT(restored->rotated, UnorderedElementsAre("tenants/acme/keys/cards-data/versions/2",
                                                      "tenants/acme/keys/token/versions/2"));
  for (const store::KeyVersionRow& row : restored->mutation.keys) {
    const auto record = KeyVersionRows(world_.hsm, deployment_.RegistryLabel()).Open(row);
    ASSERT_OK(record);
    if (row.key == "webhook") {
      EXPECT_EQ(row.state, "active");
      EXPECT_TRUE(row.primary);
    } else {
      EXPECT_OK(world_.wrapping.Unwrap(row.wrapped, WrapContextOf(record->version)));
    }
  }
}

TEST_F(RestorationTest, AKeyWithACeilingSignsNoMoreWithAnOlderStore) {
  const KeyName bank{"acme", "bank"};
  KeyParameters parameters;
  parameters.max_signatures = 1000;
  ASSERT_OK(world_.Create(bank, parameters));
  ASSERT_OK(Check(Rows()));
  const auto restored = RestoreOnto(world_.hsm, 1);
  ASSERT_OK(restored);
  const auto row =
      std::find_if(restored->mutation.keys.begin(), restored->mutation.keys.end(),
                   [](const store::KeyVersionRow& after) { return after.key == "bank"; });
  ASSERT_NE(row, restored->mutation.keys.end());
  EXPECT_EQ(row->reserved_uses, 1000U);
  EXPECT_TRUE(row->primary);

  std::vector<store::KeyVersionRow> rows = Rows();
  for (store::KeyVersionRow& changed : rows) {
    if (changed.key == "bank") changed.max_signatures = 2000;
  }
  EXPECT_THAT(Check(rows), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, TheNextVersionOfAKeyWithACeilingIsGivenUpWithAnOlderStore) {
  const KeyName bank{"acme", "bank"};
  KeyParameters parameters;
  parameters.max_signatures = 1000;
  ASSERT_OK(world_.Create(bank, parameters));
  ASSERT_OK(world_.CreateVersion(bank));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  const auto restored = RestoreOnto(world_.hsm, 1);
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, IsEmpty());
  EXPECT_THAT(restored->given_up, ElementsAre("tenants/acme/keys/bank/versions/2"));
  audit::Entry entry;
  entry.action = "Log.Restored";
  entry.actor = "system";
  entry.items = restored->items;
  entry.details = restored->details;
  ASSERT_OK(world_.journal().Record(entry, restored->mutation));
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(world_.Rotate(bank, KeyRegistry::Urgency::kSoon)->name.version, 3U);
  const auto versions = world_.registry().Versions(bank);
  EXPECT_EQ(versions->at(0).uses, 1000U);
  EXPECT_EQ(versions->at(1).state, KeyState::kDestroyed);
  EXPECT_EQ(versions->at(2).uses, 0U);
  // Another one is no worse for having signed.
  EXPECT_EQ(world_.Rotate(kWebhook, KeyRegistry::Urgency::kSoon)->name.version, 2U);
}

TEST_F(RestorationTest, AVersionWhoseMakingWasBrokenOffIsGivenUp) {
  const std::vector<std::pair<KeyName, KeyParameters>> keys{
      {{"acme", "pair"}, KeyParameters{}},
      {{"acme", "mac"}, {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear}},
      {{"acme", "more-data"}, {Purpose::kData, Algorithm::kAes256, Protection::kEnvelope, kYear}}};
  const KeyVersionRows rows(world_.hsm, deployment_.RegistryLabel());
  for (const auto& [name, parameters] : keys) {
    KeyRecord record;
    record.revision = 1;
    KeyVersion& version = record.version;
    version.name = {name, 1};
    version.parameters = parameters;
    version.environment = deployment_.environment;
    version.created = world_.Now();
    version.originator_end = version.created + kYear;
    version.recipient_end = version.originator_end;
    if (LivesInHsm(parameters.protection)) version.hsm_label = "dev/acme/" + name.key + "/v1";
    audit::Entry intent;
    intent.action = "KeyService.CreateKey";
    intent.actor = testing::kCaller;
    intent.outcome = audit::Outcome::kIntent;
    intent.resource = version.name.ToString();
    intent.details = {{"purpose", std::string(NameOf(parameters.purpose))},
                      {"algorithm", std::string(NameOf(parameters.algorithm))},
                      {"protection", std::string(NameOf(parameters.protection))}};
    store::Mutation mutation;
    mutation.keys.push_back(*rows.Seal(record));
    ASSERT_OK(world_.journal().Record(intent, std::move(mutation)));
  }
  const auto restored = RestoreOnto(world_.hsm, 1);
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, IsEmpty());
  audit::Entry entry;
  entry.action = "Log.Restored";
  entry.actor = "system";
  entry.items = restored->items;
  entry.details = restored->details;
  ASSERT_OK(world_.journal().Record(entry, restored->mutation));
  ASSERT_OK(world_.Restart());
  for (const auto& [name, parameters] : keys) {
    EXPECT_EQ(world_.registry().Versions(name)->front().state, KeyState::kDestroyed) << name.key;
    const std::string resource = KeyVersionName{name, 1}.ToString();
    EXPECT_TRUE(std::ranges::any_of(restored->items, [&](const audit::Item& item) {
      return item.resource == resource && item.outcome == audit::Outcome::kFailed &&
             item.reason == "OUTCOME_UNKNOWN";
    })) << name.key;
  }
  EXPECT_OK(world_.Create({"acme", "pair"}, KeyParameters{}));
}

TEST_F(RestorationTest, AVersionThatIsActivatedGetsNothingBackOfWhatWasReserved) {
  const KeyName bank{"acme", "bank"};
  KeyParameters parameters;
  parameters.max_signatures = 1000;
  ASSERT_OK(world_.Create(bank, parameters));
  ASSERT_OK(world_.CreateVersion(bank));
  const KeyVersionRows rows(world_.hsm, deployment_.RegistryLabel());
  store::Mutation mutation;
  for (const store::KeyVersionRow& row : Rows()) {
    if (row.key != bank.key || row.version != 2) continue;
    KeyRecord record = *rows.Open(row);
    record.reserved_uses = 995;
    ++record.revision;
    mutation.keys.push_back(*rows.Seal(record));
  }
  audit::Entry entry;
  entry.action = "KeyService.Reload";
  entry.actor = "system";
  entry.details["keys"] = KeyRowsDigest(Rows(), mutation.keys);
  ASSERT_OK(world_.journal().Record(entry, mutation));
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.Rotate(bank, KeyRegistry::Urgency::kSoon));
  const auto uses = world_.registry().uses().Find({bank, 2});
  EXPECT_EQ(uses->taken(), 995U);
  EXPECT_EQ(uses->reserved(), 1000U);
}

TEST_F(RestorationTest, AnotherKeyUnderTheLabelOfALostOneDoesNotReplaceIt) {
  ASSERT_OK(new_hsm_.Generate("dev/acme/webhook/v1", pkcs11::KeyKind::kEcP256));
  const auto restored = Restore();
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, ElementsAre("tenants/acme/keys/webhook/versions/1"));
  EXPECT_THAT(restored->unknown, IsEmpty());
}

TEST_F(RestorationTest, AKeyOfAnotherEnvironmentIsNotRestored) {
  Restoration restoration(Rows());
  Deployment other = deployment_;
  other.environment = "development";
  EXPECT_THAT(restoration.Open(other, *recovery_key_), HasReason(Reason::kEnvironmentMismatch));
}

TEST_F(RestorationTest, ACopyInAnotherKeysPlaceDoesNotOpen) {
  std::vector<store::KeyVersionRow> rows = Rows();
  std::swap(rows[0].recovery, rows[1].recovery);
  Restoration restoration(rows);
  EXPECT_THAT(restoration.Open(deployment_, *recovery_key_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, ARowThatNamesAnotherKeyOnTheTokenIsRefused) {
  std::vector<store::KeyVersionRow> rows = Rows();
  const auto signing =
      std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.key == "webhook"; });
  ASSERT_NE(signing, rows.end());
  EXPECT_OK(Restoration(rows).Open(deployment_, *recovery_key_));
  signing->hsm_label = deployment_.RegistryLabel();
  EXPECT_THAT(Restoration(rows).Open(deployment_, *recovery_key_),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, RowsAreComparedWithTheLogSinceTheirMacsCannotBe) {
  EXPECT_OK(Check(Rows()));
  ASSERT_OK(world_.Rotate(DataKeyOf(kCards)));
  EXPECT_OK(Check(Rows()));
  // Sealing takes no secret: this copy opens, to a key that somebody else knows.
  EXPECT_THAT(Changed([&](store::KeyVersionRow& row) {
                const KeyVersion version = KeyVersionRows::ReadUnchecked(row)->version;
                row.recovery =
                    certificate_
                        ->Seal(crypto::SecretBytes::Random(32).value(), WrapContextOf(version))
                        .value();
              }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.recovery = ""; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.wrapped = ""; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.purpose = "token"; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.algorithm = "HMAC-SHA256"; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.protection = "hsm"; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.state = "destroyed"; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.primary = !row.primary; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) {
                row.state = row.state == "active" ? "deactivated" : "active";
              }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Changed([](store::KeyVersionRow& row) { row.version += 7; }),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, TheSecretBeforeTheNewestOneMayBeLiveAndNoOtherKeysVersion) {
  const KeyName hooks{"acme", "hooks"};
  ASSERT_OK(world_.Create(
      hooks, {Purpose::kTimestampedWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear}));
  ASSERT_OK(world_.Rotate(hooks));
  EXPECT_OK(Check(Rows()));
  ASSERT_OK(world_.Rotate(hooks, KeyRegistry::Urgency::kSoon));
  EXPECT_OK(Check(Rows()));
  const auto restored = Restore();
  ASSERT_OK(restored);
  EXPECT_THAT(restored->lost, ::testing::Contains("tenants/acme/keys/hooks/versions/3"));

  ASSERT_OK(world_.Rotate(kWebhook));
  std::vector<store::KeyVersionRow> rows = Rows();
  for (store::KeyVersionRow& row : rows) {
    if (row.key == kWebhook.key && row.version == 1) row.state = "active";
  }
  EXPECT_THAT(Check(rows), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RestorationTest, AVersionThatIsMissingOrOneTooManyContradictsTheLog) {
  std::vector<store::KeyVersionRow> rows = Rows();
  rows.push_back(rows.back());
  rows.back().version = 9;
  const absl::Status extra = Check(rows);
  EXPECT_THAT(extra, HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(std::string(extra.message()), HasSubstr("does not know"));
  rows = Rows();
  rows.erase(rows.begin());
  const absl::Status missing = Check(rows);
  EXPECT_THAT(missing, HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("lacks"));
}

TEST_F(RestorationTest, APreparedVersionIsComparedWithTheLogTooUntilAfterItsRotation) {
  const KeyName orders{"acme", "prepared"};
  ASSERT_OK(world_.Create(orders, KeyParameters{}));
  ASSERT_OK(world_.CreateVersion(orders));
  EXPECT_OK(Check(Rows()));
  std::vector<store::KeyVersionRow> rows = Rows();
  const auto prepared =
      std::find_if(rows.begin(), rows.end(), [](const auto& row) { return IsPrepared(row); });
  ASSERT_NE(prepared, rows.end());
  for (const char* state : {"active", "destroyed"}) {
    std::vector<store::KeyVersionRow> changed = rows;
    changed[static_cast<std::size_t>(prepared - rows.begin())].state = state;
    EXPECT_THAT(Check(changed), HasReason(Reason::kIntegrityFailure)) << state;
  }
  rows.erase(prepared);
  EXPECT_THAT(Check(rows), HasReason(Reason::kIntegrityFailure));
  ASSERT_OK(world_.Rotate(orders, KeyRegistry::Urgency::kSoon));
  EXPECT_OK(Check(Rows()));
}

TEST_F(RestorationTest, AVersionWhoseMakingBrokeOffIsNoContradiction) {
  world_.hsm.FailAlways(keysvc::testing::HsmVerb::kGenerate,
                        Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_FALSE(world_.Create({"acme", "other"}, KeyParameters{}).ok());
  EXPECT_OK(Check(Rows()));
}

}  // namespace
}  // namespace keysvc::keys
