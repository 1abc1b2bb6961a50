// What faults and stops in the middle of Create and Rotate leave behind.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_registry.h"
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
using ::testing::Contains;
using ::testing::ElementsAre;

const KeyName kWebhook{"acme", "webhook"};
const KeyParameters kEcSign{};
const tokenizer::Profile kCards{"acme", "cards", 1, true};

absl::Status Away() { return Error(Reason::kHsmUnavailable, "the token is away"); }

// The nth call of `verb` from now on fails.
void FailNth(KeyWorld& world, HsmVerb verb, int n) {
  for (int i = 1; i < n; ++i) world.hsm.FailNext(verb, absl::OkStatus());
  world.hsm.FailNext(verb, Away());
}

// The store fails from the moment at which the HSM is asked for `verb`.
void BreakStoreAt(KeyWorld& world, HsmVerb verb, std::function<void(MemoryStore&)> fault) {
  auto armed = std::make_shared<bool>(true);
  world.hsm.BeforeEach(verb, [&world, fault = std::move(fault), armed] {
    if (std::exchange(*armed, false)) fault(world.store);
  });
}

void RefuseForEver(MemoryStore& store) {
  store.FailCommit(MemoryStore::CommitFault::kRefused, 100'000);
}
void WriteAndForget(MemoryStore& store) {
  store.FailCommit(MemoryStore::CommitFault::kDoneButUnknown);
  store.Fail(MemoryStore::Step::kReopen);
}
void LoseAndForget(MemoryStore& store) {
  store.FailCommit(MemoryStore::CommitFault::kLostAndUnknown);
  store.Fail(MemoryStore::Step::kReopen);
}

struct Fault {
  std::string name;
  std::function<void(KeyWorld&)> arm;
};

std::vector<Fault> Faults(HsmVerb making) {
  std::vector<Fault> faults = {
      {"the intent's row is not sealed", [](KeyWorld& w) { FailNth(w, HsmVerb::kSign, 1); }},
      {"the failure's row is not sealed", [](KeyWorld& w) { FailNth(w, HsmVerb::kSign, 2); }},
      {"the outcome's row is not sealed", [](KeyWorld& w) { FailNth(w, HsmVerb::kSign, 3); }},
      {"the old primary's row is not sealed", [](KeyWorld& w) { FailNth(w, HsmVerb::kSign, 4); }},
      {"the key is not made", [making](KeyWorld& w) { FailNth(w, making, 1); }},
      {"the wrapped key does not open", [](KeyWorld& w) { FailNth(w, HsmVerb::kUnwrap, 1); }},
      {"the public key is not read", [](KeyWorld& w) { FailNth(w, HsmVerb::kPublicKey, 1); }},
      {"the key is made and the answer lost",
       [](KeyWorld& w) { w.hsm.LoseNextGenerateAnswer(Away()); }},
      {"the token is gone after the intent",
       [making](KeyWorld& w) { w.hsm.BeforeEach(making, [&w] { w.hsm.FailEverything(Away()); }); }},
      {"the intent is not written", [](KeyWorld& w) { RefuseForEver(w.store); }},
      {"the intent is written unknown", [](KeyWorld& w) { WriteAndForget(w.store); }},
      {"the intent is lost unknown", [](KeyWorld& w) { LoseAndForget(w.store); }},
  };
  const std::map<std::string, std::function<void(MemoryStore&)>> at_outcome = {
      {"the outcome is not written", RefuseForEver},
      {"the outcome is written unknown", WriteAndForget},
      {"the outcome is lost unknown", LoseAndForget},
      {"the outcome is written unknown and the rows cannot be read",
       [](MemoryStore& store) {
         WriteAndForget(store);
         store.Fail(MemoryStore::Step::kRead, 3);
       }},
  };
  for (const auto& [name, fault] : at_outcome) {
    faults.push_back({name, [making, fault](KeyWorld& w) { BreakStoreAt(w, making, fault); }});
  }
  return faults;
}

// Which labels the token holds for versions of `name`, and what their public keys are.
std::map<std::string, std::string> KeysOnToken(KeyWorld& world, const KeyName& name) {
  std::map<std::string, std::string> keys;
  const std::vector<pkcs11::HsmKey> present = *world.hsm.List();
  for (const auto& key : present) {
    if (key.label.starts_with("dev/" + name.tenant + "/" + name.key + "/")) {
      keys[key.label] = world.hsm.PublicKey(key.label).value_or("");
    }
  }
  return keys;
}

void ExpectEveryIntentHasOneOutcome(KeyWorld& world) {
  std::map<std::string, int> outcomes;
  std::vector<std::string> intents;
  for (const LoggedRecord& record : LoggedRecords(world.store)) {
    if (record.outcome == "intent") {
      intents.push_back(std::to_string(record.index));
    } else if (!record.intent.empty()) {
      ++outcomes[record.intent];
    }
  }
  for (const std::string& intent : intents) EXPECT_EQ(outcomes[intent], 1) << intent;
  EXPECT_EQ(outcomes.size(), intents.size());
}

void ExpectNothingIsUnfinished(KeyWorld& world) {
  const MemoryStore::Rows rows = world.store.Snapshot();
  for (const auto& [key, row] : rows.keys) {
    EXPECT_TRUE(row.state != "pre-activation" || IsPrepared(row)) << row.key << row.version;
  }
}

// Runs `change` against every fault, then what comes next, in the same process and in a new one.
class KeyCeremonyTest : public ::testing::TestWithParam<bool> {
 protected:
  // Lets the change run into the fault, then heals it.
  void Break(KeyWorld& world, const Fault& fault, const std::function<void()>& change) {
    fault.arm(world);
    change();
    if (GetParam()) {
      EXPECT_OK(world.Restart());
      ExpectNothingIsUnfinished(world);
      ExpectEveryIntentHasOneOutcome(world);
    } else {
      world.hsm.Heal();
      world.store.Heal();
      AwaitLog(world);
    }
  }

  // The log comes back by itself; until then it refuses at once.
  static void AwaitLog(KeyWorld& world) {
    audit::Entry entry;
    entry.action = "Test.Ping";
    while (!world.journal().Record(entry).ok()) std::this_thread::yield();
  }
};

TEST_P(KeyCeremonyTest, AKeyWhoseMakingBrokeOffCanBeMadeAndNoLabelIsUsedTwice) {
  for (const Fault& fault : Faults(HsmVerb::kGenerate)) {
    SCOPED_TRACE(fault.name);
    KeyWorld world;
    ASSERT_OK(world.Start());
    ASSERT_OK(world.Create({"acme", "first"}, kEcSign));  // makes the tenant's request key too
    absl::StatusOr<KeyVersion> broken;
    Break(world, fault, [&] { broken = world.Create(kWebhook, kEcSign); });
    const auto left_behind = KeysOnToken(world, kWebhook);

    const auto made = world.Create(kWebhook, kEcSign);
    const auto current = world.registry().PrimaryFor(kWebhook, Use::kApply);
    ASSERT_OK(current);
    if (made.ok()) {
      EXPECT_FALSE(broken.ok());
      EXPECT_FALSE(left_behind.contains(made->hsm_label));
    } else {
      // The first attempt had come through, whatever its caller heard.
      EXPECT_THAT(made, HasReason(Reason::kKeyExists));
      EXPECT_TRUE(left_behind.contains(current->hsm_label));
    }
    for (const auto& [label, public_key] : left_behind) {
      EXPECT_EQ(KeysOnToken(world, kWebhook)[label], public_key);
    }
    ASSERT_OK(world.Restart());
    EXPECT_EQ(world.registry().PrimaryFor(kWebhook, Use::kApply)->name, current->name);
    ExpectNothingIsUnfinished(world);
    ExpectEveryIntentHasOneOutcome(world);
  }
}

TEST_P(KeyCeremonyTest, ABrokenRotationLeavesTheOldPrimaryOrTheNewOneNeverNoneOrBoth) {
  for (const Fault& fault : Faults(HsmVerb::kGenerate)) {
    SCOPED_TRACE(fault.name);
    KeyWorld world;
    ASSERT_OK(world.Start());
    ASSERT_OK(world.Create(kWebhook, kEcSign));
    const auto first = KeysOnToken(world, kWebhook);
    Break(world, fault, [&] { (void)world.Rotate(kWebhook); });
    EXPECT_OK(world.registry().PrimaryFor(kWebhook, Use::kApply));
    EXPECT_OK(world.registry().VersionFor({kWebhook, 1}, Use::kProcess));

    const auto rotated = world.Rotate(kWebhook);
    ASSERT_OK(rotated);
    EXPECT_EQ(world.registry().PrimaryFor(kWebhook, Use::kApply)->name, rotated->name);
    EXPECT_OK(world.registry().VersionFor({kWebhook, 1}, Use::kProcess));
    EXPECT_THAT(KeysOnToken(world, kWebhook), Contains(*first.begin()));
    ASSERT_OK(world.Restart());
    EXPECT_EQ(world.registry().PrimaryFor(kWebhook, Use::kApply)->name, rotated->name);
    ExpectNothingIsUnfinished(world);
    ExpectEveryIntentHasOneOutcome(world);
  }
}

TEST_P(KeyCeremonyTest, ABrokenPreparationLeavesOneWholeVersionOrNone) {
  for (const Fault& fault : Faults(HsmVerb::kGenerate)) {
    SCOPED_TRACE(fault.name);
    KeyWorld world;
    ASSERT_OK(world.Start());
    ASSERT_OK(world.Create(kWebhook, kEcSign));
    Break(world, fault, [&] { (void)world.CreateVersion(kWebhook); });
    EXPECT_EQ(world.registry().PrimaryFor(kWebhook, Use::kApply)->name.version, 1u);

    const auto prepared = world.CreateVersion(kWebhook);
    if (!prepared.ok()) {
      // The first attempt had come through, whatever its caller heard.
      EXPECT_THAT(prepared, HasReason(Reason::kKeyExists));
    }
    ASSERT_OK(world.Restart());
    ExpectNothingIsUnfinished(world);
    ExpectEveryIntentHasOneOutcome(world);
    const std::vector<KeyVersion> versions = *world.registry().Versions(kWebhook);
    EXPECT_EQ(std::count_if(versions.begin(), versions.end(),
                            [](const KeyVersion& version) { return IsPrepared(version); }),
              1);
    const auto rotated = world.Rotate(kWebhook, KeyRegistry::Urgency::kSoon);
    ASSERT_OK(rotated);
    EXPECT_EQ(rotated->public_key, KeysOnToken(world, kWebhook)[rotated->hsm_label]);
  }
}

TEST_P(KeyCeremonyTest, ProfileKeysAreMadeByTheNextTryWhicheverStepBroke) {
  for (const Fault& fault : Faults(HsmVerb::kWrap)) {
    SCOPED_TRACE(fault.name);
    KeyWorld world;
    ASSERT_OK(world.Start());
    Break(world, fault, [&] { (void)world.registry().EnsureProfileKeys(kCards); });
    ASSERT_OK(world.registry().EnsureProfileKeys(kCards));
    for (const KeyName& name : {TokenKeyOf("acme"), RowMacKeyOf("acme"), RequestKeyOf("acme"),
                                FingerprintKeyOf("acme"), DataKeyOf(kCards), IndexKeyOf(kCards)}) {
      const auto version = world.registry().PrimaryFor(name, Use::kApply);
      ASSERT_OK(version);
      EXPECT_OK(world.registry().Open(version->name));
    }
    ASSERT_OK(world.Restart());
    ExpectNothingIsUnfinished(world);
    ExpectEveryIntentHasOneOutcome(world);
  }
}

INSTANTIATE_TEST_SUITE_P(AfterTheFault, KeyCeremonyTest, ::testing::Bool(), [](const auto& mode) {
  return mode.param ? "InANewProcess" : "InTheSameProcess";
});

TEST(KeyCeremonyOrphanTest, AKeyThatNoVersionUsesIsReportedAndKept) {
  KeyWorld world;
  ASSERT_OK(world.Start());
  BreakStoreAt(world, HsmVerb::kPublicKey, RefuseForEver);
  EXPECT_THAT(world.Create(kWebhook, kEcSign), HasReason(Reason::kAuditUnavailable));
  ASSERT_OK(world.Restart());

  EXPECT_THAT(world.registry().orphans(), ElementsAre("dev/acme/webhook/v1"));
  const LoggedRecord recovered = LastCall(world.store);
  EXPECT_EQ(recovered.action, "KeyService.Recovered");
  EXPECT_EQ(recovered.outcome, "failed");
  EXPECT_EQ(recovered.actor, "system");
  EXPECT_EQ(recovered.resource, "tenants/acme/keys/webhook/versions/1");
  EXPECT_EQ(recovered.reason, "OUTCOME_UNKNOWN");
  EXPECT_EQ(recovered.orphan, "true");
  const LoggedRecord intent = LoggedRecords(world.store).at(std::stoul(recovered.intent));
  EXPECT_EQ(intent.outcome, "intent");
  EXPECT_EQ(intent.resource, recovered.resource);

  const auto made = world.Create(kWebhook, kEcSign);
  ASSERT_OK(made);
  EXPECT_EQ(made->hsm_label, "dev/acme/webhook/v2");
  EXPECT_THAT(world.registry().VersionFor({kWebhook, 1}, Use::kProcess),
              HasReason(Reason::kKeyNotActive));
  ASSERT_OK(world.Restart());
  EXPECT_THAT(world.registry().orphans(), ElementsAre("dev/acme/webhook/v1"));
}

TEST(KeyCeremonyOrphanTest, ALabelThatIsTakenIsNotTakenOver) {
  KeyWorld world;
  ASSERT_OK(world.Start());
  ASSERT_OK(world.hsm.Generate("dev/acme/webhook/v1", pkcs11::KeyKind::kEcP256));
  EXPECT_THAT(world.Create(kWebhook, kEcSign), HasReason(Reason::kHsmFailure));
  const auto made = world.Create(kWebhook, kEcSign);
  ASSERT_OK(made);
  EXPECT_EQ(made->hsm_label, "dev/acme/webhook/v2");
}

}  // namespace
}  // namespace keysvc::keys
