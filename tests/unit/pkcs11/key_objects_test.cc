// What keys look like on the token itself.
#include "pkcs11/key_objects.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

class KeyObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto module = Module::Load(token_.options().module_path);
    ASSERT_OK(module);
    module_ = *std::move(module);
    ASSERT_OK(module_->Initialize());
    auto logged_in =
        Token::LogIn(module_->functions(), {testing::SoftHsmToken::kLabel, {}}, pin_file_);
    ASSERT_OK(logged_in);
    logged_in_ = *std::move(logged_in);
    auto session = logged_in_->OpenSession();
    ASSERT_OK(session);
    session_ = *std::move(session);
  }

  KeyObjects Made(KeyKind kind) {
    EXPECT_OK(GenerateKey(*session_, NameOf(kind), kind));
    const auto found = FindKey(*session_, NameOf(kind));
    EXPECT_OK(found);
    EXPECT_TRUE(found.ok() && found->has_value());
    return found.ok() && *found ? **found : KeyObjects{};
  }
  bool Flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto flag = session_->ReadFlag(object, type);
    EXPECT_OK(flag) << std::hex << type;
    return flag.ok() && *flag;
  }

  testing::SoftHsmToken token_;
  PinFile pin_file_{token_.pin_file(), token_.marker_file()};
  std::unique_ptr<Module> module_;
  std::unique_ptr<Token> logged_in_;
  std::unique_ptr<Session> session_;
};

TEST_F(KeyObjectsTest, EveryKindIsMadeInTheTokenAndCannotLeaveIt) {
  for (const KindFacts& facts : AllKinds()) {
    SCOPED_TRACE(NameOf(facts.kind));
    const KeyObjects key = Made(facts.kind);
    for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE,
                                         CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL}) {
      EXPECT_TRUE(Flag(key.secret, type)) << std::hex << type;
    }
    EXPECT_FALSE(Flag(key.secret, CKA_EXTRACTABLE));
    const bool wraps = facts.kind == KeyKind::kAes256Wrapping;
    EXPECT_EQ(Flag(key.secret, CKA_DECRYPT), wraps);
    EXPECT_EQ(Flag(key.secret, CKA_SIGN), !wraps);
    EXPECT_FALSE(Flag(key.secret, CKA_UNWRAP));
    EXPECT_FALSE(Flag(key.secret, CKA_DERIVE));
    EXPECT_EQ(session_->ReadBytes(key.secret, CKA_ID).value_or(""), IdOf(NameOf(facts.kind)));
    EXPECT_EQ(session_->ReadBytes(key.secret, CKA_ALLOWED_MECHANISMS).value_or("").size(),
              facts.uses.size_bytes());
    const CK_ATTRIBUTE_TYPE value = IsPair(facts.kind) ? CKA_PRIVATE_EXPONENT : CKA_VALUE;
    if (!IsPair(facts.kind) || facts.type == CKK_RSA) {
      EXPECT_EQ(std::string(session_->ReadBytes(key.secret, value).status().message()),
                "C_GetAttributeValue: CKR_ATTRIBUTE_SENSITIVE");
    }
    EXPECT_OK(ProveKey(*session_, key));
  }
}

TEST_F(KeyObjectsTest, TheTokenItselfRefusesAnotherMechanism) {
  const KeyObjects mac = Made(KeyKind::kHmacSha256);
  EXPECT_FALSE(session_->Sign(mac.secret, {CKM_SHA512_HMAC, nullptr, 0}, "message").ok());
}

TEST_F(KeyObjectsTest, AnExtractableKeyIsNotProven) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .Number(CKA_VALUE_LEN, 32)
      .Yes(CKA_TOKEN)
      .Yes(CKA_SIGN)
      .Yes(CKA_EXTRACTABLE)
      .Bytes(CKA_LABEL, "loose")
      .Bytes(CKA_ID, IdOf("loose"));
  ASSERT_OK(session_->GenerateKey(CKM_GENERIC_SECRET_KEY_GEN, std::move(attributes)));
  const auto found = FindKey(*session_, "loose");
  ASSERT_OK(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_THAT(ProveKey(*session_, **found), HasReason(Reason::kHsmFailure));
}

TEST_F(KeyObjectsTest, KeysOfOthersAreNotListed) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_AES)
      .Number(CKA_VALUE_LEN, 32)
      .Yes(CKA_TOKEN)
      .Bytes(CKA_LABEL, "theirs")
      .Bytes(CKA_ID, "id");
  ASSERT_OK(session_->GenerateKey(CKM_AES_KEY_GEN, std::move(attributes)));
  Made(KeyKind::kEd25519);
  const auto keys = ListKeys(*session_);
  ASSERT_OK(keys);
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->front().label, NameOf(KeyKind::kEd25519));
}

TEST_F(KeyObjectsTest, TwoKeysWithOneLabelAreAFailure) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(session_->GenerateKey(CKM_AES_KEY_GEN,
                                    SecretKeyTemplate("twice", KeyKind::kAes256Wrapping)));
  }
  EXPECT_THAT(FindKey(*session_, "twice"), HasReason(Reason::kHsmFailure));
}

TEST_F(KeyObjectsTest, ALeftoverPublicHalfIsNoKeyAndGivesWay) {
  const KeyObjects pair = Made(KeyKind::kEcP256);
  ASSERT_OK(session_->Destroy(pair.secret));
  const auto found = FindKey(*session_, NameOf(KeyKind::kEcP256));
  ASSERT_OK(found);
  EXPECT_FALSE(found->has_value());
  EXPECT_OK(ProveKey(*session_, Made(KeyKind::kEcP256)));
}

TEST_F(KeyObjectsTest, ATokenWithAnotherSerialIsNotTheOneThatWasMeant) {
  session_.reset();
  logged_in_.reset();
  EXPECT_THAT(Token::LogIn(module_->functions(),
                           {testing::SoftHsmToken::kLabel, "0000000000000000"}, pin_file_),
              HasReason(Reason::kTokenMissing));
}

}  // namespace
}  // namespace keysvc::pkcs11
