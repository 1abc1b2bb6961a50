#include "pkcs11/mechanisms.h"

#include <map>
#include <string>
#include <vector>

#include "crypto/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;

std::vector<CK_MECHANISM_TYPE> UsesOf(KeyKind kind) {
  return {FactsOf(kind).uses.begin(), FactsOf(kind).uses.end()};
}

TEST(Mechanisms, AKindMayDoExactlyThis) {
  EXPECT_THAT(UsesOf(KeyKind::kAes256Wrapping), ElementsAre(CKM_AES_GCM));
  EXPECT_THAT(UsesOf(KeyKind::kHmacSha256), ElementsAre(CKM_SHA256_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kEcP256), ElementsAre(CKM_ECDSA));
  EXPECT_THAT(UsesOf(KeyKind::kEd25519), ElementsAre(CKM_EDDSA));
  EXPECT_THAT(UsesOf(KeyKind::kRsa2048), ElementsAre(CKM_RSA_PKCS, CKM_RSA_PKCS_PSS));
  EXPECT_THAT(UsesOf(KeyKind::kRsa3072), ElementsAre(CKM_RSA_PKCS, CKM_RSA_PKCS_PSS));
  EXPECT_EQ(AllKinds().size(), 6U);
}

TEST(Mechanisms, ASigningMechanismFitsExactlyTheseKinds) {
  const std::map<Mechanism, std::vector<KeyKind>> expected = {
      {Mechanism::kEcdsaP256Sha256, {KeyKind::kEcP256}},
      {Mechanism::kEd25519, {KeyKind::kEd25519}},
      {Mechanism::kRsaPkcs1Sha256, {KeyKind::kRsa2048, KeyKind::kRsa3072}},
      {Mechanism::kRsaPssSha256, {KeyKind::kRsa2048, KeyKind::kRsa3072}},
      {Mechanism::kHmacSha256, {KeyKind::kHmacSha256}},
  };
  for (const auto& [mechanism, kinds] : expected) {
    std::vector<KeyKind> allowed;
    for (const KindFacts& facts : AllKinds()) {
      if (!Allows(facts.kind, mechanism)) continue;
      allowed.push_back(facts.kind);
      // What our own check lets through, the token's list of the key must let through too.
      EXPECT_THAT(UsesOf(facts.kind), ::testing::Contains(SigningMechanism(mechanism).mechanism));
    }
    EXPECT_EQ(allowed, kinds);
  }
}

TEST(Mechanisms, HashesOutsideForEcdsaAndRsa) {
  const std::string digest(crypto::AsText(crypto::Sha256("abc")));
  EXPECT_EQ(SigningInput(Mechanism::kEcdsaP256Sha256, "abc"), digest);
  EXPECT_EQ(SigningInput(Mechanism::kRsaPssSha256, "abc"), digest);
  const std::string info = SigningInput(Mechanism::kRsaPkcs1Sha256, "abc");
  EXPECT_EQ(info.size(), 51U);
  EXPECT_TRUE(info.ends_with(digest));
  EXPECT_EQ(SigningInput(Mechanism::kEd25519, "abc"), "abc");
  EXPECT_EQ(SigningInput(Mechanism::kHmacSha256, "abc"), "abc");
}

// A token that says what the test wants. PKCS#11 functions have no context, hence the global.
std::map<CK_MECHANISM_TYPE, CK_MECHANISM_INFO> told;

const CK_FUNCTION_LIST& Telling() {
  static CK_FUNCTION_LIST functions = [] {
    CK_FUNCTION_LIST list = {};
    list.C_GetMechanismList = [](CK_SLOT_ID, CK_MECHANISM_TYPE* out, CK_ULONG* count) -> CK_RV {
      *count = told.size();
      if (out != nullptr) {
        for (const auto& [mechanism, info] : told) *out++ = mechanism;
      }
      return CKR_OK;
    };
    list.C_GetMechanismInfo = [](CK_SLOT_ID, CK_MECHANISM_TYPE mechanism,
                                 CK_MECHANISM_INFO* info) -> CK_RV {
      *info = told.at(mechanism);
      return CKR_OK;
    };
    return list;
  }();
  return functions;
}

std::vector<KeyKind> Probed() {
  const auto kinds = ProbeKinds(Telling(), 1);
  EXPECT_OK(kinds);
  return kinds.value_or(std::vector<KeyKind>());
}

TEST(Mechanisms, ProbesWhatTheTokenCanGenerateAndUse) {
  told = {};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_AES_KEY_GEN] = {16, 32, CKF_GENERATE};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_AES_GCM] = {16, 32, CKF_ENCRYPT};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_AES_GCM].flags |= CKF_DECRYPT;
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kAes256Wrapping));
}

TEST(Mechanisms, ProbesTheSizeOfRsaKeys) {
  told = {};
  told[CKM_RSA_PKCS_KEY_PAIR_GEN] = {1024, 2048, CKF_GENERATE_KEY_PAIR};
  told[CKM_RSA_PKCS] = {1024, 4096, CKF_SIGN};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_RSA_PKCS_PSS] = {1024, 4096, CKF_SIGN};
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kRsa2048));
  told[CKM_RSA_PKCS_KEY_PAIR_GEN].ulMaxKeySize = 4096;
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kRsa2048, KeyKind::kRsa3072));
}

}  // namespace
}  // namespace keysvc::pkcs11
