#include "crypto/recovery_share.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/secret_sharing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::crypto {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::ReadFile;
using ::testing::HasSubstr;

SecretBytes Secret(std::string_view text) { return SecretBytes::CopyOf(AsBytes(text)).value(); }
std::string TextOf(const SecretBytes& secret) {
  return std::string(AsText(secret.Expose(SecretAccess::kGranted)));
}

RecoverySharing Sharing(std::uint8_t threshold, std::uint8_t shares) {
  return {.deployment = "shop",
          .environment = "test",
          .key_id = {},
          .threshold = threshold,
          .shares = shares};
}

// Texts, as custodians have them.
std::vector<std::string> Split(const RecoveryKey& key, const RecoverySharing& sharing) {
  std::vector<std::string> texts;
  texts.reserve(sharing.shares);
  const std::vector<RecoveryShare> shares = SplitRecoveryKey(key, sharing).value();
  for (const RecoveryShare& share : shares) {
    texts.push_back(TextOf(WriteRecoveryShare(share).value()));
  }
  return texts;
}

absl::StatusOr<RecoveryShare> Read(std::string_view text) {
  return ReadRecoveryShare(Secret(text));
}

// The key id that texts give.
absl::StatusOr<std::string> Combine(const std::vector<std::string>& texts) {
  std::vector<RecoveryShare> shares;
  for (const std::string& text : texts) {
    auto share = Read(text);
    if (!share.ok()) return share.status();
    shares.push_back(*std::move(share));
  }
  auto key = CombineRecoveryShares(shares);
  if (!key.ok()) return key.status();
  return (*key)->key_id();
}

// A share whose payload says what the caller wants, under a right checksum and heading.
std::string Forged(const RecoveryShare& like, const std::string& secret) {
  RecoveryShare share{like.of, like.number, Secret(secret)};
  return TextOf(WriteRecoveryShare(share).value());
}

class RecoveryShareTest : public ::testing::Test {
 protected:
  const std::unique_ptr<RecoveryKey> key_ = RecoveryKey::Generate().value();
  const std::vector<std::string> texts_ = Split(*key_, Sharing(3, 5));
};

TEST_F(RecoveryShareTest, AnyThreeOfFiveGiveTheKey) {
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) {
      for (std::size_t k = 0; k < 5; ++k) {
        if (i == j || i == k || j == k) continue;
        const auto id = Combine({texts_[i], texts_[j], texts_[k]});
        ASSERT_OK(id);
        EXPECT_EQ(*id, key_->key_id());
      }
    }
  }
  EXPECT_OK(Combine(texts_));
}

TEST_F(RecoveryShareTest, TwoOfThreeNeededAreTooFewAndSoIsNone) {
  for (const std::vector<std::string>& few :
       {std::vector<std::string>{}, {texts_[0]}, {texts_[0], texts_[4]}}) {
    EXPECT_THAT(Combine(few), HasReason(Reason::kRecoverySharesTooFew));
  }
}

TEST_F(RecoveryShareTest, TheSameShareTwiceIsRefused) {
  const auto combined = Combine({texts_[0], texts_[1], texts_[0]});
  EXPECT_THAT(combined, HasReason(Reason::kRecoverySharesMismatch));
  EXPECT_THAT(std::string(combined.status().message()), HasSubstr("share 1 was given twice"));
}

TEST_F(RecoveryShareTest, SharesOfDifferentKeysDeploymentsOrSharingsAreRefused) {
  const auto other_key = RecoveryKey::Generate().value();
  RecoverySharing elsewhere = Sharing(3, 5);
  elsewhere.deployment = "shop2";
  RecoverySharing production = Sharing(3, 5);
  production.environment = "production";
  const std::vector<std::pair<std::vector<std::string>, std::string>> strangers = {
      {Split(*other_key, Sharing(3, 5)), "different recovery keys"},
      {Split(*key_, elsewhere), "different deployments or environments"},
      {Split(*key_, production), "different deployments or environments"},
      {Split(*key_, Sharing(2, 5)), "disagree on how many"},
      {Split(*key_, Sharing(3, 6)), "disagree on how many"}};
  for (const auto& [texts, says] : strangers) {
    const auto combined = Combine({texts_[0], texts_[1], texts[2]});
    EXPECT_THAT(combined, HasReason(Reason::kRecoverySharesMismatch));
    EXPECT_THAT(std::string(combined.status().message()), HasSubstr(says));
  }
}

TEST_F(RecoveryShareTest, EveryTruncationIsRefused) {
  const std::string& text = texts_[0];
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_THAT(Read(text.substr(0, size)), HasReason(Reason::kRecoveryShareInvalid)) << size;
  }
  const auto cut = Read(text.substr(0, text.size() / 2));
  EXPECT_THAT(std::string(cut.status().message()), HasSubstr("truncated"));
}

TEST_F(RecoveryShareTest, EveryChangedCharacterIsRefused) {
  const std::string& text = texts_[0];
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_THAT(Read(changed), HasReason(Reason::kRecoveryShareInvalid)) << i;
  }
  std::string heading = text;
  heading.replace(heading.find("shop"), 4, "stop");
  EXPECT_THAT(std::string(Read(heading).status().message()), HasSubstr("heading"));
}

TEST_F(RecoveryShareTest, AChangeUnderARightChecksumIsFoundWhenTheSharesAreCombined) {
  const RecoveryShare share = Read(texts_[0]).value();
  std::string secret = TextOf(share.secret);
  secret.back() = static_cast<char>(secret.back() ^ 1);
  const auto combined = Combine({Forged(share, secret), texts_[1], texts_[2]});
  EXPECT_THAT(combined, HasReason(Reason::kRecoveryShareInvalid));
  EXPECT_THAT(std::string(combined.status().message()), HasSubstr("changed"));
}

TEST_F(RecoveryShareTest, AShareThatContradictsItselfIsRefused) {
  const RecoveryShare share = Read(texts_[0]).value();
  const std::string secret = TextOf(share.secret);
  RecoveryShare other{share.of, 2, Secret(secret)};
  EXPECT_THAT(Read(Forged(other, secret)), HasReason(Reason::kRecoveryShareInvalid));
  other.number = 1;
  other.of.threshold = 2;
  EXPECT_THAT(Read(Forged(other, secret)), HasReason(Reason::kRecoveryShareInvalid));
  other.of = share.of;
  other.of.key_id.front() = static_cast<char>(other.of.key_id.front() ^ 1);
  EXPECT_THAT(Read(Forged(other, secret)), HasReason(Reason::kRecoveryShareInvalid));
  for (const auto& [threshold, shares] : {std::pair{0, 5}, {6, 5}, {3, 17}, {0, 0}}) {
    other.of = Sharing(static_cast<std::uint8_t>(threshold), static_cast<std::uint8_t>(shares));
    other.of.key_id = share.of.key_id;
    EXPECT_THAT(Read(Forged(other, secret)), HasReason(Reason::kRecoveryShareInvalid));
  }
  EXPECT_THAT(Read(Forged(share, "short")), HasReason(Reason::kRecoveryShareInvalid));
}

TEST_F(RecoveryShareTest, LineEndsOfAnotherSystemDoNoHarm) {
  std::string windows;
  for (const char c : texts_[0]) windows += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_OK(Combine({windows + "\r\n", texts_[1], texts_[2] + "\n\n"}));
  EXPECT_OK(Read(texts_[0].substr(0, texts_[0].size() - 1)));
}

TEST_F(RecoveryShareTest, AShareShowsNothingOfTheKeyInItsHeading) {
  const std::string heading = texts_[1].substr(0, texts_[1].find("\n\n"));
  EXPECT_EQ(heading,
            "-----BEGIN KEYSVC RECOVERY SHARE-----\nDeployment: shop\nEnvironment: test\n"
            "Recovery-Key: " +
                absl::BytesToHexString(key_->key_id()) + "\nShare: 2 of 5, 3 needed");
}

TEST(RecoverySharingTest, ImpossibleSharingsAreRefused) {
  const auto key = RecoveryKey::Generate().value();
  for (const auto& [threshold, shares] :
       {std::pair{0, 3}, {1, 1}, {1, 3}, {4, 3}, {1, 0}, {0, 0}, {2, 17}, {17, 17}}) {
    EXPECT_THAT(SplitRecoveryKey(*key, Sharing(static_cast<std::uint8_t>(threshold),
                                               static_cast<std::uint8_t>(shares))),
                HasReason(Reason::kFieldInvalid));
  }
  EXPECT_OK(SplitRecoveryKey(*key, Sharing(2, 2)));
  EXPECT_OK(SplitRecoveryKey(*key, Sharing(16, 16)));
}

TEST(SecretSharingTest, WhatCannotBeSharedIsRefused) {
  const SecretBytes secret = SecretBytes::Random(32).value();
  const std::string identifier(kSharingIdentifierSize, 'i');
  EXPECT_THAT(SplitSecret(secret, 1, 2, identifier), HasReason(Reason::kInternal));
  EXPECT_THAT(SplitSecret(secret, 3, 2, identifier), HasReason(Reason::kInternal));
  EXPECT_THAT(SplitSecret(secret, 2, 2, "short"), HasReason(Reason::kInternal));
  EXPECT_THAT(SplitSecret(SecretBytes(), 2, 2, identifier), HasReason(Reason::kInternal));
  EXPECT_THAT(CombineSecret({}), HasReason(Reason::kRecoveryShareInvalid));
}

TEST(RecoveryShareGoldenTest, SharesOfVersion1GiveTheirKey) {
  const std::string folder = KEYSVC_SOURCE_DIR "/tests/golden/recovery_v1/";
  const auto id = Combine({ReadFile(folder + "share-3"), ReadFile(folder + "share-1")});
  ASSERT_OK(id);
  EXPECT_EQ(*id, RecoveryCertificate::FromPem(ReadFile(folder + "recovery.pem")).value()->key_id());
}

}  // namespace
}  // namespace keysvc::crypto
