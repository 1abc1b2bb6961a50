#include "keysvc/keys/key_parameters.h"

#include <array>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using enum KeyState;

constexpr std::array kStates = {kPreActivation, kActive,      kSuspended,
                                kDeactivated,   kCompromised, kDestroyed};
constexpr std::array kPurposes = {
    Purpose::kSign,           Purpose::kMac,          Purpose::kData,
    Purpose::kIndex,          Purpose::kToken,        Purpose::kRowMac,
    Purpose::kRequest,        Purpose::kWebhook,      Purpose::kTimestampedWebhook,
    Purpose::kSecretDelivery, Purpose::kSecretImport, Purpose::kSharedMac};
constexpr std::array kProtections = {Protection::kHsm, Protection::kEnvelope, Protection::kShared};
constexpr std::array kPairs = {
    Algorithm::kEcP256,        Algorithm::kEcP384,        Algorithm::kEd25519,
    Algorithm::kRsa2048,       Algorithm::kRsa3072,       Algorithm::kRsa4096,
    Algorithm::kRsa2048Sha384, Algorithm::kRsa3072Sha384, Algorithm::kRsa4096Sha384,
    Algorithm::kRsa2048Sha512, Algorithm::kRsa3072Sha512, Algorithm::kRsa4096Sha512};
constexpr std::array kMacs = {Algorithm::kHmacSha256, Algorithm::kHmacSha384,
                              Algorithm::kHmacSha512, Algorithm::kAes256Cmac};

std::vector<Algorithm> Algorithms() {
  std::vector<Algorithm> all(kPairs.begin(), kPairs.end());
  all.insert(all.end(), kMacs.begin(), kMacs.end());
  all.push_back(Algorithm::kAes256);
  return all;
}

TEST(KeyParametersTest, EveryStateAllowsExactlyTheUsesOfSp80057) {
  const std::set<std::pair<KeyState, Use>> allowed = {
      {kActive, Use::kApply}, {kActive, Use::kProcess}, {kDeactivated, Use::kProcess}};
  for (const KeyState state : kStates) {
    for (const Use use : {Use::kApply, Use::kProcess}) {
      EXPECT_EQ(Allows(state, use), allowed.contains({state, use})) << NameOf(state);
    }
  }
}

TEST(KeyParametersTest, ExactlyTheTransitionsOfSp80057Exist) {
  const std::set<std::pair<KeyState, KeyState>> edges = {
      {kPreActivation, kDestroyed}, {kPreActivation, kCompromised}, {kPreActivation, kActive},
      {kActive, kDestroyed},        {kActive, kCompromised},        {kActive, kSuspended},
      {kActive, kDeactivated},      {kSuspended, kDestroyed},       {kSuspended, kCompromised},
      {kSuspended, kActive},        {kSuspended, kDeactivated},     {kDeactivated, kDestroyed},
      {kDeactivated, kCompromised}, {kCompromised, kDestroyed}};
  for (const KeyState from : kStates) {
    for (const KeyState to : kStates) {
      EXPECT_EQ(MayBecome(from, to), edges.contains({from, to})) << NameOf(from) << NameOf(to);
    }
  }
}

TEST(KeyParametersTest, EveryWordIsReadAsItIsWritten) {
  for (const KeyState state : kStates) EXPECT_EQ(KeyStateNamed(NameOf(state)), state);
  for (const Purpose purpose : kPurposes) EXPECT_EQ(PurposeNamed(NameOf(purpose)), purpose);
  for (const Algorithm algorithm : Algorithms()) {
    EXPECT_EQ(AlgorithmNamed(NameOf(algorithm)), algorithm);
  }
  for (const Protection protection : kProtections) {
    EXPECT_EQ(ProtectionNamed(NameOf(protection)), protection);
  }
  for (const Origin origin : {Origin::kGenerated, Origin::kImported}) {
    EXPECT_EQ(OriginNamed(NameOf(origin)), origin);
  }
  EXPECT_EQ(OriginNamed(""), std::nullopt);
  EXPECT_EQ(KeyStateNamed("Active"), std::nullopt);
  EXPECT_EQ(PurposeNamed(""), std::nullopt);
  EXPECT_EQ(AlgorithmNamed("none"), std::nullopt);
  EXPECT_EQ(ProtectionNamed("software"), std::nullopt);
}

TEST(KeyParametersTest, OnlyTheseCombinationsOfPurposeAlgorithmAndProtectionExist) {
  std::set<std::tuple<Purpose, Algorithm, Protection>> fitting = {
      {Purpose::kData, Algorithm::kAes256, Protection::kEnvelope},
      {Purpose::kToken, Algorithm::kAes256, Protection::kEnvelope},
      {Purpose::kIndex, Algorithm::kHmacSha256, Protection::kEnvelope},
      {Purpose::kRowMac, Algorithm::kHmacSha256, Protection::kEnvelope},
      {Purpose::kRequest, Algorithm::kHmacSha256, Protection::kEnvelope},
      {Purpose::kWebhook, Algorithm::kEd25519, Protection::kHsm},
      {Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared},
      {Purpose::kTimestampedWebhook, Algorithm::kHmacSha256, Protection::kShared}};
  for (const Algorithm algorithm : kPairs) {
    fitting.insert({Purpose::kSign, algorithm, Protection::kHsm});
  }
  for (const Algorithm algorithm : kMacs) {
    fitting.insert({Purpose::kMac, algorithm, Protection::kHsm});
    fitting.insert({Purpose::kSharedMac, algorithm, Protection::kShared});
  }
  for (const Purpose purpose : kPurposes) {
    for (const Algorithm algorithm : Algorithms()) {
      for (const Protection protection : kProtections) {
        const bool fits = fitting.contains({purpose, algorithm, protection});
        EXPECT_EQ(CheckParameters({purpose, algorithm, protection, kYear}).ok(), fits)
            << NameOf(purpose) << " " << NameOf(algorithm) << " " << NameOf(protection);
      }
    }
  }
}

TEST(KeyParametersTest, WhoeverSharesASecretVerifiesNoLongerThanItSigns) {
  const KeyParameters shared{Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear};
  EXPECT_EQ(RecipientPeriodOf(shared), absl::ZeroDuration());
  EXPECT_FALSE(HasPublicHalf(shared));
  EXPECT_TRUE(LivesInHsm(shared.protection));
  EXPECT_FALSE(LivesInHsm(Protection::kEnvelope));
  const KeyParameters pair{Purpose::kWebhook, Algorithm::kEd25519, Protection::kHsm, kYear};
  EXPECT_EQ(RecipientPeriodOf(pair), 7 * kYear);
  EXPECT_TRUE(HasPublicHalf(pair));
  const KeyParameters rail{Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared, kYear};
  EXPECT_EQ(RecipientPeriodOf(rail), absl::ZeroDuration());
  EXPECT_FALSE(HasPublicHalf(rail));
}

TEST(KeyParametersTest, WhatIsMadeAheadIsWhatSomebodyHasToHaveFirst) {
  const auto made_ahead = [](Purpose purpose, Algorithm algorithm) {
    return IsMadeAhead({purpose, algorithm, ProtectionOf(purpose, algorithm), kYear});
  };
  EXPECT_TRUE(made_ahead(Purpose::kSign, Algorithm::kEcP256));
  EXPECT_TRUE(made_ahead(Purpose::kSharedMac, Algorithm::kHmacSha384));
  EXPECT_FALSE(made_ahead(Purpose::kMac, Algorithm::kAes256Cmac));
  EXPECT_FALSE(made_ahead(Purpose::kWebhook, Algorithm::kHmacSha256));
  EXPECT_FALSE(made_ahead(Purpose::kTimestampedWebhook, Algorithm::kHmacSha256));
}

TEST(KeyParametersTest, EveryAlgorithmButTheEnvelopesIsAKindOfTheHsm) {
  for (const Algorithm algorithm : Algorithms()) {
    EXPECT_EQ(HsmKindOf(algorithm).has_value(), algorithm != Algorithm::kAes256);
    const bool rsa = NameOf(algorithm).starts_with("RSA-");
    EXPECT_EQ(RsaHashOf(algorithm).has_value(), rsa) << NameOf(algorithm);
    if (!rsa) continue;
    // The key is the same whatever it hashes with.
    EXPECT_EQ(pkcs11::NameOf(*HsmKindOf(algorithm)), NameOf(algorithm).substr(0, 8));
  }
  EXPECT_EQ(RsaHashOf(Algorithm::kRsa3072), crypto::HashAlgorithm::kSha256);
  EXPECT_EQ(RsaHashOf(Algorithm::kRsa3072Sha384), crypto::HashAlgorithm::kSha384);
  EXPECT_EQ(RsaHashOf(Algorithm::kRsa4096Sha512), crypto::HashAlgorithm::kSha512);
}

TEST(KeyParametersTest, WhatTakesInSecretsAndWhatWasTakenInAreKindsOfTheirOwn) {
  using pkcs11::KeyKind;
  for (const auto& [algorithm, kind] :
       {std::pair(Algorithm::kRsa3072, KeyKind::kRsa3072Unwrapping),
        std::pair(Algorithm::kRsa4096, KeyKind::kRsa4096Unwrapping)}) {
    const KeyParameters parameters{Purpose::kSecretImport, algorithm, Protection::kHsm,
                                   absl::Hours(24)};
    EXPECT_OK(CheckParameters(parameters));
    EXPECT_EQ(HsmKindOf(parameters, Origin::kGenerated), kind);
    EXPECT_TRUE(HasPublicHalf(parameters));
    EXPECT_EQ(RecipientPeriodOf(parameters), absl::ZeroDuration());
  }
  EXPECT_FALSE(Signs(Purpose::kSecretImport));
  const KeyParameters shared{Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear};
  EXPECT_EQ(HsmKindOf(shared, Origin::kGenerated), KeyKind::kHmacSha256);
  EXPECT_EQ(HsmKindOf(shared, Origin::kImported), KeyKind::kImportedHmacSha256);
  const KeyParameters pair{Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear};
  EXPECT_EQ(HsmKindOf(pair, Origin::kGenerated), KeyKind::kEcP256);
  EXPECT_EQ(HsmKindOf(pair, Origin::kImported), std::nullopt);
  for (const auto& [algorithm, kind] :
       {std::pair(Algorithm::kHmacSha256, KeyKind::kImportedHmacSha256),
        std::pair(Algorithm::kHmacSha384, KeyKind::kImportedHmacSha384),
        std::pair(Algorithm::kHmacSha512, KeyKind::kImportedHmacSha512),
        std::pair(Algorithm::kAes256Cmac, KeyKind::kImportedAes256Cmac)}) {
    EXPECT_EQ(
        HsmKindOf({Purpose::kSharedMac, algorithm, Protection::kShared, kYear}, Origin::kImported),
        kind);
  }
}

TEST(KeyParametersTest, ACryptoperiodIsOneDayToThreeYears) {
  KeyParameters parameters;
  for (const absl::Duration good : {absl::Hours(24), 3 * kYear}) {
    parameters.cryptoperiod = good;
    EXPECT_OK(CheckParameters(parameters));
  }
  for (const absl::Duration bad :
       {absl::ZeroDuration(), absl::Hours(23), 3 * kYear + absl::Seconds(1), -kYear,
        absl::InfiniteDuration()}) {
    parameters.cryptoperiod = bad;
    EXPECT_THAT(CheckParameters(parameters), HasReason(Reason::kFieldInvalid));
  }
}

TEST(KeyParametersTest, WhatTheServiceMakesByAKeyOfItsOwnOrOfARailIsCounted) {
  KeyParameters parameters;
  for (const std::uint64_t good : {std::uint64_t{1}, std::uint64_t{1} << 40}) {
    parameters.max_signatures = good;
    EXPECT_OK(CheckParameters(parameters));
  }
  parameters.max_signatures = (std::uint64_t{1} << 40) + 1;
  EXPECT_THAT(CheckParameters(parameters), HasReason(Reason::kFieldInvalid));
  EXPECT_OK(CheckParameters({.purpose = Purpose::kMac,
                             .algorithm = Algorithm::kHmacSha256,
                             .protection = Protection::kHsm,
                             .max_signatures = 10}));
  EXPECT_THAT(CheckParameters({.purpose = Purpose::kWebhook,
                               .algorithm = Algorithm::kHmacSha256,
                               .protection = Protection::kShared,
                               .max_signatures = 10}),
              HasReason(Reason::kFieldInvalid));
  EXPECT_OK(CheckParameters({.purpose = Purpose::kSharedMac,
                             .algorithm = Algorithm::kAes256Cmac,
                             .protection = Protection::kShared,
                             .max_signatures = 10}));
  EXPECT_THAT(CheckParameters({.purpose = Purpose::kIndex,
                               .algorithm = Algorithm::kHmacSha256,
                               .protection = Protection::kEnvelope,
                               .max_signatures = 10}),
              HasReason(Reason::kFieldInvalid));
}

TEST(KeyParametersTest, WhatVerifiersKeepIsThePublicHalfOfWhatSignsForms) {
  for (const Purpose purpose : {Purpose::kJws, Purpose::kHttp, Purpose::kWebhook, Purpose::kCose}) {
    EXPECT_TRUE(HasKeySet({purpose, Algorithm::kEd25519, Protection::kHsm, kYear}));
  }
  EXPECT_FALSE(HasKeySet({Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear}));
  EXPECT_FALSE(HasKeySet({Purpose::kWebhook, Algorithm::kHmacSha256, Protection::kShared, kYear}));
  EXPECT_FALSE(HasKeySet({Purpose::kSecretImport, Algorithm::kRsa3072, Protection::kHsm, kYear}));
}

TEST(KeyParametersTest, OnlyEcdsaKeysMayAskForLowS) {
  for (const Algorithm algorithm : Algorithms()) {
    KeyParameters parameters{IsMac(algorithm) ? Purpose::kMac : Purpose::kSign, algorithm,
                             Protection::kHsm, kYear};
    if (!CheckParameters(parameters).ok()) continue;
    parameters.low_s = true;
    const bool ecdsa = algorithm == Algorithm::kEcP256 || algorithm == Algorithm::kEcP384;
    EXPECT_EQ(CheckParameters(parameters).ok(), ecdsa) << NameOf(algorithm);
  }
}

}  // namespace
}  // namespace keysvc::keys
