#include "keysvc/keys/partner_keys.h"

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/public_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::KeyWorld;
using keysvc::testing::LastCall;
using keysvc::testing::LoggedRecord;
using keysvc::testing::LoggedRecords;
using keysvc::testing::MemoryStore;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;

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
  // A commit that is still held would hold the journal's end.
  void TearDown() override { world_.store.Heal(); }

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

  // The next change is written, or lost, and nobody knows which until the store is healed.
  void LoseTheNextOutcome(MemoryStore::CommitFault fault) {
    ASSERT_OK(world_.journal().CheckpointNow()) << "the first one is made beside the test";
    world_.store.FailCommit(fault);
    world_.store.Fail(MemoryStore::Step::kReopen, std::numeric_limits<int>::max());
  }
  bool IsInDoubt(const PartnerKeyName& name) {
    return ReasonOf(world_.partner_keys().Find(name).status()) == Reason::kOutcomeUnknown;
  }
  // Nobody makes a change meanwhile.
  void AwaitOutcome(const PartnerKeyName& name) {
    while (IsInDoubt(name)) std::this_thread::yield();
  }
  void AwaitLog() {
    while (!world_.journal().healthy()) std::this_thread::yield();
  }
  absl::Status StartWith(const std::function<void(MemoryStore::Rows&)>& change) {
    world_.Stop();
    const MemoryStore::Rows before = world_.store.Snapshot();
    world_.store.Tamper(change);
    const absl::Status status = world_.Start();
    world_.Stop();
    world_.store.Tamper(
        [&before](MemoryStore::Rows& rows) { rows.partner_keys = before.partner_keys; });
    return status;
  }
  // A record of the log that says so.
  absl::Status RecordHead(std::map<std::string, std::string> facts) {
    audit::Entry entry;
    entry.action = "Log.Head";
    entry.actor = "system";
    entry.details = std::move(facts);
    return world_.journal().Record(std::move(entry)).status();
  }

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
  const auto listed = world_.partner_keys().List("acme");
  ASSERT_OK(listed);
  for (const auto& key : *listed) names.push_back(key->name.key);
  EXPECT_THAT(names, ::testing::ElementsAre("bank", "shop"));
  EXPECT_EQ(world_.partner_keys().List("globex")->size(), 1u);
  EXPECT_EQ(world_.partner_keys().List("nobody")->size(), 0u);
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
  EXPECT_THAT(StartWith([](auto& rows) { rows.partner_keys.begin()->second.not_after_ms += 1; }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(StartWith([](auto& rows) { rows.partner_keys.clear(); }),
              HasReason(Reason::kIntegrityFailure));
  ASSERT_OK(world_.Start());
  // With a MAC that is right, under a name of which this log never heard.
  PartnerKey added = **world_.partner_keys().Find(kBank);
  added.name = kShop;
  const store::PartnerKeyRow row =
      PartnerKeyRows(world_.hsm, world_.deployment.RegistryLabel(), world_.deployment.environment)
          .Authenticate(added, 1)
          .value();
  EXPECT_THAT(StartWith([&row](auto& rows) {
                rows.partner_keys[{row.tenant, row.key}] = row;
              }),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_OK(world_.Start());
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
  const auto put_back = [&before](MemoryStore::Rows& rows) { rows.partner_keys = before; };
  const auto as_they_are = [](MemoryStore::Rows&) {};
  const auto facts = world_.partner_keys().HeadFacts();
  EXPECT_EQ(facts.at("partner_keys"), PartnerKeyRowsDigest({before.begin()->second}));
  ASSERT_OK(world_.DisablePartnerKey(kBank));
  // A head whose facts are older than the change, though it was recorded after it.
  ASSERT_OK(RecordHead(facts));
  EXPECT_THAT(StartWith(put_back), HasReason(Reason::kIntegrityFailure));
  EXPECT_OK(StartWith(as_they_are));
  // One that knows of the change.
  ASSERT_OK(world_.Start());
  ASSERT_OK(RecordHead(world_.partner_keys().HeadFacts()));
  EXPECT_THAT(StartWith(put_back), HasReason(Reason::kIntegrityFailure));
  EXPECT_OK(StartWith(as_they_are));
  // Nobody looks further back than such a head.
  ASSERT_OK(world_.Start());
  auto wrong = world_.partner_keys().HeadFacts();
  wrong["partner_keys"] = facts.at("partner_keys");
  ASSERT_OK(RecordHead(wrong));
  EXPECT_THAT(StartWith(as_they_are), HasReason(Reason::kIntegrityFailure));
}

TEST_F(PartnerKeysTest, AKeyWhoseDisablingMayBeDurableIsNotFoundUntilTheLogSaysWhatBecameOfIt) {
  struct Case {
    MemoryStore::CommitFault fault;
    std::string label;
    PartnerKeyState end;
  };
  const std::string other = "shop-of-globex";
  ASSERT_OK(Create({"globex", other}, "shop"));
  for (const Case& c :
       {Case{MemoryStore::CommitFault::kDoneButUnknown, "bank", PartnerKeyState::kDisabled},
        Case{MemoryStore::CommitFault::kLostAndUnknown, "shop", PartnerKeyState::kActive}}) {
    SCOPED_TRACE(c.label);
    const PartnerKeyName name{"acme", c.label};
    ASSERT_OK(Create(name, c.label));
    LoseTheNextOutcome(c.fault);
    ASSERT_THAT(world_.DisablePartnerKey(name), HasReason(Reason::kOutcomeUnknown));
    // The log settles it without the HSM.
    world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "away"));
    EXPECT_THAT(world_.partner_keys().Find(name), HasReason(Reason::kOutcomeUnknown));
    EXPECT_THAT(world_.partner_keys().List("acme"), HasReason(Reason::kOutcomeUnknown));
    EXPECT_OK(world_.partner_keys().Find({"globex", other}));
    EXPECT_OK(world_.partner_keys().List("globex"));
    EXPECT_TRUE(world_.partner_keys().HeadFacts().empty());
    world_.store.Heal();
    AwaitOutcome(name);
    EXPECT_EQ(StateOf(name), c.end);
    EXPECT_OK(world_.partner_keys().List("acme"));
    world_.hsm.Heal();
  }
  ASSERT_OK(world_.DisablePartnerKey(kShop)) << "what was lost is done again";
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kDisabled);
  EXPECT_EQ(StateOf(kShop), PartnerKeyState::kDisabled);
}

TEST_F(PartnerKeysTest, ARegistrationWhoseOutcomeIsUnknownIsFoundOnceItIsKnown) {
  LoseTheNextOutcome(MemoryStore::CommitFault::kDoneButUnknown);
  ASSERT_THAT(Create(kBank, "bank"), HasReason(Reason::kOutcomeUnknown));
  EXPECT_TRUE(IsInDoubt(kBank));
  world_.store.Heal();
  AwaitOutcome(kBank);
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kActive);
  EXPECT_THAT(Create(kBank, "bank"), HasReason(Reason::kKeyExists));

  LoseTheNextOutcome(MemoryStore::CommitFault::kLostAndUnknown);
  ASSERT_THAT(Create(kShop, "shop"), HasReason(Reason::kOutcomeUnknown));
  world_.store.Heal();
  AwaitOutcome(kShop);
  EXPECT_THAT(world_.partner_keys().Find(kShop), HasReason(Reason::kKeyNotFound));
  EXPECT_OK(Create(kShop, "shop"));
  EXPECT_OK(world_.Restart());
}

TEST_F(PartnerKeysTest, ACommitThatHangsLeavesItsKeyInDoubtUntilItIsThrough) {
  world_.answer_within = absl::Milliseconds(500);
  ASSERT_OK(world_.Restart());
  ASSERT_OK(Create(kBank, "bank", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e2"));
  ASSERT_OK(world_.journal().CheckpointNow());
  world_.store.HoldCommits();
  ASSERT_THAT(world_.DisablePartnerKey(kBank, kRequestId), HasReason(Reason::kOutcomeUnknown));
  EXPECT_TRUE(IsInDoubt(kBank));
  EXPECT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kAuditUnavailable));
  world_.store.ReleaseCommits();
  AwaitOutcome(kBank);
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kDisabled);
  EXPECT_EQ(world_.DisablePartnerKey(kBank, kRequestId)->state, PartnerKeyState::kDisabled);
}

TEST_F(PartnerKeysTest, ARowPutBackWhileAnOutcomeIsUnknownIsNotTaken) {
  ASSERT_OK(Create(kBank, "bank"));
  const auto before = world_.store.Snapshot().partner_keys;
  LoseTheNextOutcome(MemoryStore::CommitFault::kDoneButUnknown);
  ASSERT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kOutcomeUnknown));
  world_.store.Tamper([&before](MemoryStore::Rows& rows) { rows.partner_keys = before; });
  world_.store.Heal();
  AwaitLog();
  EXPECT_THAT(Create(kShop, "shop"), HasReason(Reason::kIntegrityFailure));
  // Not always the newest record: the thread that settles doubts may look once more after it.
  EXPECT_THAT(LoggedRecords(world_.store),
              Contains(AllOf(Field(&LoggedRecord::action, "PartnerKeyService.CreatePartnerKey"),
                             Field(&LoggedRecord::reason, "INTEGRITY_FAILURE"))));
  EXPECT_TRUE(IsInDoubt(kBank)) << "it verifies nothing";
  EXPECT_TRUE(world_.partner_keys().HeadFacts().empty()) << "nobody vouches for the rows";
  world_.Stop();
  EXPECT_THAT(world_.Start(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(PartnerKeysTest, RowsThatAreRightAgainEndTheDoubtWithoutAnotherChange) {
  ASSERT_OK(Create(kBank, "bank"));
  const auto before = world_.store.Snapshot().partner_keys;
  LoseTheNextOutcome(MemoryStore::CommitFault::kDoneButUnknown);
  ASSERT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kOutcomeUnknown));
  const auto after = world_.store.Snapshot().partner_keys;
  world_.store.Tamper([&before](MemoryStore::Rows& rows) { rows.partner_keys = before; });
  world_.store.Heal();
  AwaitLog();
  // By now it has been seen once at least that they are not what the log tells of.
  EXPECT_THAT(Create(kShop, "shop"), HasReason(Reason::kIntegrityFailure));
  world_.store.Tamper([&after](MemoryStore::Rows& rows) { rows.partner_keys = after; });
  AwaitOutcome(kBank);
  EXPECT_EQ(StateOf(kBank), PartnerKeyState::kDisabled);
}

TEST_F(PartnerKeysTest, AChangeOfARowThatIsNotWhatWasWrittenIsRefusedAndRecorded) {
  ASSERT_OK(Create(kBank, "bank"));
  world_.store.Tamper([](MemoryStore::Rows& rows) { rows.partner_keys.clear(); });
  EXPECT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(LastCall(world_.store).action, "PartnerKeyService.DisablePartnerKey");
  EXPECT_EQ(LastCall(world_.store).reason, "INTEGRITY_FAILURE");
}

TEST_F(PartnerKeysTest, ARepetitionGetsItsKeyAlsoWhenThatIsOver) {
  const std::string pem = PemOf("bank");
  const PartnerKeyRequest request{.pem = pem, .not_after = world_.Now() + absl::Hours(1)};
  ASSERT_OK(world_.CreatePartnerKey(kBank, request, kRequestId));
  world_.Advance(absl::Minutes(61));
  const auto again = world_.CreatePartnerKey(kBank, request, kRequestId);
  ASSERT_OK(again);
  EXPECT_EQ(again->name, kBank);
  EXPECT_THAT(world_.CreatePartnerKey(kShop, request), HasReason(Reason::kFieldInvalid));
}

TEST_F(PartnerKeysTest, ABeginThatIsSaidIsAnotherRequestThanNone) {
  const std::string pem = PemOf("bank");
  PartnerKeyRequest request{.pem = pem, .not_after = End()};
  ASSERT_OK(world_.CreatePartnerKey(kBank, request, kRequestId));
  request.not_before = absl::UnixEpoch();
  EXPECT_THAT(world_.CreatePartnerKey(kBank, request, kRequestId),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(PartnerKeysTest, ARefusedRequestMakesNoKeysForItsTenant) {
  const PartnerKeyName nobodys{"nonesuch", "bank"};
  const auto has_keys = [&] { return world_.registry().Versions(RequestKeyOf("nonesuch")).ok(); };
  EXPECT_THAT(world_.DisablePartnerKey(nobodys, kRequestId), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(world_.CreatePartnerKey(nobodys, {.pem = "garbage"}, kRequestId),
              HasReason(Reason::kFieldInvalid));
  // Nor does the id of a request for another tenant.
  ASSERT_OK(Create(kBank, "bank", kRequestId));
  EXPECT_THAT(world_.DisablePartnerKey(nobodys, kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_FALSE(has_keys());
  constexpr char kAnother[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e2";
  ASSERT_OK(Create(nobodys, "bank", kAnother));
  EXPECT_TRUE(has_keys());
}

}  // namespace
}  // namespace keysvc::keys
