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
using testing::HasReason;
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
  EXPECT_THAT(UsesOf(KeyKind::kRsa4096), ElementsAre(CKM_RSA_PKCS, CKM_RSA_PKCS_PSS));
  EXPECT_THAT(UsesOf(KeyKind::kEcP384), ElementsAre(CKM_ECDSA));
  EXPECT_THAT(UsesOf(KeyKind::kHmacSha384), ElementsAre(CKM_SHA384_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kHmacSha512), ElementsAre(CKM_SHA512_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kAes256Cmac), ElementsAre(CKM_AES_CMAC));
  EXPECT_THAT(UsesOf(KeyKind::kRsa3072Unwrapping), ElementsAre(CKM_RSA_PKCS_OAEP));
  EXPECT_THAT(UsesOf(KeyKind::kRsa4096Unwrapping), ElementsAre(CKM_RSA_PKCS_OAEP));
  EXPECT_THAT(UsesOf(KeyKind::kImportedHmacSha256), ElementsAre(CKM_SHA256_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kImportedHmacSha384), ElementsAre(CKM_SHA384_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kImportedHmacSha512), ElementsAre(CKM_SHA512_HMAC));
  EXPECT_THAT(UsesOf(KeyKind::kImportedAes256Cmac), ElementsAre(CKM_AES_CMAC));
  EXPECT_EQ(AllKinds().size(), 17U);
  for (const KindFacts& facts : AllKinds()) {
    EXPECT_EQ(facts.generate == kNotGenerated, IsImported(facts.kind)) << NameOf(facts.kind);
  }
}

TEST(Mechanisms, ASigningMechanismFitsExactlyTheseKinds) {
  const std::vector<KeyKind> rsa = {KeyKind::kRsa2048, KeyKind::kRsa3072, KeyKind::kRsa4096};
  const std::map<Mechanism, std::vector<KeyKind>> expected = {
      {Mechanism::kEcdsaP256Sha256, {KeyKind::kEcP256}},
      {Mechanism::kEcdsaP384Sha384, {KeyKind::kEcP384}},
      {Mechanism::kEd25519, {KeyKind::kEd25519}},
      {Mechanism::kRsaPkcs1Sha256, rsa},
      {Mechanism::kRsaPkcs1Sha384, rsa},
      {Mechanism::kRsaPkcs1Sha512, rsa},
      {Mechanism::kRsaPssSha256, rsa},
      {Mechanism::kRsaPssSha384, rsa},
      {Mechanism::kRsaPssSha512, rsa},
      {Mechanism::kHmacSha256, {KeyKind::kHmacSha256, KeyKind::kImportedHmacSha256}},
      {Mechanism::kHmacSha384, {KeyKind::kHmacSha384, KeyKind::kImportedHmacSha384}},
      {Mechanism::kHmacSha512, {KeyKind::kHmacSha512, KeyKind::kImportedHmacSha512}},
      {Mechanism::kAesCmac, {KeyKind::kAes256Cmac, KeyKind::kImportedAes256Cmac}},
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
  EXPECT_EQ(SigningInput(Mechanism::kAesCmac, "abc"), "abc");
  const std::string sha384 = crypto::HashOf(crypto::HashAlgorithm::kSha384, "abc");
  const std::string sha512 = crypto::HashOf(crypto::HashAlgorithm::kSha512, "abc");
  EXPECT_EQ(SigningInput(Mechanism::kEcdsaP384Sha384, "abc"), sha384);
  EXPECT_EQ(SigningInput(Mechanism::kRsaPssSha384, "abc"), sha384);
  EXPECT_EQ(SigningInput(Mechanism::kRsaPssSha512, "abc"), sha512);
  EXPECT_TRUE(SigningInput(Mechanism::kRsaPkcs1Sha384, "abc").ends_with(sha384));
  EXPECT_TRUE(SigningInput(Mechanism::kRsaPkcs1Sha512, "abc").ends_with(sha512));
}

TEST(Mechanisms, ADigestIsSignedAsItsMessageIs) {
  for (const Mechanism mechanism :
       {Mechanism::kEcdsaP256Sha256, Mechanism::kEcdsaP384Sha384, Mechanism::kRsaPkcs1Sha256,
        Mechanism::kRsaPkcs1Sha384, Mechanism::kRsaPkcs1Sha512, Mechanism::kRsaPssSha256,
        Mechanism::kRsaPssSha384, Mechanism::kRsaPssSha512}) {
    const std::string digest = crypto::HashOf(*HashOf(mechanism), "abc");
    EXPECT_OK(CheckDigest(mechanism, digest));
    EXPECT_EQ(DigestSigningInput(mechanism, digest), SigningInput(mechanism, "abc"));
    EXPECT_THAT(CheckDigest(mechanism, digest + "x"), HasReason(Reason::kFieldInvalid));
    EXPECT_THAT(CheckDigest(mechanism, digest.substr(1)), HasReason(Reason::kFieldInvalid));
  }
  for (const Mechanism mechanism :
       {Mechanism::kEd25519, Mechanism::kHmacSha256, Mechanism::kHmacSha384, Mechanism::kHmacSha512,
        Mechanism::kAesCmac}) {
    EXPECT_THAT(CheckDigest(mechanism, std::string(32, 'x')),
                HasReason(Reason::kAlgorithmUnsupported));
  }
}

TEST(Mechanisms, ASaltIsAsLongAsTheHashAndMasksAreByTheSame) {
  const std::map<Mechanism, std::vector<CK_ULONG>> expected = {
      {Mechanism::kRsaPssSha256, {CKM_SHA256, CKG_MGF1_SHA256, 32}},
      {Mechanism::kRsaPssSha384, {CKM_SHA384, CKG_MGF1_SHA384, 48}},
      {Mechanism::kRsaPssSha512, {CKM_SHA512, CKG_MGF1_SHA512, 64}},
  };
  for (const auto& [mechanism, parameters] : expected) {
    const CK_MECHANISM made = SigningMechanism(mechanism);
    ASSERT_EQ(made.ulParameterLen, sizeof(CK_RSA_PKCS_PSS_PARAMS));
    const auto* pss = static_cast<const CK_RSA_PKCS_PSS_PARAMS*>(made.pParameter);
    EXPECT_THAT(parameters, ElementsAre(pss->hashAlg, pss->mgf, pss->sLen));
  }
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
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kRsa2048, KeyKind::kRsa3072, KeyKind::kRsa4096));
}

TEST(Mechanisms, ProbesWhetherTheTokenCanWrapForOthersAndUnwrapWhatTheyWrapped) {
  told = {};
  EXPECT_FALSE(ProbeOaep(Telling(), 1, CKF_WRAP).value());
  told[CKM_RSA_PKCS_OAEP] = {1024, 4096, CKF_ENCRYPT};
  EXPECT_FALSE(ProbeOaep(Telling(), 1, CKF_WRAP).value());
  told[CKM_RSA_PKCS_OAEP].flags |= CKF_WRAP;
  EXPECT_TRUE(ProbeOaep(Telling(), 1, CKF_WRAP).value());
  EXPECT_FALSE(ProbeOaep(Telling(), 1, CKF_UNWRAP).value());
}

TEST(Mechanisms, ProbesWhetherAPairCanUnwrapAndNothingImportedIsMade) {
  told = {};
  told[CKM_RSA_PKCS_KEY_PAIR_GEN] = {1024, 4096, CKF_GENERATE_KEY_PAIR};
  told[CKM_RSA_PKCS_OAEP] = {1024, 4096, CKF_WRAP};
  told[CKM_SHA256_HMAC] = {24, 512, CKF_SIGN};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_RSA_PKCS_OAEP].flags |= CKF_UNWRAP;
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kRsa3072Unwrapping, KeyKind::kRsa4096Unwrapping));
}

TEST(Mechanisms, ProbesTheSizeOfCurves) {
  told = {};
  told[CKM_EC_KEY_PAIR_GEN] = {192, 256, CKF_GENERATE_KEY_PAIR};
  told[CKM_ECDSA] = {192, 256, CKF_SIGN};
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kEcP256));
  told[CKM_EC_KEY_PAIR_GEN].ulMaxKeySize = 521;
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kEcP256));
  told[CKM_ECDSA].ulMaxKeySize = 521;
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kEcP256, KeyKind::kEcP384));
}

TEST(Mechanisms, ProbesEachMacByItself) {
  told = {};
  told[CKM_GENERIC_SECRET_KEY_GEN] = {1, 512, CKF_GENERATE};
  told[CKM_AES_KEY_GEN] = {16, 32, CKF_GENERATE};
  EXPECT_THAT(Probed(), IsEmpty());
  told[CKM_SHA512_HMAC] = {64, 512, CKF_SIGN};
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kHmacSha512));
  told[CKM_AES_CMAC] = {16, 32, CKF_SIGN};
  EXPECT_THAT(Probed(), ElementsAre(KeyKind::kHmacSha512, KeyKind::kAes256Cmac));
}

}  // namespace
}  // namespace keysvc::pkcs11
