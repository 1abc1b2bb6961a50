#include "keysvc/keys/key_parameters.h"

#include <array>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using enum KeyState;

constexpr std::array kStates = {kPreActivation, kActive,      kSuspended,
                                kDeactivated,   kCompromised, kDestroyed};
constexpr std::array kPurposes = {Purpose::kSign,   Purpose::kMac,   Purpose::kData,
                                  Purpose::kIndex,  Purpose::kToken, Purpose::kRowMac,
                                  Purpose::kRequest};
constexpr std::array kAlgorithms = {Algorithm::kEcP256, Algorithm::kRsa2048, Algorithm::kRsa3072,
                                    Algorithm::kHmacSha256, Algorithm::kAes256};

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
  for (const Algorithm algorithm : kAlgorithms) {
    EXPECT_EQ(AlgorithmNamed(NameOf(algorithm)), algorithm);
  }
  for (const Protection protection : {Protection::kHsm, Protection::kEnvelope}) {
    EXPECT_EQ(ProtectionNamed(NameOf(protection)), protection);
  }
  EXPECT_EQ(KeyStateNamed("Active"), std::nullopt);
  EXPECT_EQ(PurposeNamed(""), std::nullopt);
  EXPECT_EQ(AlgorithmNamed("none"), std::nullopt);
  EXPECT_EQ(ProtectionNamed("software"), std::nullopt);
}

TEST(KeyParametersTest, OnlyTheseCombinationsOfPurposeAlgorithmAndProtectionExist) {
  const std::set<std::tuple<Purpose, Algorithm, Protection>> fitting = {
      {Purpose::kSign, Algorithm::kEcP256, Protection::kHsm},
      {Purpose::kSign, Algorithm::kRsa2048, Protection::kHsm},
      {Purpose::kSign, Algorithm::kRsa3072, Protection::kHsm},
      {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm},
      {Purpose::kData, Algorithm::kAes256, Protection::kEnvelope},
      {Purpose::kToken, Algorithm::kAes256, Protection::kEnvelope},
      {Purpose::kIndex, Algorithm::kHmacSha256, Protection::kEnvelope},
      {Purpose::kRowMac, Algorithm::kHmacSha256, Protection::kEnvelope},
      {Purpose::kRequest, Algorithm::kHmacSha256, Protection::kEnvelope}};
  for (const Purpose purpose : kPurposes) {
    for (const Algorithm algorithm : kAlgorithms) {
      for (const Protection protection : {Protection::kHsm, Protection::kEnvelope}) {
        const bool fits = fitting.contains({purpose, algorithm, protection});
        EXPECT_EQ(CheckParameters({purpose, algorithm, protection, kYear}).ok(), fits)
            << NameOf(purpose) << " " << NameOf(algorithm) << " " << NameOf(protection);
      }
    }
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

}  // namespace
}  // namespace keysvc::keys
