#include "keysvc/keys/partner_keys.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/public_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::KeyWorld;
using keysvc::testing::LastCall;
using keysvc::testing::MemoryStore;

constexpr char kRequestId[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";
const PartnerKeyName kBank{"acme", "bank"};
const PartnerKeyName kShop{"acme", "shop"};

class PartnerKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    for (const char* label : {"bank", "shop"}) {
      ASSERT_OK(partner_.Generate(label, pkcs11::KeyKind::kEcP256));
    }
  }
  std::string PemOf(const std::string& label) {
    return ReadPublicHalf(partner_.PublicKey(label).value()).value()->pem;
  }
  absl::StatusOr<PartnerKey> Create(const PartnerKeyName& name, const std::string& label,
                                    std::string_view request_id = {},
                                    Purpose purpose = Purpose::kJws) {
    const std::string pem = PemOf(label);
    return world_.CreatePartnerKey(
        name, {.purpose = purpose, .pem = pem, .kid = "k1", .not_after = End()}, request_id);
  }
  absl::Time End() const { return world_.Now() + absl::Hours(24 * 30); }
  PartnerKeyState StateOf(const PartnerKeyName& name) {
    return world_.partner_keys().Find(name).value()->state;
  }
  std::size_t Writes() { return world_.store.ListPartnerKeys().value().size(); }

  KeyWorld world_;
  keysvc::testing::FakeHsm partner_;
};

TEST_F(PartnerKeysTest, AKeyIsRegisteredWithItsRecordAndOutlivesARestart) {
  const auto created = Create(kBank, "bank");
  ASSERT_OK(created);
  EXPECT_EQ(created->registered_by, keysvc::testing::kCaller);
  EXPECT_EQ(created->created, world_.Now());
  const auto record = LastCall(world_.store);
  EXPECT_EQ(record.action, "PartnerKeyService.CreatePartnerKey");
  EXPECT_EQ(record.outcome, "success");
  EXPECT_EQ(record.resource, kBank.ToString());
  for (const bool restarted : {false, true}) {
    if (restarted) {
      ASSERT_OK(world_.Restart());
    }
    const auto found = world_.partner_keys().Find(kBank);
    ASSERT_OK(found);
    EXPECT_EQ((*found)->terms.public_key, partner_.PublicKey("bank").value());
    EXPECT_EQ((*found)->terms.kid, "k1");
    EXPECT_EQ((*found)->terms.not_after, created->terms.not_after);
    EXPECT_EQ((*found)->registered_by, keysvc::testing::kCaller);
  }
}

TEST_F(PartnerKeysTest, ARefusalIsRecordedAndSaysWhy) {
  ASSERT_OK(Create(kBank, "bank"));
  EXPECT_THAT(Create(kBank, "shop"), HasReason(Reason::kKeyExists));
  EXPECT_EQ(LastCall(world_.store).reason, "KEY_EXISTS");
  EXPECT_THAT(world_.CreatePartnerKey(kShop, {.pem = "-----BEGIN PRIVATE KEY-----"}),
              HasReason(Reason::kPrivateKeyPresented));
  EXPECT_EQ(LastCall(world_.store).reason, "PRIVATE_KEY_PRESENTED");
  EXPECT_THAT(world_.DisablePartnerKey(kShop), HasReason(Reason::kKeyNotFound));
  EXPECT_EQ(LastCall(world_.store).reason, "KEY_NOT_FOUND");
  EXPECT_EQ(Writes(), 1u);
}

TEST_F(PartnerKeysTest, KeysAreListedByTenantInTheOrderOfTheirNames) {
  ASSERT_OK(Create(kShop, "shop"));
  ASSERT_OK(Create(kBank, "bank"));
  ASSERT_OK(Create({"globex", "bank"}, "bank"));
  std::vector<std::string> names;
  for (const auto& key : world_.partner_keys().List("acme")) names.push_back(key->name.key);
  EXPECT_THAT(names, ::testing::ElementsAre("bank", "shop"));
  EXPECT_EQ(world_.partner_keys().List("globex").size(), 1u);
  EXPECT_EQ(world_.partner_keys().List("nobody").size(), 0u);
}

TEST_F(PartnerKeysTest, AKeyIsDisabledForEver) {
  ASSERT_OK(Create(kBank, "bank"));
  ASSERT_OK(world_.DisablePartnerKey(kBank));
  EXPECT_EQ(LastCall(world_.store).action, "PartnerKeyService.DisablePartnerKey");
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kDisabled);
  EXPECT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kPartnerKeyDisabled));
  EXPECT_THAT(Create(kBank, "bank"), HasReason(Reason::kKeyExists));
  // Not by another name either.
  EXPECT_THAT(Create(kShop, "bank"), HasReason(Reason::kPartnerKeyDisabled));
  EXPECT_OK(Create({"globex", "bank"}, "bank")) << "another tenant decides for itself";
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kDisabled);
}

TEST_F(PartnerKeysTest, OneKeyMayHaveTwoNamesButNotTwoPurposes) {
  ASSERT_OK(Create(kBank, "bank"));
  EXPECT_THAT(Create(kShop, "bank", {}, Purpose::kSign), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_OK(Create(kShop, "bank")) << "a certificate that was renewed for the same key";
}

TEST_F(PartnerKeysTest, ARepetitionGetsTheSameKeyAndAnotherRequestIsRefused) {
  ASSERT_OK(Create(kBank, "bank", kRequestId));
  const auto again = Create(kBank, "bank", kRequestId);
  ASSERT_OK(again);
  EXPECT_EQ(again->name, kBank);
  EXPECT_EQ(Writes(), 1u);
  EXPECT_THAT(Create(kBank, "shop", kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Create(kShop, "bank", kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(world_.DisablePartnerKey(kBank, kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kActive);

  constexpr char kAnother[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e2";
  ASSERT_OK(world_.DisablePartnerKey(kBank, kAnother));
  EXPECT_EQ(world_.DisablePartnerKey(kBank, kAnother)->state, PartnerKeyState::kDisabled);
  ASSERT_OK(world_.Restart());
  EXPECT_OK(world_.DisablePartnerKey(kBank, kAnother));
}

TEST_F(PartnerKeysTest, NothingChangesWithoutTheHsmOrTheLog) {
  ASSERT_OK(Create(kBank, "bank"));
  world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(Create(kShop, "shop"), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kActive);
  world_.hsm.Heal();
  world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100);
  EXPECT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kAuditUnavailable));
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kActive);
  ASSERT_OK(world_.Restart());
  EXPECT_OK(world_.DisablePartnerKey(kBank));
}

TEST_F(PartnerKeysTest, ARowThatIsChangedMissingOrAddedIsRefusedAtTheStart) {
  ASSERT_OK(Create(kBank, "bank"));
  const auto refused = [&](const auto& change) {
    world_.Stop();
    const MemoryStore::Rows before = world_.store.Snapshot();
    world_.store.Tamper(change);
    const absl::Status status = world_.Start();
    world_.Stop();
    world_.store.Tamper(
        [&before](MemoryStore::Rows& rows) { rows.partner_keys = before.partner_keys; });
    EXPECT_OK(world_.Start());
    return status;
  };
  EXPECT_THAT(refused([](auto& rows) { rows.partner_keys.begin()->second.not_after_ms += 1; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(refused([](auto& rows) { rows.partner_keys.clear(); }),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(PartnerKeysTest, ARowPutBackToBeforeItWasDisabledIsRefusedAtTheStart) {
  ASSERT_OK(Create(kBank, "bank"));
  const auto before = world_.store.Snapshot().partner_keys;
  ASSERT_OK(world_.DisablePartnerKey(kBank));
  world_.Stop();
  world_.store.Tamper([&before](MemoryStore::Rows& rows) { rows.partner_keys = before; });
  EXPECT_THAT(world_.Start(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(PartnerKeysTest, AHeadSpeaksForTheRowsAndIsBelievedNoMoreThanLaterRecords) {
  ASSERT_OK(Create(kBank, "bank"));
  const auto before = world_.store.Snapshot().partner_keys;
  const auto facts = world_.partner_keys().HeadFacts();
  EXPECT_EQ(facts.at("partner_keys"), PartnerKeyRowsDigest({before.begin()->second}));
  ASSERT_OK(world_.DisablePartnerKey(kBank));
  EXPECT_NE(world_.partner_keys().HeadFacts().at("partner_keys"), facts.at("partner_keys"));
}

TEST_F(PartnerKeysTest, AnOutcomeThatWasUnknownIsLookedUpBeforeTheNextChange) {
  for (const auto fault :
       {MemoryStore::CommitFault::kDoneButUnknown, MemoryStore::CommitFault::kLostAndUnknown}) {
    SCOPED_TRACE(static_cast<int>(fault));
    const PartnerKeyName name{
        "acme", fault == MemoryStore::CommitFault::kDoneButUnknown ? "written" : "lost"};
    world_.store.FailCommit(fault);
    const auto created = Create(name, "bank");
    // Either the journal finds out in time, or the caller hears that it is not known.
    if (!created.ok()) {
      EXPECT_THAT(created.status(), ::testing::AnyOf(HasReason(Reason::kOutcomeUnknown),
                                                     HasReason(Reason::kAuditUnavailable)));
    }
    world_.store.Heal();
    const auto again = Create(name, "bank");
    if (!again.ok()) {
      EXPECT_THAT(again, HasReason(Reason::kKeyExists));
    }
    EXPECT_OK(world_.partner_keys().Find(name));
  }
  EXPECT_EQ(Writes(), 2u);
  EXPECT_OK(world_.Restart());
}

}  // namespace
}  // namespace keysvc::keys
