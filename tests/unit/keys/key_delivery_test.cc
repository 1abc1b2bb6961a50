#include "keysvc/keys/key_delivery.h"

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/mac.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/open_intents.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::KeyWorld;
using keysvc::testing::LastCall;
using keysvc::testing::LoggedRecord;
using keysvc::testing::LoggedRecords;
using keysvc::testing::MemoryStore;
using keysvc::testing::OpensslKey;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const KeyName kHooks{"acme", "hooks"};
const KeyName kOther{"acme", "other-hooks"};
const KeyName kOrders{"acme", "orders"};
const PartnerKeyName kShop{"acme", "shop"};
constexpr char kRequestId[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";
constexpr char kAnotherId[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e2";

class KeyDeliveryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new OpensslKey("-algorithm RSA -pkeyopt rsa_keygen_bits:3072");
  }
  static void TearDownTestSuite() { delete shop_; }

  void SetUp() override {
    ASSERT_OK(world_.Start());
    Open();
    ASSERT_OK(world_.Create(kHooks, {Purpose::kTimestampedWebhook, Algorithm::kHmacSha256,
                                     Protection::kShared, kYear}));
    ASSERT_OK(Register(kShop, Purpose::kSecretDelivery));
  }
  void Open() {
    delivery_ = std::make_unique<KeyDelivery>(
        KeyDelivery::Services{world_.registry(), world_.partner_keys(), world_.hsm, world_.store,
                              world_.journal()},
        world_.clock());
  }
  void Restart() {
    delivery_.reset();
    ASSERT_OK(world_.Restart());
    Open();
    ASSERT_OK(delivery_->Settle());
  }

  absl::Status Register(const PartnerKeyName& name, Purpose purpose) {
    const std::string pem = shop_->public_pem();
    return world_
        .CreatePartnerKey(
            name, {.purpose = purpose, .pem = pem, .not_after = world_.Now() + absl::Hours(24)})
        .status();
  }
  absl::StatusOr<DeliveredKey> Deliver(const KeyVersionName& name, std::string_view request_id = {},
                                       const PartnerKeyName& partner = kShop,
                                       std::string_view who = keysvc::testing::kAnother) {
    auto recorded =
        delivery_->Deliver(world_.PermitFor(policy::Action::kDeliverKey, name.key.ToString(), who),
                           name, partner, request_id);
    if (!recorded.ok()) return recorded.status();
    return std::move(recorded->value);
  }
  absl::StatusOr<DeliveredKey> Deliver(std::string_view request_id = {}) {
    return Deliver({.key = kHooks, .version = 0}, request_id);
  }
  // What the shop's own program makes of a message by what it was handed.
  static std::string TagByShop(const DeliveredKey& delivered, std::string_view message) {
    const std::string secret = shop_->Decrypt(
        delivered.wrapped.bytes, "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256");
    const auto key =
        crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(secret)));
    EXPECT_OK(key);
    return std::string(crypto::AsText((*crypto::HmacSha256::Create(*key))->Compute(message)));
  }
  std::string TagByHsm(std::uint32_t version, std::string_view message) {
    return *world_.hsm.Sign("dev/acme/hooks/v" + std::to_string(version),
                            pkcs11::Mechanism::kHmacSha256, message);
  }
  std::vector<std::string> Outcomes() {
    std::vector<std::string> outcomes;
    for (const LoggedRecord& record : LoggedRecords(world_.store)) {
      if (record.action == "KeyService.DeliverKey") outcomes.push_back(record.outcome);
    }
    return outcomes;
  }

  std::vector<std::uint64_t> Intents() {
    std::vector<std::uint64_t> intents;
    for (const LoggedRecord& record : LoggedRecords(world_.store)) {
      if (record.outcome == "intent" && record.action == "KeyService.DeliverKey") {
        intents.push_back(record.index);
      }
    }
    return intents;
  }

  static OpensslKey* shop_;
  KeyWorld world_;
  std::unique_ptr<KeyDelivery> delivery_;
};
OpensslKey* KeyDeliveryTest::shop_ = nullptr;

TEST_F(KeyDeliveryTest, ThePartnerGetsTheSecretAndIsHandedItOnce) {
  const auto delivered = Deliver();
  ASSERT_OK(delivered);
  EXPECT_EQ(delivered->key_version, (KeyVersionName{kHooks, 1}));
  EXPECT_EQ(delivered->wrapped.algorithm, "RSA-OAEP-256");
  EXPECT_EQ(TagByShop(*delivered, "message"), TagByHsm(1, "message"));

  EXPECT_THAT(Deliver(), HasReason(Reason::kKeyDelivered));
  EXPECT_EQ(LastCall(world_.store).reason, "KEY_DELIVERED");
  Restart();
  EXPECT_THAT(Deliver(), HasReason(Reason::kKeyDelivered));
}

TEST_F(KeyDeliveryTest, WhoRegisteredThePartnersKeyDoesNotDeliverToIt) {
  const KeyVersionName primary{.key = kHooks, .version = 0};
  const auto refused = Deliver(primary, {}, kShop, keysvc::testing::kCaller);
  EXPECT_THAT(refused, HasReason(Reason::kSeparationOfDuties));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(LastCall(world_.store).outcome, "denied");
  EXPECT_EQ(LastCall(world_.store).reason, "SEPARATION_OF_DUTIES");
  EXPECT_EQ(LastCall(world_.store).partner_key, kShop.ToString());
  EXPECT_OK(Deliver(primary));
}

TEST_F(KeyDeliveryTest, DeliveringIsAnIntentAndItsOutcome) {
  ASSERT_OK(Deliver());
  std::vector<LoggedRecord> of_key;
  for (const LoggedRecord& record : LoggedRecords(world_.store)) {
    if (record.action == "KeyService.DeliverKey") of_key.push_back(record);
  }
  ASSERT_EQ(of_key.size(), 2U);
  EXPECT_EQ(of_key[0].outcome, "intent");
  EXPECT_EQ(of_key[0].resource, "tenants/acme/keys/hooks/versions/1");
  EXPECT_EQ(of_key[0].actor, keysvc::testing::kAnother);
  EXPECT_EQ(of_key[1].outcome, "success");
  EXPECT_EQ(of_key[1].resource, of_key[0].resource);
  EXPECT_EQ(of_key[1].intent, std::to_string(of_key[0].index));
}

TEST_F(KeyDeliveryTest, ARepetitionGetsTheSameAnswer) {
  const auto first = Deliver(kRequestId);
  ASSERT_OK(first);
  const std::size_t delivered = world_.hsm.calls(HsmVerb::kDeliver);
  // Also when neither key could be delivered any more.
  ASSERT_OK(world_.DisablePartnerKey(kShop));
  ASSERT_OK(world_.Rotate(kHooks, KeyRegistry::Urgency::kSoon));
  Restart();
  const auto again = Deliver(kRequestId);
  ASSERT_OK(again);
  EXPECT_EQ(again->key_version, first->key_version);
  EXPECT_EQ(again->wrapped.bytes, first->wrapped.bytes);
  EXPECT_EQ(again->wrapped.algorithm, first->wrapped.algorithm);
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), delivered);
  EXPECT_THAT(Deliver({kHooks, 2}, kRequestId), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Deliver({.key = kHooks, .version = 0}, kRequestId, {"acme", "bank"}),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(KeyDeliveryTest, TheCheckValueIsOfTheSecretAndStaysWithTheAnswer) {
  const std::string expected = absl::AsciiStrToUpper(absl::BytesToHexString(
      world_.hsm.Sign("dev/acme/hooks/v1", pkcs11::Mechanism::kHmacSha256, "")->substr(0, 5)));
  const auto first = Deliver(kRequestId);
  ASSERT_OK(first);
  EXPECT_EQ(first->check_value, expected);
  ASSERT_OK(world_.hsm.Destroy("dev/acme/hooks/v1"));
  EXPECT_EQ(Deliver(kRequestId)->check_value, expected);
}

TEST_F(KeyDeliveryTest, ATokenThatMacsNoEmptyMessageDeliversWithoutACheckValue) {
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmFailure, "CKR_DATA_LEN_RANGE"));
  const auto delivered = Deliver();
  ASSERT_OK(delivered);
  EXPECT_EQ(delivered->check_value, "");
}

TEST_F(KeyDeliveryTest, AKeyThatMacsNothingAtAllIsNotDelivered) {
  for (int i = 0; i < 2; ++i) {
    world_.hsm.FailNext(HsmVerb::kSign,
                        Error(Reason::kHsmFailure, "CKR_KEY_FUNCTION_NOT_PERMITTED"));
  }
  EXPECT_THAT(Deliver(), HasReason(Reason::kHsmFailure));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
}

TEST_F(KeyDeliveryTest, NothingIsDeliveredWhoseCheckValueCannotBeHad) {
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(Deliver(kRequestId), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
  EXPECT_OK(Deliver(kRequestId));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed", "intent", "success"));
}

TEST_F(KeyDeliveryTest, WhatAnOlderBuildKeptIsAnsweredWithoutACheckValue) {
  const auto keys = world_.registry().RequestKeysOf("acme");
  ASSERT_OK(keys);
  const std::string kept = crypto::CanonicalWriter()
                               .U8(1)
                               .Bytes(KeyVersionName{kHooks, 1}.ToString())
                               .Bytes("wrapped")
                               .Bytes("RSA-OAEP")
                               .Take();
  const auto row =
      tokenizer::KeepAnswer("keysvc kept delivery", "anybody", kRequestId, "fp",
                            world_.Now() + absl::Hours(1), crypto::AsBytes(kept), *(*keys)->answer);
  ASSERT_OK(row);
  const auto opened = OpenKeptDelivery(*row, "fp", **keys);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->wrapped.bytes, "wrapped");
  EXPECT_EQ(opened->wrapped.algorithm, "RSA-OAEP");
  EXPECT_EQ(opened->check_value, "");
}

TEST_F(KeyDeliveryTest, TheNextVersionOfARailIsDeliveredBeforeItMacs) {
  const KeyName rail{"acme", "rail"};
  ASSERT_OK(world_.Create(
      rail, {Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear}));
  ASSERT_OK(world_.CreateVersion(rail));
  const auto next = Deliver({rail, 2});
  ASSERT_OK(next);
  EXPECT_EQ(next->key_version, (KeyVersionName{rail, 2}));
  EXPECT_EQ(
      next->check_value,
      absl::AsciiStrToUpper(absl::BytesToHexString(
          world_.hsm.Sign("dev/acme/rail/v2", pkcs11::Mechanism::kAesCmac, std::string(16, '\0'))
              ->substr(0, 5))));
  EXPECT_EQ(Deliver(KeyVersionName{rail, 0})->key_version, (KeyVersionName{rail, 1}));
  ASSERT_OK(world_.Rotate(rail));
  EXPECT_THAT(Deliver(KeyVersionName{rail, 0}), HasReason(Reason::kKeyDelivered));
}

TEST_F(KeyDeliveryTest, AVersionThatWaitedTooLongIsNotDelivered) {
  const KeyName rail{"acme", "rail"};
  ASSERT_OK(world_.Create(
      rail, {Purpose::kSharedMac, Algorithm::kHmacSha256, Protection::kShared, kYear}));
  ASSERT_OK(world_.CreateVersion(rail));
  ASSERT_OK(world_.CreatePartnerKey({"acme", "late"}, {.purpose = Purpose::kSecretDelivery,
                                                       .pem = shop_->public_pem(),
                                                       .not_after = world_.Now() + 2 * kYear}));
  world_.Advance(kYear);
  EXPECT_THAT(Deliver({rail, 2}, {}, {"acme", "late"}), HasReason(Reason::kKeyNotActive));
}

TEST_F(KeyDeliveryTest, EachVersionIsDeliveredByItself) {
  ASSERT_OK(Deliver());
  ASSERT_OK(world_.Rotate(kHooks));
  const auto next = Deliver();
  ASSERT_OK(next);
  EXPECT_EQ(next->key_version, (KeyVersionName{kHooks, 2}));
  EXPECT_EQ(TagByShop(*next, "message"), TagByHsm(2, "message"));
  EXPECT_THAT(Deliver({kHooks, 1}), HasReason(Reason::kKeyDelivered));
}

TEST_F(KeyDeliveryTest, OnlyLiveVersionsOfSharedKeysAreDelivered) {
  EXPECT_THAT(Deliver({{"acme", "nobody"}, 0}), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(Deliver({{"acme", "nobody"}, 0}, kRequestId), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(Deliver({kHooks, 2}), HasReason(Reason::kKeyNotFound));
  ASSERT_OK(
      world_.Create(kOrders, {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear}));
  EXPECT_THAT(Deliver({kOrders, 0}), HasReason(Reason::kKeyPurposeMismatch));
  ASSERT_OK(world_.Rotate(kHooks));
  world_.Advance(kSecretRoll);
  EXPECT_THAT(Deliver({kHooks, 1}), HasReason(Reason::kKeyNotActive));
  EXPECT_THAT(Outcomes(), ::testing::Each("failed")) << "the HSM was not asked";
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
}

TEST_F(KeyDeliveryTest, OnlyAPartnersKeyForThisIsDeliveredTo) {
  const KeyVersionName primary{.key = kHooks, .version = 0};
  EXPECT_THAT(Deliver(primary, {}, {"acme", "nobody"}), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(Deliver(primary, {}, {"globex", "shop"}), HasReason(Reason::kFieldInvalid));
  const OpensslKey signer("-algorithm RSA -pkeyopt rsa_keygen_bits:3072");
  const std::string pem = signer.public_pem();
  ASSERT_OK(world_.CreatePartnerKey(
      {"acme", "bank"}, {.purpose = Purpose::kJws, .pem = pem, .not_after = world_.Now() + kYear}));
  EXPECT_THAT(Deliver(primary, {}, {"acme", "bank"}), HasReason(Reason::kKeyPurposeMismatch));
  world_.Advance(absl::Hours(25));
  EXPECT_THAT(Deliver(), HasReason(Reason::kPartnerKeyExpired));
  world_.Advance(-absl::Hours(25));
  ASSERT_OK(world_.DisablePartnerKey(kShop));
  EXPECT_THAT(Deliver(), HasReason(Reason::kPartnerKeyDisabled));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
}

TEST_F(KeyDeliveryTest, APermitForSomethingElseDeliversNothing) {
  const auto other_key = delivery_->Deliver(
      world_.PermitFor(policy::Action::kDeliverKey, kOrders.ToString()), {kHooks, 1}, kShop, "");
  ASSERT_OK(other_key);
  EXPECT_THAT(other_key->value, HasReason(Reason::kInternal));
  const auto other_action = delivery_->Deliver(
      world_.PermitFor(policy::Action::kRotateKey, kHooks.ToString()), {kHooks, 1}, kShop, "");
  ASSERT_OK(other_action);
  EXPECT_THAT(other_action->value, HasReason(Reason::kInternal));
}

TEST_F(KeyDeliveryTest, WithoutAnIntentNothingLeavesTheHsm) {
  world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100);
  EXPECT_THAT(Deliver(), HasReason(Reason::kAuditUnavailable));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kDeliver), 0U);
  Restart();
  EXPECT_OK(Deliver());
}

TEST_F(KeyDeliveryTest, WithoutAnOutcomeNobodyGetsWhatTheHsmWrapped) {
  world_.hsm.BeforeEach(HsmVerb::kDeliver, [this] {
    world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100);
  });
  EXPECT_THAT(Deliver(kRequestId), HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(delivery_->HeadFacts(), IsEmpty());
  Restart();
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed"));
  EXPECT_EQ(LastCall(world_.store).reason, "OUTCOME_UNKNOWN");
  EXPECT_EQ(LastCall(world_.store).actor, "system");
  EXPECT_EQ(LastCall(world_.store).intent, std::to_string(Intents().front()));
  Restart();
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed")) << "each is settled once";
  // The secret went nowhere, and stays where it is: the way on is a rotation.
  EXPECT_THAT(Deliver(kRequestId), HasReason(Reason::kKeyDelivered));
  ASSERT_OK(world_.Rotate(kHooks));
  EXPECT_OK(Deliver(kAnotherId));
}

TEST_F(KeyDeliveryTest, WhatIsInDoubtIsSettledByTheNextDelivery) {
  ASSERT_OK(world_.Create(kOther,
                          {Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear}));
  world_.hsm.BeforeEach(HsmVerb::kDeliver,
                        [this] { world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 1); });
  EXPECT_THAT(Deliver(), HasReason(Reason::kAuditUnavailable));
  world_.hsm.Heal();
  while (!world_.journal().healthy()) std::this_thread::yield();
  EXPECT_OK(Deliver({.key = kOther, .version = 0}));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed", "intent", "success"));
  EXPECT_FALSE(delivery_->HeadFacts().empty());
}

TEST_F(KeyDeliveryTest, AHeadOfTheLogSpeaksForWhatIsBeforeIt) {
  world_.hsm.BeforeEach(HsmVerb::kDeliver, [this] {
    // As the log's own thread asks.
    std::thread([this] {
      EXPECT_THAT(delivery_->HeadFacts(), IsEmpty()) << "one is under way";
    }).join();
    world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100);
  });
  EXPECT_FALSE(Deliver().ok());
  delivery_.reset();
  ASSERT_OK(world_.Restart());
  const std::uint64_t intent = Intents().front();
  EXPECT_THAT(*FindOpenDeliveries(world_.store),
              ElementsAre(::testing::Pair(intent, "tenants/acme/keys/hooks/versions/1")));
  const auto head = [this](std::uint64_t before) {
    audit::Entry entry;
    entry.action = "Log.Head";
    entry.actor = "system";
    entry.details["deliveries_before"] = std::to_string(before);
    ASSERT_OK(world_.journal().Record(std::move(entry)));
  };
  head(intent);
  EXPECT_THAT(*FindOpenDeliveries(world_.store), SizeIs(1));
  head(intent + 1);
  EXPECT_THAT(*FindOpenDeliveries(world_.store), IsEmpty());
}

TEST_F(KeyDeliveryTest, AnHsmThatIsAwayDeliversLater) {
  world_.hsm.FailNext(HsmVerb::kDeliver, Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(Deliver(kRequestId), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(Outcomes(), ElementsAre("intent", "failed"));
  EXPECT_OK(Deliver(kRequestId));
}

}  // namespace
}  // namespace keysvc::keys
