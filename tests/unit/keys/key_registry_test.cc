#include "keysvc/keys/key_registry.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/own_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::KeyWorld;
using keysvc::testing::LastCall;
using keysvc::testing::LoggedRecord;
using keysvc::testing::LoggedRecords;
using keysvc::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const KeyName kWebhook{"acme", "webhook"};
const KeyParameters kEcSign{};
const KeyParameters kMac{Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear};
const tokenizer::Profile kCards{"acme", "cards", 1, true};

tokenizer::Profile Ff1Profile() {
  return {.tenant = "acme",
          .name = "legacy",
          .number = 3,
          .deterministic = true,
          .family = tokenizer::Family::kFf1,
          .ff1 = {.shortest_card = 16,
                  .longest_card = 19,
                  .keep_first = 6,
                  .keep_last = 0,
                  .luhn_offset = 3}};
}

tokenizer::Profile EmvProfile() {
  return {.tenant = "acme",
          .name = "network",
          .number = 4,
          .family = tokenizer::Family::kEmv,
          .emv = {.range = {.prefix = "99990012", .length = 16},
                  .attestation = "Ours by the letter of the scheme",
                  .token_requestor_id = "40010030273",
                  .months_valid = 36}};
}

class KeyRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(world_.Start()); }

  std::vector<std::string> LabelsOnToken() {
    std::vector<std::string> labels;
    const std::vector<pkcs11::HsmKey> present = *world_.hsm.List();
    for (const auto& key : present) labels.push_back(key.label);
    return labels;
  }
  std::vector<KeyState> StatesOf(const KeyName& name) {
    std::vector<KeyState> states;
    const std::vector<KeyVersion> versions = *world_.registry().Versions(name);
    for (const KeyVersion& version : versions) {
      states.push_back(version.state);
    }
    return states;
  }

  KeyWorld world_;
};

TEST_F(KeyRegistryTest, ANewKeyIsActiveAndPrimaryAndDescribedInFull) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto version = world_.registry().PrimaryFor(kWebhook, Use::kApply);
  ASSERT_OK(version);
  EXPECT_EQ(version->name.ToString(), "tenants/acme/keys/webhook/versions/1");
  EXPECT_EQ(version->parameters, kEcSign);
  EXPECT_EQ(version->state, KeyState::kActive);
  EXPECT_EQ(version->environment, "test");
  EXPECT_EQ(version->hsm_label, "dev/acme/webhook/v1");
  EXPECT_EQ(version->created, world_.Now());
  EXPECT_EQ(version->originator_end, world_.Now() + kYear);
  EXPECT_EQ(version->recipient_end, world_.Now() + 8 * kYear);
  EXPECT_EQ(version->public_key, *world_.hsm.PublicKey("dev/acme/webhook/v1"));
}

TEST_F(KeyRegistryTest, CreatingIsAnIntentAndItsOutcome) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  std::vector<LoggedRecord> of_key;
  for (const LoggedRecord& record : LoggedRecords(world_.store)) {
    if (record.resource == "tenants/acme/keys/webhook/versions/1") of_key.push_back(record);
  }
  ASSERT_EQ(of_key.size(), 2u);
  EXPECT_EQ(of_key[0].action, "KeyService.CreateKey");
  EXPECT_EQ(of_key[0].outcome, "intent");
  EXPECT_EQ(of_key[0].actor, keysvc::testing::kCaller);
  EXPECT_EQ(of_key[1].action, "KeyService.CreateKey");
  EXPECT_EQ(of_key[1].outcome, "success");
  EXPECT_EQ(of_key[1].intent, std::to_string(of_key[0].index));
}

TEST_F(KeyRegistryTest, TheReceiptIsThatOfTheOutcome) {
  const auto recorded = world_.registry().Create(
      world_.PermitFor(policy::Action::kCreateKey, kWebhook.ToString()), kWebhook, kEcSign, "");
  ASSERT_OK(recorded);
  const LoggedRecord record = LoggedRecords(world_.store).at(recorded->receipt.index());
  EXPECT_EQ(record.outcome, "success");
  EXPECT_EQ(record.resource, "tenants/acme/keys/webhook/versions/1");
}

TEST_F(KeyRegistryTest, WhatIsRefusedIsRecordedAndTouchesNothing) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto labels = LabelsOnToken();
  EXPECT_THAT(world_.Create(kWebhook, kEcSign), HasReason(Reason::kKeyExists));
  EXPECT_EQ(LastCall(world_.store).reason, "KEY_EXISTS");
  EXPECT_EQ(LastCall(world_.store).outcome, "failed");
  EXPECT_THAT(world_.Rotate({"acme", "other"}), HasReason(Reason::kKeyNotFound));
  for (const char* reserved :
       {"token", "row-mac", "request", "card-fingerprint", "account-reference", "cards-data",
        "cards-index", "cards-ff1", "A"}) {
    EXPECT_THAT(world_.Create({"acme", reserved}, kEcSign), HasReason(Reason::kFieldInvalid));
  }
  KeyParameters data{Purpose::kData, Algorithm::kAes256, Protection::kEnvelope, kYear};
  EXPECT_THAT(world_.Create({"acme", "mine"}, data), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(LabelsOnToken(), labels);
}

TEST_F(KeyRegistryTest, AnAlgorithmThatTheTokenLacksIsRefused) {
  world_.hsm.SupportOnly({pkcs11::KeyKind::kEcP256});
  KeyParameters rsa = kEcSign;
  rsa.algorithm = Algorithm::kRsa3072;
  EXPECT_THAT(world_.Create(kWebhook, rsa), HasReason(Reason::kAlgorithmUnsupported));
}

TEST_F(KeyRegistryTest, APermitForSomethingElseOpensNothing) {
  for (const char* other : {"tenants/globex/keys/webhook", "tenants/acme/keys/other"}) {
    const auto created = world_.registry().Create(
        world_.PermitFor(policy::Action::kCreateKey, other), kWebhook, kEcSign, "");
    ASSERT_OK(created);
    EXPECT_THAT(created->value, HasReason(Reason::kInternal)) << other;
  }
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto other_action = world_.registry().Rotate(
      world_.PermitFor(policy::Action::kSign, kWebhook.ToString()), kWebhook, "");
  ASSERT_OK(other_action);
  EXPECT_THAT(other_action->value, HasReason(Reason::kInternal));
}

TEST_F(KeyRegistryTest, ARepeatedRotationMakesNoKeyThoughTheClockWasSetForward) {
  constexpr char kId[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";
  const auto rotate = [&] {
    return world_.registry().Rotate(
        world_.PermitFor(policy::Action::kRotateKey, kWebhook.ToString()), kWebhook, kId);
  };
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(rotate());
  const std::size_t made = world_.hsm.calls(HsmVerb::kGenerate);
  world_.JumpWallClock(absl::Hours(48));
  const auto again = rotate();
  ASSERT_OK(again);
  ASSERT_OK(again->value);
  EXPECT_EQ(again->value->name.version, 2u);
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kGenerate), made);
  EXPECT_EQ(StatesOf(kWebhook).size(), 2u);
}

TEST_F(KeyRegistryTest, ARepeatedChangeIsDoneOnce) {
  constexpr char kId[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";
  const auto create = [&](const KeyParameters& parameters) {
    auto recorded =
        world_.registry().Create(world_.PermitFor(policy::Action::kCreateKey, kWebhook.ToString()),
                                 kWebhook, parameters, kId);
    return recorded.ok() ? std::move(recorded->value) : recorded.status();
  };
  const auto rotate = [&](const KeyName& name, const std::string& id) {
    auto recorded = world_.registry().Rotate(
        world_.PermitFor(policy::Action::kRotateKey, name.ToString()), name, id);
    return recorded.ok() ? std::move(recorded->value) : recorded.status();
  };
  ASSERT_OK(create(kEcSign));
  ASSERT_OK(world_.Create({"acme", "other"}, kEcSign));
  const std::string rotation = "0" + std::string(kId + 1);
  ASSERT_OK(rotate(kWebhook, rotation));
  for (const bool restarted : {false, true}) {
    if (restarted) {
      ASSERT_OK(world_.Restart());
    }
    const auto created = create(kEcSign);
    ASSERT_OK(created);
    EXPECT_EQ(created->name.version, 1u);
    const auto rotated = rotate(kWebhook, rotation);
    ASSERT_OK(rotated);
    EXPECT_EQ(rotated->name.version, 2u);
    EXPECT_EQ(LastCall(world_.store).outcome, "success");
    EXPECT_THAT(create(kMac), HasReason(Reason::kRequestIdReused));
    EXPECT_THAT(rotate({"acme", "other"}, rotation), HasReason(Reason::kRequestIdReused));
    EXPECT_EQ(StatesOf(kWebhook).size(), 2u);
  }
  world_.Advance(absl::Hours(24));
  const auto later = rotate(kWebhook, rotation);
  ASSERT_OK(later);
  EXPECT_EQ(later->name.version, 3u);
}

TEST_F(KeyRegistryTest, LowSIsAskedForOnceAndKeptByEveryVersion) {
  constexpr char kRequest[] = "0b9d3e0c-55b5-4c43-8f0d-3a1f2f5b7c11";
  const auto create = [&](const KeyParameters& parameters) {
    return world_.registry()
        .Create(world_.PermitFor(policy::Action::kCreateKey, kWebhook.ToString()), kWebhook,
                parameters, kRequest)
        ->value;
  };
  KeyParameters low = kEcSign;
  low.low_s = true;
  ASSERT_OK(create(low));
  EXPECT_THAT(create(kEcSign), HasReason(Reason::kRequestIdReused));
  EXPECT_OK(create(low));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  ASSERT_OK(world_.Rotate(kWebhook, KeyRegistry::Urgency::kSoon));
  ASSERT_OK(world_.Restart());
  const std::vector<KeyVersion> versions = *world_.registry().Versions(kWebhook);
  for (const KeyVersion& version : versions) {
    EXPECT_TRUE(version.parameters.low_s) << version.name.ToString();
  }
}

TEST_F(KeyRegistryTest, AKeptVersionThatWasChangedIsNotGiven) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto rotate = [&] {
    return world_.registry().Rotate(
        world_.PermitFor(policy::Action::kRotateKey, kWebhook.ToString()), kWebhook,
        "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1");
  };
  ASSERT_OK(rotate());
  world_.store.Tamper(
      [](MemoryStore::Rows& rows) { rows.idempotency.begin()->second.expires_ms += 1; });
  const auto tampered = rotate();
  ASSERT_OK(tampered);
  EXPECT_THAT(tampered->value, HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(StatesOf(kWebhook).size(), 2u);
}

TEST_F(KeyRegistryTest, RotationMovesThePrimaryAndTheOldVersionOnlyProcesses) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  world_.Advance(absl::Hours(1));
  const auto second = world_.Rotate(kWebhook);
  ASSERT_OK(second);
  EXPECT_EQ(second->name.version, 2u);
  EXPECT_EQ(second->hsm_label, "dev/acme/webhook/v2");
  EXPECT_EQ(second->originator_end, world_.Now() + kYear);
  EXPECT_EQ(world_.registry().PrimaryFor(kWebhook, Use::kApply)->name.version, 2u);
  EXPECT_THAT(StatesOf(kWebhook), ElementsAre(KeyState::kDeactivated, KeyState::kActive));
  EXPECT_OK(world_.registry().VersionFor({kWebhook, 1}, Use::kProcess));
  EXPECT_THAT(world_.registry().VersionFor({kWebhook, 1}, Use::kApply),
              HasReason(Reason::kKeyNotActive));
  EXPECT_THAT(world_.registry().VersionFor({kWebhook, 3}, Use::kProcess),
              HasReason(Reason::kKeyNotFound));
  ASSERT_OK(world_.Restart());
  EXPECT_THAT(StatesOf(kWebhook), ElementsAre(KeyState::kDeactivated, KeyState::kActive));
}

TEST_F(KeyRegistryTest, ThePreparedVersionIsPublishedAndSignsOnlyAfterARotation) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto prepared = world_.CreateVersion(kWebhook);
  ASSERT_OK(prepared);
  EXPECT_TRUE(IsPrepared(*prepared));
  EXPECT_FALSE(prepared->primary);
  EXPECT_EQ(prepared->public_key, *world_.hsm.PublicKey("dev/acme/webhook/v2"));
  EXPECT_EQ(world_.registry().PrimaryFor(kWebhook, Use::kApply)->name.version, 1u);
  EXPECT_THAT(world_.registry().VersionFor(prepared->name, Use::kApply),
              HasReason(Reason::kKeyNotActive));
  EXPECT_THAT(world_.registry().VersionFor(prepared->name, Use::kProcess),
              HasReason(Reason::kKeyNotActive));
  EXPECT_EQ(LastCall(world_.store).action, "KeyService.CreateKeyVersion");

  world_.Advance(kJwksMaxAge - absl::Seconds(1));
  EXPECT_THAT(world_.Rotate(kWebhook), HasReason(Reason::kKeyNotPublished));
  EXPECT_THAT(StatesOf(kWebhook), ElementsAre(KeyState::kActive, KeyState::kPreActivation));
  EXPECT_THAT(world_.registry().orphans(), IsEmpty());
  world_.Advance(absl::Seconds(1));
  const std::size_t made = world_.hsm.calls(HsmVerb::kGenerate);
  ASSERT_OK(world_.Rotate(kWebhook));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kGenerate), made);
  EXPECT_THAT(StatesOf(kWebhook), ElementsAre(KeyState::kDeactivated, KeyState::kActive));
  EXPECT_EQ(world_.registry().PrimaryFor(kWebhook, Use::kApply)->name, prepared->name);
  EXPECT_EQ(LastCall(world_.store).resource, prepared->name.ToString());

  // The next rotation has none that is prepared.
  ASSERT_OK(world_.Rotate(kWebhook));
  EXPECT_EQ(world_.registry().PrimaryFor(kWebhook, Use::kApply)->name.version, 3u);
  ASSERT_OK(world_.Restart());
}

TEST_F(KeyRegistryTest, TheWaitBeginsWhenTheNextVersionCanBeSeenNotWhenItsMakingBegan) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  world_.hsm.BeforeEach(HsmVerb::kGenerate, [this] { world_.Advance(absl::Minutes(1)); });
  const auto prepared = world_.CreateVersion(kWebhook);
  ASSERT_OK(prepared);
  world_.hsm.Heal();
  EXPECT_EQ(prepared->created, world_.Now() - absl::Minutes(1));
  world_.Advance(kJwksMaxAge - absl::Seconds(1));
  EXPECT_THAT(world_.Rotate(kWebhook), HasReason(Reason::kKeyNotPublished));
  // By time that passes, however the clock is set.
  world_.JumpWallClock(absl::Hours(1));
  EXPECT_THAT(world_.Rotate(kWebhook), HasReason(Reason::kKeyNotPublished));
  world_.JumpWallClock(-absl::Hours(2));
  world_.Advance(absl::Seconds(1));
  EXPECT_OK(world_.Rotate(kWebhook));
}

TEST_F(KeyRegistryTest, TheWaitBeginsAnewWithAStartWhichDoesNotKnowWhatWasSeenBefore) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  world_.Advance(absl::Hours(1));
  ASSERT_OK(world_.Restart());
  EXPECT_THAT(world_.Rotate(kWebhook), HasReason(Reason::kKeyNotPublished));
  // Other changes do not prolong it.
  world_.Advance(kJwksMaxAge / 2);
  ASSERT_OK(world_.Create({"acme", "other"}, kEcSign));
  world_.Advance(kJwksMaxAge / 2);
  EXPECT_OK(world_.Rotate(kWebhook));
}

TEST_F(KeyRegistryTest, AKeyWithAKeySetRotatesToAVersionThatWasMadeAheadOnly) {
  const std::vector<KeyParameters> published = {
      {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear},
      {Purpose::kHttp, Algorithm::kEcP384, Protection::kHsm, kYear},
      {Purpose::kWebhook, Algorithm::kEd25519, Protection::kHsm, kYear},
      {Purpose::kCose, Algorithm::kEd25519, Protection::kHsm, kYear}};
  for (const KeyParameters& parameters : published) {
    const KeyName name{"acme", std::string(NameOf(parameters.purpose))};
    SCOPED_TRACE(name.ToString());
    ASSERT_OK(world_.Create(name, parameters));
    const std::size_t made = world_.hsm.calls(HsmVerb::kGenerate);
    EXPECT_THAT(world_.Rotate(name), HasReason(Reason::kKeyNotPublished));
    EXPECT_EQ(LastCall(world_.store).reason, "KEY_NOT_PUBLISHED");
    EXPECT_EQ(world_.hsm.calls(HsmVerb::kGenerate), made);
    EXPECT_THAT(StatesOf(name), ElementsAre(KeyState::kActive));
    ASSERT_OK(world_.CreateVersion(name));
    world_.Advance(kJwksMaxAge);
    EXPECT_EQ(world_.Rotate(name)->name.version, 2U);
    EXPECT_EQ(world_.Rotate(name, KeyRegistry::Urgency::kSoon)->name.version, 3U);
  }
  for (const KeyParameters& parameters :
       {kEcSign, kMac,
        KeyParameters{Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear}}) {
    const KeyName name{"globex", std::string(NameOf(parameters.purpose))};
    ASSERT_OK(world_.Create(name, parameters));
    EXPECT_OK(world_.Rotate(name)) << name.ToString();
  }
}

TEST_F(KeyRegistryTest, AfterACompromiseTheNextVersionSignsAtOnce) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  ASSERT_OK(world_.Rotate(kWebhook, KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(world_.registry().PrimaryFor(kWebhook, Use::kApply)->name.version, 2u);
}

TEST_F(KeyRegistryTest, ARotationInDueTimeAndOneAtOnceAreTwoRequests) {
  constexpr char kRequest[] = "5d0f0f5e-6f2f-4c53-9a38-2f4bb7a3f0a1";
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  const auto rotate = [&](KeyRegistry::Urgency urgency) {
    return world_.registry()
        .Rotate(world_.PermitFor(policy::Action::kRotateKey, kWebhook.ToString()), kWebhook,
                kRequest, urgency)
        ->value;
  };
  ASSERT_OK(rotate(KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(rotate(KeyRegistry::Urgency::kSoon)->name.version, 2u);
  EXPECT_THAT(rotate(KeyRegistry::Urgency::kInDueTime), HasReason(Reason::kRequestIdReused));
}

TEST_F(KeyRegistryTest, OneVersionOfAKeyWithAPublicHalfIsPreparedAtATime) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  EXPECT_THAT(world_.CreateVersion(kWebhook), HasReason(Reason::kKeyExists));
  const KeyName mac{"acme", "mac"};
  ASSERT_OK(world_.Create(mac, kMac));
  EXPECT_THAT(world_.CreateVersion(mac), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(world_.CreateVersion({"acme", "other"}), HasReason(Reason::kKeyNotFound));
}

TEST_F(KeyRegistryTest, AVersionThatHasWaitedForAllOfItsPeriodGivesWayAndIsNotRotatedTo) {
  KeyParameters parameters = kEcSign;
  ASSERT_OK(world_.Create(kWebhook, parameters));
  const auto waiting = world_.CreateVersion(kWebhook);
  ASSERT_OK(waiting);
  world_.Advance(parameters.cryptoperiod - absl::Milliseconds(1));
  EXPECT_THAT(world_.CreateVersion(kWebhook), HasReason(Reason::kKeyExists));
  world_.Advance(absl::Milliseconds(1));
  for (const auto urgency : {KeyRegistry::Urgency::kInDueTime, KeyRegistry::Urgency::kSoon}) {
    EXPECT_THAT(world_.Rotate(kWebhook, urgency), HasReason(Reason::kKeyNotActive));
  }
  EXPECT_EQ(world_.registry().Version({kWebhook, 0})->name.version, 1u);

  ASSERT_OK(world_.CreateVersion(kWebhook));
  EXPECT_EQ(world_.registry().Version(waiting->name)->state, KeyState::kDestroyed);
  const auto rotated = world_.Rotate(kWebhook, KeyRegistry::Urgency::kSoon);
  ASSERT_OK(rotated);
  EXPECT_EQ(rotated->name.version, 3u);
  EXPECT_OK(world_.registry().PrimaryFor(kWebhook, Use::kApply));
}

TEST_F(KeyRegistryTest, ARepeatedRequestForAVersionMakesOne) {
  constexpr char kRequest[] = "5d0f0f5e-6f2f-4c53-9a38-2f4bb7a3f0a1";
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook, kRequest));
  const auto repeated = world_.CreateVersion(kWebhook, kRequest);
  ASSERT_OK(repeated);
  EXPECT_EQ(repeated->name.version, 2u);
  EXPECT_EQ(StatesOf(kWebhook).size(), 2u);
  // Its id belongs to that request, not to a rotation.
  EXPECT_THAT(world_.registry()
                  .Rotate(world_.PermitFor(policy::Action::kRotateKey, kWebhook.ToString()),
                          kWebhook, kRequest, KeyRegistry::Urgency::kSoon)
                  ->value,
              HasReason(Reason::kRequestIdReused));
}

TEST_F(KeyRegistryTest, APreparedVersionThatTheTokenLostIsFoundAtLoad) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/webhook/v2"));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyRegistryTest, ATokenProfileGetsItsKeysOnce) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  ASSERT_OK(world_.registry().EnsureProfileKeys({"acme", "plain", 2, false}));
  std::vector<std::string> names;
  for (const KeyVersion& version : world_.registry().Primaries("acme")) {
    names.push_back(version.name.key.key + " " + std::string(NameOf(version.parameters.purpose)));
  }
  EXPECT_THAT(names,
              ElementsAre("card-fingerprint fingerprint", "cards-data data", "cards-index index",
                          "plain-data data", "request request", "row-mac row-mac", "token token"));
  EXPECT_THAT(world_.registry().Primaries("globex"), IsEmpty());
  const std::size_t records = LoggedRecords(world_.store).size();
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  for (const KeyVersion& version : world_.registry().Primaries("acme")) {
    EXPECT_EQ(version.name.version, 1u);
  }
  // A restart adds records of the log itself only.
  for (const LoggedRecord& record : LoggedRecords(world_.store)) {
    EXPECT_TRUE(record.index < records || record.action.starts_with("Log.")) << record.action;
  }
}

TEST_F(KeyRegistryTest,
       TheKeyOfAccountReferencesIsMadeWhereAProfileAsksForItAndBoundToTheirIssuer) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  const KeyName name = AccountReferenceKeyOf("acme");
  EXPECT_THAT(world_.registry().Versions(name), HasReason(Reason::kKeyNotFound));
  tokenizer::Profile linked{"acme", "plain", 2, false};
  linked.account_reference_issuer = "ACME";
  ASSERT_OK(world_.registry().EnsureProfileKeys(linked));
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.registry().EnsureProfileKeys(linked));
  const auto version = world_.registry().PrimaryFor(name, Use::kApply);
  ASSERT_OK(version);
  EXPECT_EQ(version->name.version, 1U);
  EXPECT_EQ(version->parameters.purpose, Purpose::kAccountReference);
  EXPECT_EQ(version->parameters.token_format, "account-reference 1 issuer=ACME");
  EXPECT_THAT(world_.Rotate(name), HasReason(Reason::kKeyNotRotatable));
  linked.account_reference_issuer = "ACMF";
  EXPECT_THAT(world_.registry().EnsureProfileKeys(linked), HasReason(Reason::kProfileChanged));
  linked.account_reference_issuer.clear();
  EXPECT_OK(world_.registry().EnsureProfileKeys(linked));
}

TEST_F(KeyRegistryTest, KeysWhoseOutputsMustBeRewrittenDoNotRotate) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  for (const KeyName& name : {IndexKeyOf(kCards), RowMacKeyOf("acme"), RequestKeyOf("acme")}) {
    EXPECT_THAT(world_.Rotate(name), HasReason(Reason::kKeyNotRotatable));
  }
  for (const KeyName& name : {DataKeyOf(kCards), TokenKeyOf("acme"), FingerprintKeyOf("acme")}) {
    EXPECT_OK(world_.Rotate(name));
  }
}

TEST_F(KeyRegistryTest, EnvelopeKeysOpenToTheSameSecretAfterRotationAndRestart) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  const KeyVersionName first{DataKeyOf(kCards), 1};
  const auto before = world_.registry().Open(first);
  ASSERT_OK(before);
  EXPECT_EQ(before->size(), 32u);
  ASSERT_OK(world_.Rotate(first.key));
  ASSERT_OK(world_.Restart());
  const auto after = world_.registry().Open(first);
  ASSERT_OK(after);
  EXPECT_TRUE(*before == *after);
  EXPECT_FALSE(*before == *world_.registry().Open({first.key, 2}));
}

TEST_F(KeyRegistryTest, UseEndsWithTheCryptoperiods) {
  ASSERT_OK(world_.Create(kWebhook, kMac));
  world_.Advance(kYear - absl::Milliseconds(1));
  EXPECT_OK(world_.registry().PrimaryFor(kWebhook, Use::kApply));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(world_.registry().PrimaryFor(kWebhook, Use::kApply),
              HasReason(Reason::kKeyNotActive));
  EXPECT_OK(world_.registry().PrimaryFor(kWebhook, Use::kProcess));
  world_.Advance(3 * kYear);
  EXPECT_THAT(world_.registry().PrimaryFor(kWebhook, Use::kProcess),
              HasReason(Reason::kKeyNotActive));
  // A key whose period is over still rotates: that is the way on.
  ASSERT_OK(world_.Rotate(kWebhook));
  EXPECT_OK(world_.registry().PrimaryFor(kWebhook, Use::kApply));
}

TEST_F(KeyRegistryTest, AnyColumnChangedBehindItsBackIsFoundAtLoad) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  const std::vector<std::pair<std::string, std::function<void(store::KeyVersionRow&)>>> changes = {
      {"tenant", [](auto& row) { row.tenant = "globex"; }},
      {"key", [](auto& row) { row.key = "other"; }},
      {"version", [](auto& row) { row.version = 2; }},
      {"purpose", [](auto& row) { row.purpose = "mac"; }},
      {"algorithm", [](auto& row) { row.algorithm = "RSA-2048"; }},
      {"protection", [](auto& row) { row.protection = "envelope"; }},
      {"environment", [](auto& row) { row.environment = "production"; }},
      {"created", [](auto& row) { ++row.created_ms; }},
      {"originator_end", [](auto& row) { ++row.originator_end_ms; }},
      {"recipient_end", [](auto& row) { ++row.recipient_end_ms; }},
      {"hsm_label", [](auto& row) { row.hsm_label += "0"; }},
      {"wrapped", [](auto& row) { row.wrapped += "x"; }},
      {"public_key", [](auto& row) { row.public_key.back() ^= 1; }},
      {"state", [](auto& row) { row.state = "suspended"; }},
      {"primary", [](auto& row) { row.primary = false; }},
      {"revision", [](auto& row) { ++row.revision; }},
      {"mac", [](auto& row) { row.mac.back() ^= 1; }},
      {"no mac", [](auto& row) { row.mac.clear(); }},
  };
  for (const auto& [column, change] : changes) {
    const auto original = world_.store.Snapshot().keys;
    world_.store.Tamper([&](MemoryStore::Rows& rows) {
      auto node = rows.keys.extract({"acme", "webhook", 1});
      change(node.mapped());
      node.key() = {node.mapped().tenant, node.mapped().key, node.mapped().version};
      rows.keys.insert(std::move(node));
    });
    EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure)) << column;
    world_.store.Tamper([&](MemoryStore::Rows& rows) { rows.keys = original; });
  }
  EXPECT_OK(world_.Restart());
}

TEST_F(KeyRegistryTest, RowsOfTwoKeysCannotBeSwappedNorOneLeftOut) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.Rotate(kWebhook));
  const auto original = world_.store.Snapshot().keys;
  world_.store.Tamper([](MemoryStore::Rows& rows) {
    std::swap(rows.keys[{"acme", "webhook", 1}].public_key,
              rows.keys[{"acme", "webhook", 2}].public_key);
  });
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
  for (const std::uint32_t version : {1u, 2u}) {
    world_.store.Tamper([&](MemoryStore::Rows& rows) {
      rows.keys = original;
      rows.keys.erase({"acme", "webhook", version});
    });
    EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure)) << version;
  }
}

TEST_F(KeyRegistryTest, AKeyThatTheTokenLostIsFoundAtLoad) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.Rotate(kWebhook));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/webhook/v1"));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyRegistryTest, KeysOfAnotherEnvironmentDoNotLoad) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  EXPECT_THAT(KeyRegistry::Load(world_.hsm, world_.wrapping, world_.store, world_.journal(),
                                "production", world_.clock()),
              HasReason(Reason::kEnvironmentMismatch));
}

TEST_F(KeyRegistryTest, ATokenWithoutTheRegistryKeyIsNotOurs) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.hsm.Destroy(world_.deployment.RegistryLabel()));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kNotInitialized));
}

TEST_F(KeyRegistryTest, AnFf1ProfileHasAKeyThatIsBoundToItsFormatAndDoesNotRotate) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  const KeyName name = Ff1KeyOf(Ff1Profile());
  EXPECT_EQ(name.ToString(), "tenants/acme/keys/legacy-ff1");
  const auto version = world_.registry().PrimaryFor(name, Use::kApply);
  ASSERT_OK(version);
  EXPECT_EQ(version->parameters.purpose, Purpose::kFf1);
  EXPECT_EQ(version->parameters.algorithm, Algorithm::kAes256);
  EXPECT_EQ(version->parameters.protection, Protection::kEnvelope);
  EXPECT_EQ(version->parameters.token_format, Ff1Profile().ff1.ToString());
  EXPECT_EQ(world_.registry().Open(version->name).value().size(), 32U);
  EXPECT_THAT(world_.registry().Versions(DataKeyOf(Ff1Profile())), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(world_.Rotate(name), HasReason(Reason::kKeyNotRotatable));
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  EXPECT_EQ(world_.registry().Versions(name)->size(), 1U);
}

TEST_F(KeyRegistryTest, AnFf1ProfileThatIsDeclaredOtherwiseIsRefusedAlsoAfterARestart) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  const auto refused = [&](auto change) {
    tokenizer::Profile profile = Ff1Profile();
    change(profile.ff1);
    EXPECT_THAT(world_.registry().EnsureProfileKeys(profile), HasReason(Reason::kProfileChanged));
  };
  refused([](auto& format) { format.shortest_card = 17; });
  refused([](auto& format) { format.longest_card = 18; });
  refused([](auto& format) { format.keep_first = 0; });
  refused([](auto& format) { format.luhn_offset = 4; });
  refused([](auto& format) { format.prefix = "ppt_"; });
  refused([](auto& format) {
    format.keep_last = 4;
    format.prefix = "ppt_";
  });
  EXPECT_EQ(world_.registry().Versions(Ff1KeyOf(Ff1Profile()))->size(), 1U);
}

TEST_F(KeyRegistryTest, TheDataKeyOfAnEmvProfileIsBoundToItsFormatInEveryVersion) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(EmvProfile()));
  const KeyName name = DataKeyOf(EmvProfile());
  ASSERT_OK(world_.Rotate(name));
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.registry().EnsureProfileKeys(EmvProfile()));
  const auto versions = world_.registry().Versions(name);
  ASSERT_OK(versions);
  EXPECT_EQ(versions->size(), 2U);
  for (const KeyVersion& version : *versions) {
    EXPECT_EQ(version.parameters.token_format, EmvProfile().emv.ToString());
  }
  const auto refused = [&](auto change) {
    tokenizer::Profile profile = EmvProfile();
    change(profile);
    EXPECT_THAT(world_.registry().EnsureProfileKeys(profile), HasReason(Reason::kProfileChanged));
  };
  refused([](auto& profile) { profile.emv.range.prefix = "99990013"; });
  refused([](auto& profile) { profile.emv.range.length = 17; });
  refused([](auto& profile) { profile.emv.token_requestor_id = "40010030274"; });
  refused([](auto& profile) { profile.emv.months_valid = 35; });
  refused([](auto& profile) { profile.emv.attestation += " of 2026"; });
  refused([](auto& profile) { profile.family = tokenizer::Family::kNumeric; });
  refused([](auto& profile) { profile.family = tokenizer::Family::kOpaque; });
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  refused([](auto& profile) { profile.name = kCards.name; });
}

// Its numbers may be in use long after the profile was taken out of the configuration.
TEST_F(KeyRegistryTest, AnIssuedRangeIsNeverDeclaredAgainForAnotherProfile) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  EXPECT_THAT(world_.registry().IssuedRanges(), IsEmpty());
  ASSERT_OK(world_.registry().EnsureProfileKeys(EmvProfile()));
  ASSERT_OK(world_.Rotate(DataKeyOf(EmvProfile())));
  ASSERT_OK(world_.Restart());
  const auto ranges = world_.registry().IssuedRanges();
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].prefix, "99990012");
  EXPECT_EQ(ranges[0].length, 16U);
  tokenizer::Profile other = EmvProfile();
  other.name = "network-2";
  other.number = 5;
  for (const char* tenant : {"acme", "globex"}) {
    other.tenant = tenant;
    for (const char* prefix : {"99990012", "999900", "999900123"}) {
      other.emv.range.prefix = prefix;
      EXPECT_THAT(world_.registry().EnsureProfileKeys(other), HasReason(Reason::kConfigInvalid))
          << tenant << " " << prefix;
      EXPECT_FALSE(world_.registry().Versions(DataKeyOf(other)).ok());
    }
  }
  other.emv.range.length = 17;
  EXPECT_OK(world_.registry().EnsureProfileKeys(other));
  EXPECT_OK(world_.registry().EnsureProfileKeys(EmvProfile()));
}

TEST_F(KeyRegistryTest, ProfilesThatAreDeclaredNoMoreAreKnownByTheirKeys) {
  const auto former = [&](std::vector<tokenizer::Profile> declared) {
    std::vector<std::string> names;
    const auto profiles = tokenizer::Profiles::Create(std::move(declared));
    for (const tokenizer::Profile& profile : world_.registry().FormerProfiles(*profiles)) {
      names.push_back(profile.ResourceName());
    }
    return names;
  };
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  ASSERT_OK(world_.registry().EnsureProfileKeys(EmvProfile()));
  ASSERT_OK(world_.Restart());
  EXPECT_THAT(former({kCards, EmvProfile()}), IsEmpty());
  EXPECT_THAT(former({kCards}), ElementsAre("tenants/acme/tokenProfiles/network"));
  EXPECT_THAT(former({EmvProfile()}), ElementsAre("tenants/acme/tokenProfiles/cards"));

  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  EXPECT_THAT(former({kCards, EmvProfile(), Ff1Profile()}), IsEmpty());
  EXPECT_THAT(former({kCards, EmvProfile()}), ElementsAre("tenants/acme/tokenProfiles/legacy"));
  const auto profiles = tokenizer::Profiles::Create({kCards, EmvProfile()});
  EXPECT_EQ(world_.registry().FormerProfiles(*profiles).front().family, tokenizer::Family::kFf1);
}

TEST_F(KeyRegistryTest, AProfileWhoseKeyWasNeverMadeWasNone) {
  // What the tenant's profiles share is there before.
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  world_.hsm.FailNext(HsmVerb::kWrap, Error(Reason::kHsmUnavailable, "away"));
  EXPECT_FALSE(world_.registry().EnsureProfileKeys(Ff1Profile()).ok());
  ASSERT_OK(world_.Restart());
  ASSERT_OK(world_.registry().Versions(Ff1KeyOf(Ff1Profile())));
  const auto others = tokenizer::Profiles::Create({kCards});
  EXPECT_THAT(world_.registry().FormerProfiles(*others), IsEmpty());
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  EXPECT_EQ(world_.registry().FormerProfiles(*others).size(), 1U);
}

// Its tokens may be in use, and would open to other cards under another key.
TEST_F(KeyRegistryTest,
       PrefixAndLuhnOffsetOfAnFf1ProfileAreNeverDeclaredAgainForAnotherOfTheTenant) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  ASSERT_OK(world_.Restart());
  tokenizer::Profile other = Ff1Profile();
  other.name = "legacy-2";
  EXPECT_THAT(world_.registry().EnsureProfileKeys(other), HasReason(Reason::kConfigInvalid));
  other.number = 5;
  other.ff1.keep_first = 0;
  other.ff1.shortest_card = 12;
  EXPECT_THAT(world_.registry().EnsureProfileKeys(other), HasReason(Reason::kConfigInvalid));
  EXPECT_FALSE(world_.registry().Versions(Ff1KeyOf(other)).ok());

  tokenizer::Profile of_other_tenant = other;
  of_other_tenant.tenant = "globex";
  EXPECT_OK(world_.registry().EnsureProfileKeys(of_other_tenant));
  tokenizer::Profile with_prefix = other;
  with_prefix.ff1.prefix = "ppt_";
  EXPECT_OK(world_.registry().EnsureProfileKeys(with_prefix));
  other.name = "legacy-3";
  other.ff1.luhn_offset = 4;
  EXPECT_OK(world_.registry().EnsureProfileKeys(other));
  EXPECT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  EXPECT_OK(world_.registry().EnsureProfileKeys(with_prefix));
}

TEST_F(KeyRegistryTest, AProfileDoesNotChangeItsFamily) {
  ASSERT_OK(world_.registry().EnsureProfileKeys(Ff1Profile()));
  tokenizer::Profile opaque = Ff1Profile();
  opaque.family = tokenizer::Family::kOpaque;
  EXPECT_THAT(world_.registry().EnsureProfileKeys(opaque), HasReason(Reason::kProfileChanged));
  ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  tokenizer::Profile ff1 = Ff1Profile();
  ff1.name = kCards.name;
  EXPECT_THAT(world_.registry().EnsureProfileKeys(ff1), HasReason(Reason::kProfileChanged));
}

TEST_F(KeyRegistryTest, AProfileNameThatLeavesNoRoomForTheKeysIsRefused) {
  tokenizer::Profile ff1 = Ff1Profile();
  ff1.name = "a12345678901";
  EXPECT_THAT(world_.registry().EnsureProfileKeys(ff1), HasReason(Reason::kConfigInvalid));
}

TEST_F(KeyRegistryTest, ARowPutBackWhileAnOutcomeIsUnknownIsRefusedByTheNextChange) {
  ASSERT_OK(world_.Create(kWebhook, kEcSign));
  ASSERT_OK(world_.CreateVersion(kWebhook));
  const auto before = world_.store.Snapshot().keys;
  ASSERT_OK(world_.journal().CheckpointNow());
  world_.store.FailCommit(MemoryStore::CommitFault::kDoneButUnknown);
  world_.store.Fail(MemoryStore::Step::kReopen, std::numeric_limits<int>::max());
  world_.store.Fail(MemoryStore::Step::kRead);  // nor can the rows be read again at once
  ASSERT_THAT(world_.Rotate(kWebhook, KeyRegistry::Urgency::kSoon),
              HasReason(Reason::kOutcomeUnknown));
  world_.store.Tamper([&before](MemoryStore::Rows& rows) { rows.keys = before; });
  world_.store.Heal();
  while (!world_.journal().healthy()) std::this_thread::yield();
  EXPECT_THAT(world_.Create({"acme", "another"}, kEcSign), HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(LastCall(world_.store).action, "KeyService.CreateKey");
  EXPECT_EQ(LastCall(world_.store).reason, "INTEGRITY_FAILURE");
}

}  // namespace
}  // namespace keysvc::keys
