// What keys look like on the token itself.
#include "pkcs11/key_objects.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "pkcs11/unwrapping.h"
#include "pkcs11/wrapped_secret.h"
#include "tests/support/openssl.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

constexpr KeyKind kImported = KeyKind::kImportedHmacSha256;

CK_SLOT_ID FirstSlot(const CK_FUNCTION_LIST& functions) {
  CK_ULONG count = 0;
  functions.C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> all(count);
  functions.C_GetSlotList(CK_TRUE, all.data(), &count);
  return all.front();
}

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
  // A key as one that was unwrapped has to be, but for the attribute that is `other` than asked.
  KeyObjects Unwrapped(std::size_t size, std::optional<CK_ATTRIBUTE_TYPE> other = {}) {
    Template attributes;
    attributes.Number(CKA_CLASS, CKO_SECRET_KEY)
        .Number(CKA_KEY_TYPE, CKK_SHA256_HMAC)
        .Bytes(CKA_VALUE, std::string(size, 'x'))
        .Yes(CKA_SIGN);
    for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE}) {
      type == other ? attributes.No(type) : attributes.Yes(type);
    }
    for (const CK_ATTRIBUTE_TYPE type :
         {CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE}) {
      type == other ? attributes.Yes(type) : attributes.No(type);
    }
    const auto made = session_->Create(std::move(attributes));
    EXPECT_OK(made);
    return {.kind = kImported, .secret = made.value_or(CK_INVALID_HANDLE)};
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
    if (facts.generate == kNotGenerated) continue;
    const KeyObjects key = Made(facts.kind);
    for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE,
                                         CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL}) {
      EXPECT_TRUE(Flag(key.secret, type)) << std::hex << type;
    }
    EXPECT_FALSE(Flag(key.secret, CKA_EXTRACTABLE));
    const bool wraps = facts.kind == KeyKind::kAes256Wrapping;
    EXPECT_EQ(Flag(key.secret, CKA_DECRYPT), wraps);
    EXPECT_EQ(Flag(key.secret, CKA_SIGN), !wraps && !Unwraps(facts.kind));
    EXPECT_EQ(Flag(key.secret, CKA_UNWRAP), Unwraps(facts.kind));
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

TEST_F(KeyObjectsTest, AnUnwrappedKeyIsNotProvenThatMayDoMoreOrIsLessProtected) {
  EXPECT_OK(ProveImported(*session_, Unwrapped(32), Restriction::kMechanisms));
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP,
        CKA_UNWRAP, CKA_DERIVE}) {
    const KeyObjects key = Unwrapped(32, type);
    EXPECT_THAT(ProveImported(*session_, key, Restriction::kOperations),
                HasReason(Reason::kHsmFailure))
        << std::hex << type;
  }
  KeyObjects local = Made(KeyKind::kHmacSha256);
  local.kind = kImported;
  EXPECT_THAT(ProveImported(*session_, local, Restriction::kMechanisms),
              HasReason(Reason::kHsmFailure));
  EXPECT_OK(ProveImported(*session_, local, Restriction::kOperations)) << "it does not remember";
}

TEST_F(KeyObjectsTest, AnUnwrappedKeyIsNotProvenThatTellsAWrongSize) {
  ASSERT_EQ(session_->ReadNumber(Unwrapped(65).secret, CKA_VALUE_LEN).value_or(0), 65U);
  for (const std::size_t size : {16U, 65U, 131U}) {
    EXPECT_EQ(ProveImported(*session_, Unwrapped(size), Restriction::kMechanisms),
              WrappedSecretInvalid())
        << size;
  }
  EXPECT_OK(ProveImported(*session_, Unwrapped(64), Restriction::kMechanisms));
}

// A token that tells the size of what it unwrapped, as SoftHSM2 does not.
const CK_FUNCTION_LIST* silent = nullptr;
CK_ULONG told = 0;
CK_RV TellSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attribute,
               CK_ULONG count) {
  const CK_RV code = silent->C_GetAttributeValue(session, object, attribute, count);
  if (attribute->type == CKA_VALUE_LEN) *static_cast<CK_ULONG*>(attribute->pValue) = told;
  return code;
}

TEST_F(KeyObjectsTest, AnAesKeyBeforeASecretHas32BytesWhereTheTokenTells) {
  const KeyObjects pair = Made(KeyKind::kRsa3072Unwrapping);
  const std::string aes(32, 'a');
  const WrappedSecret secret = {Wrapping::kRsaAesSha1,
                                testing::EncryptFor(ReadSpki(*session_, pair).value(), aes,
                                                    "-pkeyopt rsa_padding_mode:oaep") +
                                    testing::WrapByAes(aes, std::string(32, 'x'))};
  silent = &module_->functions();
  CK_FUNCTION_LIST telling = *silent;
  telling.C_GetAttributeValue = &TellSize;
  const auto session = Session::Open(telling, FirstSlot(telling));
  ASSERT_OK(session);
  const auto unwrap = [&](CK_ULONG size) {
    told = size;
    return UnwrapSecret(**session, pair.secret, pair.kind, secret, "hooks", kImported,
                        Restriction::kMechanisms);
  };
  EXPECT_EQ(unwrap(16), WrappedSecretInvalid());
  EXPECT_EQ(unwrap(24), WrappedSecretInvalid());
  EXPECT_FALSE(FindKey(*session_, "hooks").value().has_value());
  EXPECT_OK(unwrap(32));
}

TEST_F(KeyObjectsTest, AnImportedAesKeyHas32BytesWhereTheTokenTells) {
  const KeyObjects pair = Made(KeyKind::kRsa3072Unwrapping);
  const WrappedSecret secret = {
      Wrapping::kRsaOaepSha1,
      testing::EncryptFor(ReadSpki(*session_, pair).value(), std::string(32, 'a'),
                          "-pkeyopt rsa_padding_mode:oaep")};
  silent = &module_->functions();
  CK_FUNCTION_LIST telling = *silent;
  telling.C_GetAttributeValue = &TellSize;
  const auto session = Session::Open(telling, FirstSlot(telling));
  ASSERT_OK(session);
  const auto unwrap = [&](CK_ULONG size) {
    told = size;
    return UnwrapSecret(**session, pair.secret, pair.kind, secret, "rail",
                        KeyKind::kImportedAes256Cmac, Restriction::kMechanisms);
  };
  EXPECT_EQ(unwrap(16), WrappedSecretInvalid());
  EXPECT_EQ(unwrap(31), WrappedSecretInvalid());
  EXPECT_FALSE(FindKey(*session_, "rail").value().has_value());
  ASSERT_OK(unwrap(32));
  const auto key = FindKey(**session, "rail").value();
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->kind, KeyKind::kImportedAes256Cmac) << "told by what it may do alone";
  EXPECT_OK(ProveImported(**session, *key, Restriction::kMechanisms));
  told = 24;
  EXPECT_EQ(ProveImported(**session, *key, Restriction::kMechanisms), WrappedSecretInvalid());
}

// One that has a use for keys of any length.
CK_RV TakeAnyKey(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* /*mechanism*/,
                 CK_OBJECT_HANDLE /*key*/) {
  return CKR_OK;
}
CK_RV TagAnything(CK_SESSION_HANDLE /*session*/, CK_BYTE* /*data*/, CK_ULONG /*data_size*/,
                  CK_BYTE* /*tag*/, CK_ULONG* size) {
  *size = 32;
  return CKR_OK;
}

TEST_F(KeyObjectsTest, ATokenThatGivesNoWayToLearnALengthTakesInNoAesKey) {
  const KeyObjects pair = Made(KeyKind::kRsa3072Unwrapping);
  const WrappedSecret secret = {
      Wrapping::kRsaOaepSha1,
      testing::EncryptFor(ReadSpki(*session_, pair).value(), std::string(32, 'a'),
                          "-pkeyopt rsa_padding_mode:oaep")};
  CK_FUNCTION_LIST careless = module_->functions();
  careless.C_SignInit = &TakeAnyKey;
  careless.C_Sign = &TagAnything;
  const auto session = Session::Open(careless, FirstSlot(careless));
  ASSERT_OK(session);
  EXPECT_THAT(UnwrapSecret(**session, pair.secret, pair.kind, secret, "rail",
                           KeyKind::kImportedAes256Cmac, Restriction::kMechanisms),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_FALSE(FindKey(*session_, "rail").value().has_value());
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

// What the token makes of a message by a key whose value the test knows.
std::string TagBy(const CK_FUNCTION_LIST& functions, CK_KEY_TYPE type, std::string value,
                  Mechanism mechanism, std::string message) {
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  EXPECT_EQ(functions.C_OpenSession(FirstSlot(functions), CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                    nullptr, nullptr, &session),
            CKR_OK);
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, type)
      .Bytes(CKA_VALUE, value)
      .No(CKA_TOKEN)
      .Yes(CKA_SIGN);
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  EXPECT_EQ(functions.C_CreateObject(session, attributes.data(), attributes.size(), &key), CKR_OK);
  CK_MECHANISM how = SigningMechanism(mechanism);
  EXPECT_EQ(functions.C_SignInit(session, &how, key), CKR_OK);
  std::string input = SigningInput(mechanism, message);
  std::string tag(64, '\0');
  CK_ULONG size = tag.size();
  EXPECT_EQ(functions.C_Sign(session, reinterpret_cast<CK_BYTE*>(input.data()), input.size(),
                             reinterpret_cast<CK_BYTE*>(tag.data()), &size),
            CKR_OK);
  functions.C_CloseSession(session);
  tag.resize(size);
  return testing::ToHex(tag);
}

TEST_F(KeyObjectsTest, MechanismsGiveThePublishedTags) {
  const auto hmac = [&](Mechanism mechanism, const std::string& key, const std::string& message) {
    return TagBy(module_->functions(), CKK_GENERIC_SECRET, key, mechanism, message);
  };
  // RFC 4231 test case 6: the key is longer than a block.
  const std::string key(131, '\xaa');
  const std::string message = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(hmac(Mechanism::kHmacSha256, key, message),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac(Mechanism::kHmacSha384, key, message),
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
            "0c2ef6ab4030fe8296248df163f44952");
  EXPECT_EQ(hmac(Mechanism::kHmacSha512, key, message),
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
  const auto cmac = [&](const std::string& hex_key, std::size_t size) {
    const std::string text = testing::Bytes(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
    return TagBy(module_->functions(), CKK_AES, testing::Bytes(hex_key), Mechanism::kAesCmac,
                 text.substr(0, size));
  };
  // RFC 4493 section 4.
  const std::string short_key = "2b7e151628aed2a6abf7158809cf4f3c";
  EXPECT_EQ(cmac(short_key, 0), "bb1d6929e95937287fa37d129b756746");
  EXPECT_EQ(cmac(short_key, 16), "070a16b46b4d4144f79bdd9dd04a287c");
  EXPECT_EQ(cmac(short_key, 40), "dfa66747de9ae63030ca32611497c827");
  EXPECT_EQ(cmac(short_key, 64), "51f0bebf7e3b9d92fc49741779363cfe");
  // SP 800-38B, AES-256.
  const std::string long_key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
  EXPECT_EQ(cmac(long_key, 0), "028962f61b7bf89efc6b551f4667d983");
  EXPECT_EQ(cmac(long_key, 16), "28a7023f452e8f82bd4bf28d8c37c35c");
  EXPECT_EQ(cmac(long_key, 40), "aaf3d8f1de5640c232f5b169b9c911e6");
  EXPECT_EQ(cmac(long_key, 64), "e1992190549f6ed5696a2c056c315410");
}

}  // namespace
}  // namespace keysvc::pkcs11
