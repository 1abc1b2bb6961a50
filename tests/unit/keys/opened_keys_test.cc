#include "keysvc/keys/opened_keys.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "keysvc/keys/own_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::KeyWorld;

const tokenizer::Profile kCards{"acme", "cards", 1, true};

absl::Status Away() { return Error(Reason::kHsmUnavailable, "the token is away"); }

class OpenedKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
    keys_ = std::make_unique<OpenedKeys>(world_.registry(), absl::Minutes(15), world_.since_boot());
  }
  void TearDown() override { keys_.reset(); }
  std::size_t unwraps() { return world_.hsm.calls(HsmVerb::kUnwrap); }

  KeyWorld world_;
  std::unique_ptr<OpenedKeys> keys_;
};

TEST_F(OpenedKeysTest, WhatAVersionSealedItOpensAfterRotation) {
  const auto data = keys_->DataKey(kCards);
  ASSERT_OK(data);
  EXPECT_EQ(data->version, 1u);
  const std::string sealed = *data->key->Seal(crypto::AsBytes("text"), "aad");
  const auto token = keys_->TokenKey("acme");
  ASSERT_OK(token);
  const auto block = token->key->Encrypt({1, 2, 3});

  ASSERT_OK(world_.Rotate(DataKeyOf(kCards)));
  ASSERT_OK(world_.Rotate(TokenKeyOf("acme")));
  EXPECT_EQ(keys_->DataKey(kCards)->version, 2u);
  EXPECT_EQ(keys_->TokenKey("acme")->version, 2u);
  EXPECT_OK((*keys_->DataKey(kCards, 1))->Open(sealed, "aad"));
  EXPECT_THAT((*keys_->DataKey(kCards, 2))->Open(sealed, "aad"),
              HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ((*keys_->TokenKey("acme", 1))->Decrypt(block), (crypto::Aes256Block::Block{1, 2, 3}));
}

TEST_F(OpenedKeysTest, FingerprintsAreMadeByTheNewVersionAndComparedByTheOld) {
  const auto first = keys_->FingerprintKey("acme");
  ASSERT_OK(first);
  const auto of_first = first->key->Compute("x");
  ASSERT_OK(world_.Rotate(FingerprintKeyOf("acme")));
  const auto second = keys_->FingerprintKey("acme");
  ASSERT_OK(second);
  EXPECT_EQ(second->version, 2u);
  EXPECT_NE(second->key->Compute("x"), of_first);
  EXPECT_EQ((*keys_->FingerprintKey("acme", 1))->Compute("x"), of_first);
  // Callers say the version and the tenant: what does not exist is no damage.
  EXPECT_THAT(keys_->FingerprintKey("acme", 3), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(keys_->FingerprintKey("nobody"), HasReason(Reason::kKeyNotFound));
  world_.Advance(kYear);
  EXPECT_THAT(keys_->FingerprintKey("acme"), HasReason(Reason::kKeyNotActive));
  EXPECT_OK(keys_->FingerprintKey("acme", 1));
}

TEST_F(OpenedKeysTest, EveryKeyIsAnotherKeyAndStaysTheSame) {
  const auto index = keys_->IndexKey(kCards);
  const auto row_mac = keys_->RowMacKey("acme");
  const auto request = keys_->RequestKeysOf("acme");
  ASSERT_OK(index);
  ASSERT_OK(row_mac);
  ASSERT_OK(request);
  const auto of_index = index->key->Compute("x");
  const auto of_row_mac = (*row_mac)->Compute("x");
  const auto of_request = request->fingerprint->Compute("x");
  EXPECT_NE(of_index, of_row_mac);
  EXPECT_NE(of_index, of_request);
  EXPECT_NE(of_row_mac, of_request);
  const std::string sealed = *request->answer->Seal(crypto::AsBytes("answer"), "");
  keys_->Lock();
  EXPECT_EQ(keys_->IndexKey(kCards)->key->Compute("x"), of_index);
  EXPECT_EQ((*keys_->RowMacKey("acme"))->Compute("x"), of_row_mac);
  EXPECT_EQ(keys_->RequestKeysOf("acme")->fingerprint->Compute("x"), of_request);
  EXPECT_OK(keys_->RequestKeysOf("acme")->answer->Open(sealed, ""));
}

TEST_F(OpenedKeysTest, AKeyIsOpenedOnceInItsLifetimeAndNotKeptLonger) {
  const std::size_t before = unwraps();
  for (int i = 0; i < 3; ++i) ASSERT_OK(keys_->DataKey(kCards));
  EXPECT_EQ(unwraps(), before + 1);
  world_.Advance(absl::Minutes(15) - absl::Milliseconds(1));
  ASSERT_OK(keys_->DataKey(kCards));
  EXPECT_EQ(keys_->DropExpired(), 1u);
  EXPECT_EQ(unwraps(), before + 1);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(keys_->DropExpired(), 0u);
  ASSERT_OK(keys_->DataKey(kCards));
  EXPECT_EQ(unwraps(), before + 2);
}

TEST_F(OpenedKeysTest, OpenKeysWorkWithoutTheHsmUntilTheirLifetimeEndsAndComeBackWithIt) {
  ASSERT_OK(keys_->DataKey(kCards));
  world_.hsm.FailEverything(Away());
  world_.Advance(absl::Minutes(14));
  EXPECT_OK(keys_->DataKey(kCards));
  EXPECT_THAT(keys_->IndexKey(kCards), HasReason(Reason::kHsmUnavailable));
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(keys_->DataKey(kCards), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(keys_->DataKey(kCards, 1), HasReason(Reason::kHsmUnavailable));
  world_.hsm.Heal();
  EXPECT_OK(keys_->DataKey(kCards));
  EXPECT_OK(keys_->IndexKey(kCards));
}

TEST_F(OpenedKeysTest, AJumpOfTheWallClockStretchesNoLifetime) {
  ASSERT_OK(keys_->DataKey(kCards));
  const std::size_t before = unwraps();
  world_.Advance(absl::Minutes(14));
  world_.JumpWallClock(-absl::Hours(1));
  ASSERT_OK(keys_->DataKey(kCards));
  EXPECT_EQ(unwraps(), before);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(keys_->DropExpired(), 0u);
  ASSERT_OK(keys_->DataKey(kCards));
  EXPECT_EQ(unwraps(), before + 1);
}

TEST_F(OpenedKeysTest, NoConfigurationKeepsAKeyOpenForMoreThanFifteenMinutes) {
  OpenedKeys keys(world_.registry(), absl::Hours(1), world_.since_boot());
  ASSERT_OK(keys.DataKey(kCards));
  world_.Advance(absl::Minutes(15));
  EXPECT_EQ(keys.DropExpired(), 0u);
}

TEST_F(OpenedKeysTest, TheBootClockRuns) {
  const absl::Duration before = TimeSinceBoot();
  EXPECT_GT(before, absl::ZeroDuration());
  EXPECT_GE(TimeSinceBoot(), before);
}

TEST_F(OpenedKeysTest, LockDropsEveryKeyAtOnce) {
  ASSERT_OK(keys_->DataKey(kCards));
  ASSERT_OK(keys_->TokenKey("acme"));
  ASSERT_OK(keys_->RowMacKey("acme"));
  ASSERT_OK(keys_->RequestKeysOf("acme"));
  EXPECT_EQ(keys_->DropExpired(), 4u);
  EXPECT_EQ(keys_->Lock(), 4u);
  EXPECT_EQ(keys_->DropExpired(), 0u);
  world_.hsm.FailEverything(Away());
  EXPECT_THAT(keys_->DataKey(kCards), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(keys_->RequestKeysOf("acme"), HasReason(Reason::kHsmUnavailable));
}

TEST_F(OpenedKeysTest, AnOpenKeyIsStillBoundByItsCryptoperiod) {
  ASSERT_OK(keys_->DataKey(kCards));
  world_.Advance(kYear);
  EXPECT_THAT(keys_->DataKey(kCards), HasReason(Reason::kKeyNotActive));
  EXPECT_OK(keys_->DataKey(kCards, 1));
  EXPECT_OK(keys_->RowMacKey("acme"));
  world_.Advance(3 * kYear);
  EXPECT_THAT(keys_->DataKey(kCards, 1), HasReason(Reason::kKeyNotActive));
}

TEST_F(OpenedKeysTest, AVersionThatIsNotThereIsLostData) {
  EXPECT_THAT(keys_->DataKey(kCards, 2), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(keys_->TokenKey("acme", 0), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(keys_->TokenKey("globex"), HasReason(Reason::kIntegrityFailure));
}

TEST_F(OpenedKeysTest, CallersThatNeedTheSameKeyAskTheHsmOnce) {
  const std::size_t before = unwraps();
  std::atomic<int> waiting = 0;
  world_.hsm.BeforeEach(HsmVerb::kUnwrap, [&] {
    while (waiting.load() < 4) std::this_thread::yield();
  });
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      ++waiting;
      EXPECT_OK(keys_->DataKey(kCards));
    });
  }
  callers.clear();
  EXPECT_EQ(unwraps(), before + 1);
}

TEST_F(OpenedKeysTest, AnFf1KeyThatMayMakeNoMoreStillOpens) {
  const tokenizer::Profile legacy{
      .tenant = "acme",
      .name = "legacy",
      .number = 3,
      .deterministic = true,
      .family = tokenizer::Family::kFf1,
      .ff1 = {.shortest_card = 16, .longest_card = 16, .luhn_offset = 3}};
  ASSERT_OK(world_.registry().EnsureProfileKeys(legacy));
  const std::string numerals(6, '\1');
  const auto permuted = keys_->Ff1Key(legacy)->key->Encrypt(crypto::AsBytes(numerals), "tweak");
  ASSERT_OK(permuted);
  world_.Advance(kYear);
  EXPECT_THAT(keys_->Ff1Key(legacy), HasReason(Reason::kKeyNotActive));
  const auto opening = keys_->Ff1OpeningKey(legacy);
  ASSERT_OK(opening);
  EXPECT_EQ(opening->version, 1u);
  const auto back =
      opening->key->Decrypt(permuted->Expose(crypto::SecretAccess::kGranted), "tweak");
  ASSERT_OK(back);
  EXPECT_EQ(crypto::AsText(back->Expose(crypto::SecretAccess::kGranted)), numerals);
  world_.Advance(3 * kYear);
  EXPECT_THAT(keys_->Ff1OpeningKey(legacy), HasReason(Reason::kKeyNotActive));
}

TEST_F(OpenedKeysTest, AccountReferencesAreMadeForAsLongAsTheirKeyMayProcess) {
  tokenizer::Profile linked{"acme", "linked", 3, false};
  linked.account_reference_issuer = "ACME";
  EXPECT_THAT(keys_->AccountReferenceKey("acme"), HasReason(Reason::kIntegrityFailure));
  ASSERT_OK(world_.registry().EnsureProfileKeys(linked));
  const auto key = keys_->AccountReferenceKey("acme");
  ASSERT_OK(key);
  EXPECT_NE((*key)->Compute("x"), keys_->FingerprintKey("acme")->key->Compute("x"));
  world_.Advance(kYear);
  const auto later = keys_->AccountReferenceKey("acme");
  ASSERT_OK(later);
  EXPECT_EQ((*later)->Compute("x"), (*key)->Compute("x"));
  world_.Advance(3 * kYear);
  EXPECT_THAT(keys_->AccountReferenceKey("acme"), HasReason(Reason::kKeyNotActive));
}

}  // namespace
}  // namespace keysvc::keys
