// Secrets that partners have made, taken into the HSM.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_delivery.h"
#include "keysvc/keys/key_history.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_request.h"
#include "tests/support/hmac.h"
#include "tests/support/openssl.h"
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
using ::testing::SizeIs;

const KeyName kHooks{"acme", "bank-hooks"};
const KeyName kImport{"acme", "import"};
constexpr char kRequestId[] = "0a3f4b62-2d0c-4d5e-9c61-0b7a54c3d2e1";
constexpr char kOaep[] = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256";
const KeyParameters kShared{Purpose::kTimestampedWebhook, Algorithm::kHmacSha256,
                            Protection::kShared, kYear};
const KeyParameters kImporting{Purpose::kSecretImport, Algorithm::kRsa3072, Protection::kHsm,
                               absl::Hours(24 * 30)};

class KeyImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    ASSERT_OK(world_.Create(kImport, kImporting));
  }

  std::string Wrapped(const std::string& secret, std::uint32_t version = 1) {
    return testing::EncryptFor(*world_.hsm.PublicKey(absl::StrCat("dev/acme/import/v", version)),
                               secret, kOaep);
  }
  KeyImport Order(std::string wrapped) {
    return {.name = kHooks,
            .parameters = kShared,
            .import_key = {.key = kImport, .version = 0},
            .secret = {pkcs11::Wrapping::kRsaOaepSha256, std::move(wrapped)}};
  }
  absl::StatusOr<KeyVersion> Import(const KeyImport& order, std::string_view request_id = {},
                                    std::string_view who = testing::kAnother) {
    auto recorded = world_.registry().Import(
        world_.PermitFor(policy::Action::kImportKey, order.name.ToString(), who), order,
        request_id);
    if (!recorded.ok()) return recorded.status();
    return std::move(recorded->value);
  }
  absl::StatusOr<KeyVersion> Import(const std::string& secret) {
    return Import(Order(Wrapped(secret)));
  }
  std::string TagByHsm(std::uint32_t version) {
    return *world_.hsm.Sign(absl::StrCat("dev/acme/bank-hooks/v", version),
                            pkcs11::Mechanism::kHmacSha256, "message");
  }
  std::vector<std::string> Outcomes(std::string_view action = "KeyService.ImportKey") {
    std::vector<std::string> outcomes;
    for (const LoggedRecord& record : LoggedRecords(world_.store)) {
      if (record.action == action) outcomes.push_back(record.outcome);
    }
    return outcomes;
  }
  bool IsOnTheToken(std::uint32_t version) {
    const std::vector<pkcs11::HsmKey> keys = world_.hsm.List().value();
    return std::ranges::any_of(keys, [&](const pkcs11::HsmKey& key) {
      return key.label == absl::StrCat("dev/acme/bank-hooks/v", version);
    });
  }

  // Without the request key, which is sealed to no recovery key here. `change` is made to the rows
  // of the imported key.
  absl::Status CheckAgainstTheLog(const std::function<void(store::KeyVersionRow&)>& change =
                                      [](auto& /*row*/) {}) {
    KeyHistory history = *ReadKeyHistory(world_.store);
    std::erase_if(history.versions, [](const auto& version) {
      return version.first.find("/keys/request/") != std::string::npos;
    });
    std::vector<store::KeyVersionRow> rows = *world_.store.ListKeyVersions();
    std::erase_if(rows, [](const auto& row) { return row.key == "request"; });
    for (store::KeyVersionRow& row : rows) {
      if (row.key == kHooks.key) change(row);
    }
    return CheckRowsAgainst(history, rows);
  }

  const std::string secret_ = std::string(40, 's');
  KeyWorld world_;
};

TEST_F(KeyImportTest, APartnersSecretIsTheKeysFirstVersion) {
  const auto version = Import(secret_);
  ASSERT_OK(version);
  EXPECT_EQ(version->name.ToString(), "tenants/acme/keys/bank-hooks/versions/1");
  EXPECT_EQ(version->state, KeyState::kActive);
  EXPECT_TRUE(version->primary);
  EXPECT_EQ(version->parameters.protection, Protection::kShared);
  EXPECT_EQ(version->origin, Origin::kImported);
  EXPECT_EQ(version->made_by, testing::kAnother);
  EXPECT_EQ(version->recipient_end, version->originator_end);
  EXPECT_EQ(TagByHsm(1), testing::HmacSha256(secret_, "message"));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "success"));
  EXPECT_EQ(LastCall(world_.store).resource, "tenants/acme/keys/bank-hooks/versions/1");
  // What is stored and what is recorded say it alike, and go on saying it.
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(world_.registry().Versions(kHooks)->front().origin, Origin::kImported);
  EXPECT_THAT(world_.registry().orphans(), IsEmpty());
  EXPECT_OK(CheckAgainstTheLog());
}

TEST_F(KeyImportTest, TheNextSecretIsARollAndSoIsOneThatTheHsmMakes) {
  ASSERT_OK(Import(secret_));
  const std::string next(32, 'n');
  ASSERT_OK(Import(next));
  EXPECT_EQ(TagByHsm(2), testing::HmacSha256(next, "message"));
  auto signers = world_.registry().SignersOf(kHooks);
  ASSERT_OK(signers);
  ASSERT_EQ(signers->size(), 2U);
  EXPECT_EQ(signers->at(0).name.version, 2U);
  EXPECT_EQ(signers->at(1).originator_end, world_.Now() + kSecretRoll);

  const auto made = world_.Rotate(kHooks);
  ASSERT_OK(made);
  EXPECT_EQ(made->origin, Origin::kGenerated);
  EXPECT_EQ(made->parameters, kShared);
  EXPECT_EQ(world_.registry().SignersOf(kHooks)->size(), 2U);
  EXPECT_OK(CheckAgainstTheLog());
}

TEST_F(KeyImportTest, TheNextSecretOfARailWaitsForItsRotation) {
  const KeyParameters rail{Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear};
  const auto import = [&](char c) {
    KeyImport order = Order(Wrapped(std::string(32, c)));
    order.parameters = rail;
    return Import(order);
  };
  const auto first = import('a');
  ASSERT_OK(first);
  EXPECT_TRUE(first->primary);
  const auto second = import('b');
  ASSERT_OK(second);
  EXPECT_TRUE(IsPrepared(*second));
  EXPECT_EQ(second->origin, Origin::kImported);
  EXPECT_OK(CheckAgainstTheLog());
  EXPECT_THAT(CheckAgainstTheLog([](store::KeyVersionRow& row) {
                if (row.version == 2) row.state = "active";
              }),
              HasReason(Reason::kIntegrityFailure));

  ASSERT_OK(world_.Restart());
  EXPECT_EQ(world_.registry().PrimaryFor(kHooks, Use::kApply)->name.version, 1U);
  const auto rotated = world_.Rotate(kHooks);
  ASSERT_OK(rotated);
  EXPECT_EQ(rotated->name, second->name);
  EXPECT_EQ(rotated->origin, Origin::kImported);
  EXPECT_OK(CheckAgainstTheLog());
}

TEST_F(KeyImportTest, AWrongSecretOfARailThatWaitsGivesWayToTheRightOne) {
  const auto import = [&](char c) {
    KeyImport order = Order(Wrapped(std::string(32, c)));
    order.parameters = {Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear};
    return Import(order);
  };
  ASSERT_OK(import('a'));
  ASSERT_OK(import('w'));
  const auto right = import('r');
  ASSERT_OK(right);
  EXPECT_TRUE(IsPrepared(*right));
  EXPECT_EQ(world_.registry().Version({kHooks, 2})->state, KeyState::kDestroyed);
  EXPECT_OK(CheckAgainstTheLog());
  EXPECT_THAT(CheckAgainstTheLog([](store::KeyVersionRow& row) {
                if (row.version == 2) row.state = "pre-activation";
              }),
              HasReason(Reason::kIntegrityFailure))
      << "the log knows that it waits no more";

  ASSERT_OK(world_.Restart());
  EXPECT_THAT(world_.registry().orphans(), ElementsAre("dev/acme/bank-hooks/v2"));
  EXPECT_EQ(world_.Rotate(kHooks)->name, right->name);
  EXPECT_OK(CheckAgainstTheLog());
}

TEST_F(KeyImportTest, AnImportedSecretKeepsTheCeilingOfItsKey) {
  KeyParameters rail{Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear};
  KeyImport order = Order(Wrapped(std::string(32, 'a')));
  order.parameters = rail;
  rail.max_signatures = 10;
  ASSERT_OK(world_.Create(kHooks, rail));
  EXPECT_EQ(Import(order)->parameters, rail);
}

TEST_F(KeyImportTest, WhatTheHsmCannotMacByIsNotTakenIn) {
  KeyImport order = Order(Wrapped(std::string(32, 'a')));
  order.parameters = {Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear};
  world_.hsm.SupportOnly({pkcs11::KeyKind::kHmacSha256, pkcs11::KeyKind::kRsa3072Unwrapping});
  EXPECT_THAT(Import(order), HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_OK(Import(secret_));
}

TEST_F(KeyImportTest, ASecretGoesOnWhereTheHsmMadeTheFirst) {
  ASSERT_OK(world_.Create(kHooks, kShared));
  const auto version = Import(secret_);
  ASSERT_OK(version);
  EXPECT_EQ(version->name.version, 2U);
  EXPECT_EQ(world_.registry().SignersOf(kHooks)->size(), 2U);
}

TEST_F(KeyImportTest, WhoMadeTheImportKeyDoesNotImportByIt) {
  const KeyImport order = Order(Wrapped(secret_));
  EXPECT_THAT(Import(order, {}, testing::kCaller), HasReason(Reason::kSeparationOfDuties));
  EXPECT_EQ(LastCall(world_.store).outcome, "denied");
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kImport), 0U);
  ASSERT_OK(world_.Restart());
  EXPECT_THAT(Import(order, {}, testing::kCaller), HasReason(Reason::kSeparationOfDuties))
      << "it is known after a restart";
  EXPECT_OK(Import(order));
}

TEST_F(KeyImportTest, WhatIsWrongWithTheImportKeyIsRefusedBeforeTheHsmIsAsked) {
  const KeyName signing{"acme", "signing"};
  ASSERT_OK(world_.Create(signing, {.algorithm = Algorithm::kRsa3072}));
  KeyImport order = Order(Wrapped(secret_));
  const auto with = [&](KeyVersionName name) {
    KeyImport changed = order;
    changed.import_key = std::move(name);
    return Import(changed).status();
  };
  EXPECT_THAT(with({.key = {"acme", "nobody"}, .version = 0}), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(with({.key = kImport, .version = 2}), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(with({.key = signing, .version = 0}), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_EQ(FieldOf(with({.key = {"globex", "import"}, .version = 0})), "import_key");
  world_.Advance(absl::Hours(24 * 30));
  EXPECT_THAT(Import(order), HasReason(Reason::kKeyNotActive)) << "its time is over";
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kImport), 0U);
}

TEST_F(KeyImportTest, AVersionOfTheImportKeyThatWasRotatedTakesInNothing) {
  KeyImport order = Order(Wrapped(secret_));
  order.import_key.version = 1;
  ASSERT_OK(world_.Rotate(kImport));
  EXPECT_THAT(Import(order), HasReason(Reason::kKeyNotActive));
  order.import_key.version = 0;
  EXPECT_THAT(Import(order), HasReason(Reason::kWrappedSecretInvalid)) << "wrapped for version 1";
  order.secret.bytes = Wrapped(secret_, 2);
  EXPECT_OK(Import(order));
}

TEST_F(KeyImportTest, OnlyASharedKeyIsImportedAndOnlyUnderItsOwnKind) {
  KeyImport order = Order(Wrapped(secret_));
  order.parameters = {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear};
  EXPECT_EQ(FieldOf(Import(order).status()), "purpose");
  order.parameters = kShared;
  ASSERT_OK(world_.Create(kHooks,
                          {Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear}));
  EXPECT_THAT(Import(order), HasReason(Reason::kKeyPurposeMismatch));
  order.name.key = "card-fingerprint";
  EXPECT_THAT(Import(order), HasReason(Reason::kFieldInvalid));
  world_.hsm.ImportNothing();
  order.name = {"acme", "other"};
  EXPECT_THAT(Import(order), HasReason(Reason::kAlgorithmUnsupported));
}

TEST_F(KeyImportTest, AWrongSecretLeavesNothingAndTakesItsNumber) {
  EXPECT_THAT(Import(Order(Wrapped("short"))), HasReason(Reason::kWrappedSecretInvalid));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed"));
  EXPECT_FALSE(IsOnTheToken(1));
  EXPECT_THAT(Import(Order(std::string(383, 'x'))), HasReason(Reason::kWrappedSecretInvalid));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed", "failed"))
      << "what cannot be one is refused beforehand";
  EXPECT_THAT(world_.registry().PrimaryFor(kHooks, Use::kApply), HasReason(Reason::kKeyNotFound));
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(Import(secret_)->name.version, 2U);
}

TEST_F(KeyImportTest, ARepetitionMakesNoOtherVersion) {
  const KeyImport order = Order(Wrapped(secret_));
  ASSERT_OK(Import(order, kRequestId));
  ASSERT_OK(world_.Restart());
  const auto again = Import(order, kRequestId);
  ASSERT_OK(again);
  EXPECT_EQ(again->name.version, 1U);
  EXPECT_EQ(world_.registry().Versions(kHooks)->size(), 1U);
  KeyImport other = order;
  other.secret.bytes = Wrapped(secret_);
  EXPECT_THAT(Import(other, kRequestId), HasReason(Reason::kRequestIdReused));
  other = order;
  other.secret.wrapping = pkcs11::Wrapping::kRsaOaepSha1;
  EXPECT_THAT(Import(other, kRequestId), HasReason(Reason::kRequestIdReused));
}

TEST_F(KeyImportTest, AnImportThatIsBrokenOffIsGivenUpAtTheNextStart) {
  world_.hsm.BeforeEach(HsmVerb::kImport, [this] {
    world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100);
  });
  EXPECT_FALSE(Import(secret_).ok());
  ASSERT_OK(world_.Restart());
  EXPECT_TRUE(IsOnTheToken(1)) << "or the test would prove nothing";
  EXPECT_EQ(world_.registry().Versions(kHooks)->front().state, KeyState::kDestroyed);
  EXPECT_THAT(world_.registry().orphans(), ElementsAre("dev/acme/bank-hooks/v1"));
  EXPECT_THAT(Outcomes("KeyService.Recovered"), ElementsAre("failed"));
  EXPECT_EQ(LastCall(world_.store).orphan, "true");
  EXPECT_EQ(Import(secret_)->name.version, 2U);
}

TEST_F(KeyImportTest, AnHsmThatIsAwayTakesItInLater) {
  world_.hsm.FailNext(HsmVerb::kImport, Error(Reason::kHsmUnavailable, "away"));
  const KeyImport order = Order(Wrapped(secret_));
  EXPECT_THAT(Import(order, kRequestId), HasReason(Reason::kHsmUnavailable));
  EXPECT_OK(Import(order, kRequestId));
}

TEST_F(KeyImportTest, WhatIsRecordedAsASuccessHasItsCheckValue) {
  const KeyImport order = Order(Wrapped(secret_));
  // From then on: before it there are signatures of its own for the rows.
  world_.hsm.BeforeEach(HsmVerb::kImport, [this] {
    world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "away"));
  });
  EXPECT_THAT(Import(order, kRequestId), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed"));
  world_.hsm.BeforeEach(HsmVerb::kImport, {});
  EXPECT_THAT(world_.registry().PrimaryFor(kHooks, Use::kApply), HasReason(Reason::kKeyNotFound));

  const auto imported = Import(order, kRequestId);
  ASSERT_OK(imported);
  world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "away"));
  const auto value = world_.registry().CheckValueOf(*imported);
  ASSERT_OK(value);
  EXPECT_THAT(*value, SizeIs(10));
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(*world_.registry().CheckValueOf(*Import(order, kRequestId)), *value);
  KeyVersion gone = *imported;
  gone.check_value.reset();
  gone.state = KeyState::kDestroyed;
  EXPECT_EQ(*world_.registry().CheckValueOf(gone), "");
}

TEST_F(KeyImportTest, WhatAPartnerHasIsDeliveredToNobody) {
  ASSERT_OK(Import(secret_));
  KeyDelivery delivery(
      {world_.registry(), world_.partner_keys(), world_.hsm, world_.store, world_.journal()},
      world_.clock());
  const auto refused =
      delivery.Deliver(world_.PermitFor(policy::Action::kDeliverKey, kHooks.ToString()),
                       {kHooks, 0}, {"acme", "shop"}, "");
  ASSERT_OK(refused);
  EXPECT_THAT(refused->value, HasReason(Reason::kKeyDelivered));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
}

TEST_F(KeyImportTest, AKeyThatTheHsmMadeDoesNotStandInForAnImportedOneNorTheOtherWayRound) {
  ASSERT_OK(Import(secret_));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/bank-hooks/v1"));
  ASSERT_OK(world_.hsm.Generate("dev/acme/bank-hooks/v1", pkcs11::KeyKind::kHmacSha256));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/bank-hooks/v1"));
  ASSERT_OK(world_.hsm.Import("dev/acme/bank-hooks/v1", pkcs11::KeyKind::kImportedHmacSha256,
                              "dev/acme/import/v1",
                              {pkcs11::Wrapping::kRsaOaepSha256, Wrapped(secret_)}));
  ASSERT_OK(world_.Restart());

  const KeyName made{"acme", "made"};
  ASSERT_OK(world_.Create(made, kShared));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/made/v1"));
  ASSERT_OK(world_.hsm.Import("dev/acme/made/v1", pkcs11::KeyKind::kImportedHmacSha256,
                              "dev/acme/import/v1",
                              {pkcs11::Wrapping::kRsaOaepSha256, Wrapped(secret_)}));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyImportTest, ARowThatSaysOtherwiseIsFoundByItsMacAndByTheLog) {
  ASSERT_OK(Import(secret_));
  EXPECT_OK(CheckAgainstTheLog());
  EXPECT_THAT(CheckAgainstTheLog([](store::KeyVersionRow& row) { row.origin = "generated"; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(CheckAgainstTheLog([](store::KeyVersionRow& row) { row.made_by = testing::kCaller; }),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyImportTest, AnImportKeyIsForNinetyDaysAndCountsNothing) {
  KeyParameters parameters = kImporting;
  parameters.cryptoperiod = kLongestImport;
  EXPECT_OK(CheckParameters(parameters));
  parameters.cryptoperiod += absl::Seconds(1);
  EXPECT_EQ(FieldOf(CheckParameters(parameters)), "cryptoperiod_days");
  parameters = kImporting;
  parameters.max_signatures = 10;
  EXPECT_EQ(FieldOf(CheckParameters(parameters)), "max_signatures");
  parameters = kImporting;
  parameters.algorithm = Algorithm::kRsa2048;
  EXPECT_EQ(FieldOf(CheckParameters(parameters)), "algorithm");
  const auto version = world_.registry().Versions(kImport)->front();
  EXPECT_EQ(version.recipient_end, version.originator_end);
  EXPECT_FALSE(version.public_key.empty());
}

}  // namespace
}  // namespace keysvc::keys
