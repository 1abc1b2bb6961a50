// Secrets of others that are unwrapped in the HSM: on the fake and on SoftHSM2, and on a library
// that fails on demand.
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/hsm.h"
#include "pkcs11/module.h"
#include "pkcs11/session.h"
#include "pkcs11/wrapped_secret.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/hmac.h"
#include "tests/support/openssl.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/pkcs11/faulty_token.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

constexpr char kPair[] = "import";
constexpr char kSecret[] = "hooks";
constexpr KeyKind kKind = KeyKind::kImportedHmacSha256;
constexpr std::size_t kModulus = 384;

// What makes no other key by chance.
std::string SomeSecret(std::size_t size) {
  std::string secret;
  for (std::size_t i = 0; i < size; ++i) secret.push_back(static_cast<char>(7 * i + 3));
  return secret;
}

// The partner's side, without anything of ours. By SHA-1, since SoftHSM2 has no other hash.
std::string ByOaep(const std::string& spki, const std::string& secret,
                   std::string_view hash = "sha1") {
  return testing::EncryptFor(
      spki, secret,
      absl::StrCat("-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:", std::string(hash)));
}

class Import : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Fake") {
      hsm_ = std::make_unique<testing::FakeHsm>();
    } else {
      softhsm_ = std::make_unique<testing::SoftHsmToken>();
      auto opened = OpenToken(softhsm_->options());
      ASSERT_OK(opened);
      hsm_ = *std::move(opened);
    }
    ASSERT_OK(hsm_->Generate(kPair, KeyKind::kRsa3072Unwrapping));
    spki_ = *hsm_->PublicKey(kPair);
  }
  absl::Status Take(const std::string& bytes, Wrapping wrapping = Wrapping::kRsaOaepSha1,
                    KeyKind kind = kKind) {
    return hsm_->Import(kSecret, kind, kPair, {wrapping, bytes});
  }
  // The first bytes of what the key makes of the message, in hexadecimal.
  std::string Tag(Mechanism mechanism, const std::string& message) {
    const auto tag = hsm_->Sign(kSecret, mechanism, message);
    EXPECT_OK(tag);
    return tag.ok() ? absl::BytesToHexString(tag->substr(0, 5)) : std::string();
  }
  std::vector<std::string> Labels() {
    std::vector<std::string> labels;
    const std::vector<HsmKey> keys = hsm_->List().value();
    for (const HsmKey& key : keys) labels.push_back(key.label);
    return labels;
  }

  std::unique_ptr<testing::SoftHsmToken> softhsm_;
  std::unique_ptr<Hsm> hsm_;
  std::string spki_;
};

INSTANTIATE_TEST_SUITE_P(Hsms, Import, ::testing::Values("Fake", "SoftHsm"),
                         [](const auto& param) { return param.param; });

TEST_P(Import, WhatAPartnerWrappedTagsAsThePartnerDoes) {
  ASSERT_TRUE(hsm_->capabilities().imports);
  for (const std::size_t size : {32U, 33U, 64U}) {
    const std::string secret = SomeSecret(size);
    ASSERT_OK(Take(ByOaep(spki_, secret))) << size;
    EXPECT_EQ(*hsm_->Sign(kSecret, Mechanism::kHmacSha256, "message"),
              testing::HmacSha256(secret, "message"));
    ASSERT_OK(hsm_->Destroy(kSecret));
  }
}

TEST_P(Import, ASecretBehindAnAesKeyIsTheSame) {
  const std::string aes = SomeSecret(32);
  for (const std::size_t size : {32U, 37U, 64U}) {
    const std::string secret(size, 'x');
    ASSERT_OK(Take(ByOaep(spki_, aes) + testing::WrapByAes(aes, secret), Wrapping::kRsaAesSha1));
    EXPECT_EQ(*hsm_->Sign(kSecret, Mechanism::kHmacSha256, "message"),
              testing::HmacSha256(secret, "message"));
    ASSERT_OK(hsm_->Destroy(kSecret));
  }
  EXPECT_EQ(Labels(), std::vector<std::string>{kPair});
}

TEST_P(Import, WhatWasTakenInIsOfAKindOfItsOwnAndNeverLeaves) {
  ASSERT_OK(Take(ByOaep(spki_, SomeSecret(64))));
  bool listed = false;
  const std::vector<HsmKey> keys = hsm_->List().value();
  for (const HsmKey& key : keys) {
    if (key.label == kSecret) listed = key.kind == kKind;
  }
  EXPECT_TRUE(listed) << "and not HMAC-SHA512, whose keys are as long";
  EXPECT_THAT(hsm_->Sign(kSecret, Mechanism::kHmacSha512, "message"),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(hsm_->Deliver(kSecret, spki_), HasReason(Reason::kKeyDelivered));
  EXPECT_THAT(Take(ByOaep(spki_, SomeSecret(32))), HasReason(Reason::kKeyExists));
}

// The bytes 0 to 31, whose tags are published nowhere and were made by the openssl program.
std::string CountedSecret(std::size_t size = 32) {
  std::string secret;
  for (std::size_t i = 0; i < size; ++i) secret.push_back(static_cast<char>(i));
  return secret;
}

TEST_P(Import, AnAesKeyMacsAsThePartnersDoes) {
  const std::string aes = SomeSecret(32);
  const std::vector<WrappedSecret> both = {
      {Wrapping::kRsaOaepSha1, ByOaep(spki_, CountedSecret())},
      {Wrapping::kRsaAesSha1, ByOaep(spki_, aes) + testing::WrapByAes(aes, CountedSecret())}};
  for (const WrappedSecret& secret : both) {
    SCOPED_TRACE(NameOf(secret.wrapping));
    ASSERT_OK(Take(secret.bytes, secret.wrapping, KeyKind::kImportedAes256Cmac));
    EXPECT_EQ(hsm_->Sign(kSecret, Mechanism::kAesCmac, "message")->size(), 16U);
    EXPECT_EQ(Tag(Mechanism::kAesCmac, std::string(16, '\0')), "377822c093");
    bool listed = false;
    const std::vector<HsmKey> keys = hsm_->List().value();
    for (const HsmKey& key : keys) {
      listed |= key.label == kSecret && key.kind == KeyKind::kImportedAes256Cmac;
    }
    EXPECT_TRUE(listed) << "and not as one that the token made";
    EXPECT_THAT(hsm_->Deliver(kSecret, spki_), HasReason(Reason::kKeyDelivered));
    EXPECT_THAT(hsm_->Wrap(kSecret, crypto::AsBytes("secret"), ""),
                HasReason(Reason::kAlgorithmUnsupported));
    ASSERT_OK(hsm_->Destroy(kSecret));
  }
}

TEST_P(Import, AnAesKeyOfAnotherLengthIsNone) {
  const std::string aes = SomeSecret(32);
  const std::string carrier = ByOaep(spki_, aes);
  for (const std::size_t size : {8U, 16U, 24U, 31U, 33U, 40U, 48U, 64U}) {
    const std::string secret = SomeSecret(size);
    EXPECT_EQ(Take(ByOaep(spki_, secret), Wrapping::kRsaOaepSha1, KeyKind::kImportedAes256Cmac),
              WrappedSecretInvalid())
        << size;
    EXPECT_EQ(Take(carrier + testing::WrapByAes(aes, secret), Wrapping::kRsaAesSha1,
                   KeyKind::kImportedAes256Cmac),
              WrappedSecretInvalid())
        << size;
  }
  EXPECT_EQ(Labels(), std::vector<std::string>{kPair});
}

TEST_P(Import, EveryHmacTakesInItsOwnKeys) {
  testing::FakeHsm other;
  ASSERT_OK(other.Generate(kPair, KeyKind::kRsa3072Unwrapping));
  const std::string theirs = *other.PublicKey(kPair);
  for (const auto& [kind, mechanism] :
       {std::pair(KeyKind::kImportedHmacSha256, Mechanism::kHmacSha256),
        std::pair(KeyKind::kImportedHmacSha384, Mechanism::kHmacSha384),
        std::pair(KeyKind::kImportedHmacSha512, Mechanism::kHmacSha512)}) {
    SCOPED_TRACE(NameOf(kind));
    ASSERT_OK(Take(ByOaep(spki_, SomeSecret(64)), Wrapping::kRsaOaepSha1, kind));
    ASSERT_OK(other.Import(kSecret, kind, kPair,
                           {Wrapping::kRsaOaepSha1, ByOaep(theirs, SomeSecret(64))}));
    EXPECT_EQ(*hsm_->Sign(kSecret, mechanism, "message"),
              *other.Sign(kSecret, mechanism, "message"));
    EXPECT_EQ(*hsm_->Sign(kSecret, mechanism, ""), *other.Sign(kSecret, mechanism, ""));
    EXPECT_THAT(hsm_->Sign(kSecret, Mechanism::kAesCmac, "message"),
                HasReason(Reason::kAlgorithmUnsupported));
    ASSERT_OK(hsm_->Destroy(kSecret));
    ASSERT_OK(other.Destroy(kSecret));
  }
  ASSERT_OK(Take(ByOaep(spki_, CountedSecret())));
  EXPECT_EQ(Tag(Mechanism::kHmacSha256, ""), "d38b42096d") << "an empty message is one";
}

TEST_P(Import, APairThatUnwrapsDoesNothingElse) {
  EXPECT_THAT(hsm_->Sign(kPair, Mechanism::kRsaPssSha256, "message"),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(hsm_->Unwrap(kPair, ByOaep(spki_, SomeSecret(32)), ""),
              HasReason(Reason::kAlgorithmUnsupported));
  ASSERT_OK(hsm_->Generate("signing", KeyKind::kRsa3072));
  EXPECT_THAT(
      hsm_->Import(kSecret, kKind, "signing",
                   {Wrapping::kRsaOaepSha1, ByOaep(*hsm_->PublicKey("signing"), SomeSecret(32))}),
      HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(
      hsm_->Import(kSecret, kKind, "nobody", {Wrapping::kRsaOaepSha1, std::string(384, 'x')}),
      HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(hsm_->Import(kSecret, KeyKind::kHmacSha256, kPair,
                           {Wrapping::kRsaOaepSha1, ByOaep(spki_, SomeSecret(32))}),
              HasReason(Reason::kAlgorithmUnsupported));
}

TEST_P(Import, WhateverIsWrongIsOneErrorAndLeavesNothing) {
  const std::string good = ByOaep(spki_, SomeSecret(32));
  const std::string aes = SomeSecret(32);
  const std::string carrier = ByOaep(spki_, aes);
  const std::string wrapped = testing::WrapByAes(aes, SomeSecret(32));
  std::string damaged = good;
  damaged[100] = static_cast<char>(damaged[100] ^ 1);
  std::string damaged_behind = carrier + wrapped;
  damaged_behind.back() = static_cast<char>(damaged_behind.back() ^ 1);
  ASSERT_OK(hsm_->Generate("other", KeyKind::kRsa3072Unwrapping));
  struct Case {
    const char* what;
    std::string bytes;
    Wrapping wrapping = Wrapping::kRsaOaepSha1;
  };
  const std::vector<Case> cases = {
      {"nothing", ""},
      {"too short", good.substr(1)},
      {"too long", good + "x"},
      {"damaged", damaged},
      {"above the modulus", std::string(kModulus, '\xff')},
      {"another hash", ByOaep(spki_, SomeSecret(32), "sha256")},
      {"PKCS #1 v1.5", testing::EncryptFor(spki_, SomeSecret(32), "")},
      {"another key", ByOaep(*hsm_->PublicKey("other"), SomeSecret(32))},
      {"a secret of 16 bytes", ByOaep(spki_, SomeSecret(16))},
      {"no AES key before it", good, Wrapping::kRsaAesSha1},
      {"an AES key behind it", carrier + wrapped},
      {"damaged behind the AES key", damaged_behind, Wrapping::kRsaAesSha1},
      {"another AES key", carrier + testing::WrapByAes(SomeSecret(31) + "x", SomeSecret(32)),
       Wrapping::kRsaAesSha1},
      {"an AES key of no size", ByOaep(spki_, SomeSecret(20)) + wrapped, Wrapping::kRsaAesSha1},
      {"a secret of 16 bytes behind", carrier + testing::WrapByAes(aes, SomeSecret(16)),
       Wrapping::kRsaAesSha1},
      {"a secret of 65 bytes behind", carrier + testing::WrapByAes(aes, SomeSecret(65)),
       Wrapping::kRsaAesSha1},
  };
  for (const Case& wrong : cases) {
    const absl::Status refused = Take(wrong.bytes, wrong.wrapping);
    EXPECT_EQ(refused, WrappedSecretInvalid()) << wrong.what;
  }
  EXPECT_THAT(Labels(), ::testing::UnorderedElementsAre(kPair, "other"));
  EXPECT_OK(Take(good)) << "the token is as well as before";
}

TEST(Unwrapping, ASecretOfHmacHas24To64BytesAndOneOfAes32) {
  EXPECT_FALSE(FitsSecret(kKind, 23));
  EXPECT_TRUE(FitsSecret(kKind, 24));
  EXPECT_TRUE(FitsSecret(kKind, 64));
  EXPECT_FALSE(FitsSecret(kKind, 65));
  EXPECT_FALSE(FitsSecret(KeyKind::kHmacSha256, 32));
  EXPECT_TRUE(FitsSecret(KeyKind::kImportedHmacSha512, 64));
  EXPECT_FALSE(FitsSecret(KeyKind::kImportedAes256Cmac, 31));
  EXPECT_TRUE(FitsSecret(KeyKind::kImportedAes256Cmac, 32));
  EXPECT_FALSE(FitsSecret(KeyKind::kImportedAes256Cmac, 33));
}

// Whatever comes, what is taken apart are its own bytes, all of them, and of a right size.
TEST(Unwrapping, PartsOfAnythingAreAllOfItAndOfRightSizes) {
  std::mt19937 random(20);
  std::size_t fitting = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t around = i % 2 == 0 ? kModulus : 0;
    WrappedSecret secret{.wrapping = static_cast<Wrapping>(random() % 4),
                         .bytes = std::string(around + random() % 100, 'x')};
    for (char& byte : secret.bytes) byte = static_cast<char>(random());
    const auto parts = PartsOf(secret, kKind, kModulus);
    if (!parts.has_value()) continue;
    ++fitting;
    EXPECT_EQ(std::string(parts->rsa) + std::string(parts->aes), secret.bytes);
    EXPECT_EQ(parts->rsa.size(), kModulus);
    const bool by_aes = NameOf(secret.wrapping).starts_with("RSA-AES");
    EXPECT_EQ(parts->aes.empty(), !by_aes);
    if (by_aes) {
      EXPECT_EQ(parts->aes.size() % 8, 0U);
      EXPECT_TRUE(parts->aes.size() >= 32 && parts->aes.size() <= 72) << parts->aes.size();
    }
  }
  EXPECT_GT(fitting, 100U) << "the test would prove nothing";
}

class FaultyImport : public FaultyToken {
 protected:
  void SetUp() override {
    options_.token_directory = disk_;
    std::filesystem::create_directory(disk_);
    Open();
    ASSERT_OK(hsm_->Generate(kPair, KeyKind::kRsa3072Unwrapping));
    spki_ = *hsm_->PublicKey(kPair);
    wrapped_ = ByOaep(spki_, SomeSecret(32));
    fault::Reset();
  }
  absl::Status Take() {
    return hsm_->Import(kSecret, kKind, kPair, {Wrapping::kRsaOaepSha1, wrapped_});
  }
  std::size_t Keys() { return hsm_->List().value().size(); }
  // The calls of C_UnwrapKey with these numbers fail, and no others: between those of what is
  // imported comes one of what the token tries.
  static void FailUnwrapping(const std::set<std::size_t>& calls, CK_RV code) {
    fault::Reset();
    fault::Before("C_UnwrapKey", [calls, code] {
      if (calls.contains(fault::Calls("C_UnwrapKey") + 1)) fault::Fail("C_UnwrapKey", code, 1);
    });
  }
  // All that there are, in whatever session they were made.
  std::size_t AesKeys() {
    const auto module = Module::Load(options_.module_path).value();
    const CK_FUNCTION_LIST& functions = module->functions();
    CK_ULONG count = 0;
    functions.C_GetSlotList(CK_TRUE, nullptr, &count);
    std::vector<CK_SLOT_ID> slots(count);
    functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
    Template aes;
    aes.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_AES);
    return Session::Open(functions, slots.front()).value()->Find(std::move(aes)).value().size();
  }

  testing::TemporaryDirectory directory_;
  const std::string disk_ = directory_.File("disk");
  std::string spki_;
};

TEST_F(FaultyImport, AnAnswerOfTheTokenThatGetsLostCostsNothing) {
  fault::LoseAnswer("C_UnwrapKey", CKR_DEVICE_ERROR);
  ASSERT_OK(Take());
  EXPECT_EQ(*hsm_->Sign(kSecret, Mechanism::kHmacSha256, "m"),
            testing::HmacSha256(SomeSecret(32), "m"));
  ASSERT_OK(hsm_->Destroy(kSecret));
  fault::LoseAnswer("C_UnwrapKey", CKR_SESSION_HANDLE_INVALID);
  EXPECT_OK(Take());
}

TEST_F(FaultyImport, ATokenThatIsAwayIsNotTakenForAWrongBlob) {
  fault::Fail("C_UnwrapKey", CKR_DEVICE_ERROR, kForEver);
  EXPECT_THAT(Take(), HasReason(Reason::kHsmUnavailable));
  fault::Reset();
  EXPECT_EQ(Keys(), 1U);
  EXPECT_OK(Take());
}

TEST_F(FaultyImport, WhatTheTokenSaysOfABlobIsNotHandedOn) {
  for (const CK_RV code : {CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE,
                           CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE}) {
    fault::Fail("C_UnwrapKey", code, 1);
    EXPECT_EQ(Take(), WrappedSecretInvalid()) << std::hex << code;
  }
  fault::Fail("C_UnwrapKey", CKR_MECHANISM_INVALID, 1);
  EXPECT_THAT(Take(), HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_EQ(Keys(), 1U);
}

// A token may open its own and not this one: then it is this one, whatever the token calls it.
TEST_F(FaultyImport, AWrongBlobIsOneErrorUnderEveryCodeAndTroublesNobodyElse) {
  for (const CK_RV code :
       {CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT, CKR_KEY_TYPE_INCONSISTENT,
        CKR_UNWRAPPING_KEY_SIZE_RANGE, CKR_VENDOR_DEFINED + 7, CKR_KEY_HANDLE_INVALID,
        CKR_USER_NOT_LOGGED_IN, CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED}) {
    FailUnwrapping({1, 3}, code);
    EXPECT_EQ(Take(), WrappedSecretInvalid()) << std::hex << code;
    EXPECT_EQ(fault::Calls("C_Login"), 0U) << std::hex << code;
    EXPECT_EQ(fault::Calls("C_Initialize"), 0U) << std::hex << code;
    EXPECT_EQ(Keys(), 1U);
  }
  FailUnwrapping({1}, CKR_VENDOR_DEFINED + 7);
  EXPECT_OK(Take()) << "what is said once is not the blob's fault";
}

TEST_F(FaultyImport, TheAesKeyBeforeASecretGoesWhateverComesOfTheSecret) {
  const std::string aes = SomeSecret(32);
  const std::string bytes = ByOaep(spki_, aes) + testing::WrapByAes(aes, SomeSecret(32));
  const auto take = [&] {
    return hsm_->Import(kSecret, kKind, kPair, {Wrapping::kRsaAesSha1, bytes});
  };
  ASSERT_OK(take());
  EXPECT_EQ(AesKeys(), 0U);
  ASSERT_OK(hsm_->Destroy(kSecret));
  FailUnwrapping({2}, CKR_WRAPPED_KEY_INVALID);
  EXPECT_EQ(take(), WrappedSecretInvalid());
  EXPECT_EQ(fault::Calls("C_DestroyObject"), 1U);
  FailUnwrapping({2, 5}, CKR_ATTRIBUTE_VALUE_INVALID);
  EXPECT_EQ(take(), WrappedSecretInvalid());
  EXPECT_EQ(fault::Calls("C_DestroyObject"), 5U) << "one each time, and three of what was tried";
  EXPECT_EQ(AesKeys(), 0U);
  EXPECT_EQ(Keys(), 1U);
}

TEST_F(FaultyImport, WhatIsNotProvenIsDestroyed) {
  fault::Fail("C_Sign", CKR_KEY_FUNCTION_NOT_PERMITTED, 1);
  EXPECT_THAT(Take(), HasReason(Reason::kHsmFailure));
  EXPECT_EQ(Keys(), 1U);
  EXPECT_OK(Take());
}

TEST_F(FaultyImport, WhatCannotBeDestroyedIsSaid) {
  fault::Fail("C_Sign", CKR_KEY_FUNCTION_NOT_PERMITTED, 1);
  fault::Fail("C_DestroyObject", CKR_ACTION_PROHIBITED, kForEver);
  const absl::Status refused = Take();
  EXPECT_THAT(refused, HasReason(Reason::kHsmFailure));
  EXPECT_EQ(refused.message(),
            "C_Sign: CKR_KEY_FUNCTION_NOT_PERMITTED; what it made may be left on the token");
  EXPECT_EQ(Keys(), 2U);
}

// A power cut would bring it back.
TEST_F(FaultyImport, WhatIsDestroyedAndNotDurablySoIsSaid) {
  std::filesystem::remove(disk_);
  fault::Fail("C_Sign", CKR_KEY_FUNCTION_NOT_PERMITTED, 1);
  const absl::Status refused = Take();
  EXPECT_THAT(refused, HasReason(Reason::kHsmFailure));
  EXPECT_EQ(refused.message(),
            "C_Sign: CKR_KEY_FUNCTION_NOT_PERMITTED; what it made may be left on the token");
  FailUnwrapping({1}, CKR_WRAPPED_KEY_INVALID);
  const absl::Status wrong = Take();
  EXPECT_THAT(wrong, HasReason(Reason::kWrappedSecretInvalid));
  EXPECT_EQ(FieldOf(wrong), "wrapped_secret");
  EXPECT_EQ(Keys(), 1U);
}

}  // namespace
}  // namespace keysvc::pkcs11
