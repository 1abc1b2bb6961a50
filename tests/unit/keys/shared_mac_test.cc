// Keys by which a partner MACs messages as the service does, and how such a key changes.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/key_check_value.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/presented_message.h"
#include "keysvc/keys/webhook_signature.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using ::testing::SizeIs;
using Urgency = KeyRegistry::Urgency;

constexpr char kMessage[] = "UNB+UNOA:1+ACME+BANK+261130:1200+1'";

class SharedMacTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kRail, kParameters));
  }
  void Restart() {
    Close();
    ASSERT_OK(world_.Restart());
    Open();
  }

  static std::shared_ptr<const SignatureFormat> Format(std::string message = kMessage) {
    return std::make_shared<MessageSignature>(std::move(message), SignatureEncoding::kDer,
                                              RsaPadding::kPss);
  }
  absl::StatusOr<Signature> Mac() { return Sign(SignRequest{kRail, Format(), {}, {}}); }
  std::string MacBy(std::uint32_t version) {
    return *world_.hsm.Sign(absl::StrCat("dev/acme/rail/v", version), pkcs11::Mechanism::kAesCmac,
                            kMessage);
  }
  // The number of the version that makes it right; 0 for none.
  std::uint32_t MakerOf(std::string mac) {
    VerifyRequest request;
    request.key = KeyVersionName{.key = kRail};
    request.presented = std::make_shared<PresentedMessage>(
        kMessage, std::move(mac), SignatureEncoding::kDer, RsaPadding::kPss);
    const auto verification = Verify(request);
    EXPECT_OK(verification);
    if (!verification.ok() || !verification->valid()) return 0;
    return KeyVersionName::Parse(verification->key_version)->version;
  }
  KeyVersion VersionOf(std::uint32_t version) {
    return *world_.registry().Version({kRail, version});
  }

  static inline const KeyName kRail{"acme", "rail"};
  const KeyParameters kParameters{Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared,
                                  kYear};
};

TEST_F(SharedMacTest, AMessageGetsOneFullMacAndVerifiesByIt) {
  const auto mac = Mac();
  ASSERT_OK(mac);
  EXPECT_EQ(mac->bytes, MacBy(1));
  EXPECT_EQ(mac->algorithm, "AES-CMAC");
  EXPECT_THAT(mac->bytes, SizeIs(16));
  EXPECT_EQ(MakerOf(mac->bytes), 1U);
  EXPECT_EQ(MakerOf(mac->bytes.substr(0, 8)), 0U);

  const auto batch = SignBatch({kRail, {Format(), Format("another")}, {}, {}});
  ASSERT_OK(batch);
  EXPECT_EQ(batch->at(0)->bytes, mac->bytes);
  EXPECT_NE(batch->at(1)->bytes, mac->bytes);
}

TEST_F(SharedMacTest, TheNextVersionDoesNothingUntilTheRotation) {
  const auto next = world_.CreateVersion(kRail);
  ASSERT_OK(next);
  EXPECT_TRUE(IsPrepared(*next));
  EXPECT_EQ(Mac()->bytes, MacBy(1));
  EXPECT_EQ(MakerOf(MacBy(2)), 0U);
  EXPECT_THAT(world_.registry().VersionFor({kRail, 2}, Use::kProcess),
              HasReason(Reason::kKeyNotActive));

  // Nobody looks for it in a key set, so that it needs no time there.
  ASSERT_OK(world_.Rotate(kRail));
  EXPECT_EQ(Mac()->bytes, MacBy(2));
}

TEST_F(SharedMacTest, AVersionThatWaitsGivesWayToAnotherOne) {
  ASSERT_OK(world_.CreateVersion(kRail));
  const auto next = world_.CreateVersion(kRail);
  ASSERT_OK(next);
  EXPECT_EQ(next->name.version, 3U);
  EXPECT_TRUE(IsPrepared(*next));
  EXPECT_EQ(VersionOf(2).state, KeyState::kDestroyed);
  EXPECT_EQ(Mac()->bytes, MacBy(1));
  Restart();
  EXPECT_EQ(VersionOf(2).state, KeyState::kDestroyed);
  ASSERT_OK(world_.Rotate(kRail));
  EXPECT_EQ(Mac()->bytes, MacBy(3));
  EXPECT_EQ(MakerOf(MacBy(1)), 1U) << "the roll of the one before is as long as ever";
  EXPECT_EQ(MakerOf(MacBy(2)), 0U);
}

TEST_F(SharedMacTest, AVersionThatWaitsGivesWayOnlyOnceTheOtherOneIsMade) {
  ASSERT_OK(world_.CreateVersion(kRail));
  world_.hsm.FailNext(HsmVerb::kGenerate, Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(world_.CreateVersion(kRail), HasReason(Reason::kHsmUnavailable));
  Restart();
  EXPECT_TRUE(IsPrepared(VersionOf(2)));
  ASSERT_OK(world_.Rotate(kRail));
  EXPECT_EQ(Mac()->bytes, MacBy(2));
}

TEST_F(SharedMacTest, DuringARollTheNewVersionMacsAloneAndBothVerify) {
  ASSERT_OK(world_.CreateVersion(kRail));
  ASSERT_OK(world_.Rotate(kRail));
  const std::size_t before = world_.hsm.calls(HsmVerb::kSign);
  const auto mac = Mac();
  ASSERT_OK(mac);
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), before + 1) << "a field holds one MAC";
  EXPECT_EQ(mac->bytes, MacBy(2));
  EXPECT_EQ(MakerOf(MacBy(1)), 1U);
  EXPECT_EQ(MakerOf(MacBy(2)), 2U);

  world_.Advance(kSecretRoll);
  EXPECT_EQ(MakerOf(MacBy(1)), 0U);
  EXPECT_EQ(MakerOf(MacBy(2)), 2U);
}

TEST_F(SharedMacTest, ARollCountsFromTheRotationHoweverLongTheNextVersionHasWaited) {
  ASSERT_OK(world_.CreateVersion(kRail));
  world_.Advance(2 * kSecretRoll);
  ASSERT_OK(world_.Rotate(kRail));
  EXPECT_EQ(VersionOf(1).originator_end, world_.Now() + kSecretRoll);
  EXPECT_EQ(MakerOf(MacBy(1)), 1U);
}

TEST_F(SharedMacTest, WhatThePartnerCannotHaveYetBecomesPrimaryAtOnceOnly) {
  EXPECT_THAT(world_.Rotate(kRail), HasReason(Reason::kKeyNotPublished));
  EXPECT_EQ(Mac()->bytes, MacBy(1));
  ASSERT_OK(world_.Rotate(kRail, Urgency::kSoon));
  EXPECT_EQ(Mac()->bytes, MacBy(2));
  EXPECT_EQ(MakerOf(MacBy(1)), 0U);

  // Also where one waits.
  ASSERT_OK(world_.CreateVersion(kRail));
  ASSERT_OK(world_.Rotate(kRail, Urgency::kSoon));
  EXPECT_EQ(Mac()->bytes, MacBy(3));
  EXPECT_EQ(MakerOf(MacBy(2)), 0U);
  EXPECT_EQ(VersionOf(2).state, KeyState::kDeactivated);
}

TEST_F(SharedMacTest, AVersionThatWaitsIsThereAfterARestart) {
  ASSERT_OK(world_.CreateVersion(kRail));
  Restart();
  EXPECT_TRUE(IsPrepared(VersionOf(2)));
  EXPECT_TRUE(world_.registry().orphans().empty());
  ASSERT_OK(world_.Rotate(kRail));
  EXPECT_EQ(Mac()->bytes, MacBy(2));
}

TEST_F(SharedMacTest, AVersionThatWaitsAndIsNotInTheHsmIsMissed) {
  ASSERT_OK(world_.CreateVersion(kRail));
  ASSERT_OK(world_.hsm.Destroy("dev/acme/rail/v2"));
  Close();
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SharedMacTest, AVersionWhoseMakingWasBrokenOffDoesNotWait) {
  world_.hsm.BeforeEach(HsmVerb::kGenerate, [this] {
    world_.store.FailCommit(keysvc::testing::MemoryStore::CommitFault::kRefused, 100);
  });
  EXPECT_FALSE(world_.CreateVersion(kRail).ok());
  world_.hsm.Heal();
  Restart();
  EXPECT_EQ(VersionOf(2).state, KeyState::kDestroyed);
  EXPECT_THAT(world_.Rotate(kRail), HasReason(Reason::kKeyNotPublished));
}

TEST_F(SharedMacTest, ItMacsMessagesAndNothingElse) {
  const auto sign = [this](std::shared_ptr<const SignatureFormat> format) {
    return Sign(SignRequest{kRail, std::move(format), {}, {}}).status();
  };
  EXPECT_THAT(sign(std::make_shared<DigestSignature>(std::string(32, 'd'), SignatureEncoding::kDer,
                                                     RsaPadding::kPss)),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(sign(std::make_shared<WebhookSignature>("msg_1", "{}")),
              HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(JwksOf(world_.registry(), public_keys_, kRail, world_.Now()),
              HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(public_keys_.Of(VersionOf(1)), HasReason(Reason::kAlgorithmUnsupported));
}

TEST_F(SharedMacTest, WhatTheHsmCannotHandOverIsNotMade) {
  world_.hsm.DeliverNothing();
  EXPECT_THAT(world_.Create({"acme", "other"}, kParameters),
              HasReason(Reason::kAlgorithmUnsupported));
}

// Made by the openssl program from the bytes 0 to 31.
TEST_F(SharedMacTest, CheckValuesAreThoseThatOthersMake) {
  std::string secret;
  for (char c = 0; c < 32; ++c) secret.push_back(c);
  ASSERT_OK(world_.hsm.Generate("pair", pkcs11::KeyKind::kRsa3072Unwrapping));
  const auto value = [&](Algorithm algorithm, std::string label) {
    KeyVersion version;
    version.parameters = {Purpose::kSharedMac, algorithm, Protection::kShared, kYear};
    version.hsm_label = std::move(label);
    EXPECT_OK(world_.hsm.Import(
        version.hsm_label, *HsmKindOf(version.parameters, Origin::kImported), "pair",
        {pkcs11::Wrapping::kRsaOaepSha256,
         keysvc::testing::EncryptFor(
             *world_.hsm.PublicKey("pair"), secret,
             "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256")}));
    return KeyCheckValueOf(world_.hsm, version);
  };
  EXPECT_EQ(*value(Algorithm::kAes256Cmac, "cmac"), "377822C093");
  EXPECT_EQ(*value(Algorithm::kHmacSha256, "hmac"), "D38B42096D");
  KeyVersion pair;
  pair.hsm_label = "pair";
  EXPECT_THAT(KeyCheckValueOf(world_.hsm, pair), HasReason(Reason::kAlgorithmUnsupported));
}

}  // namespace
}  // namespace keysvc::keys
