#include "crypto/public_key.h"

#include <memory>
#include <string>
#include <vector>

#include "crypto/digest.h"
#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::Flipped;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::ToHex;
using enum SignatureAlgorithm;

const auto kRefused = HasReason(Reason::kFieldInvalid);

std::unique_ptr<PublicKey> P256() {
  return PublicKey::FromP256Point(Bytes(known::kP256Point)).value();
}
std::unique_ptr<PublicKey> Ed25519() {
  return PublicKey::FromEd25519(Bytes(known::kEd25519Point)).value();
}
std::unique_ptr<PublicKey> Rsa() {
  return PublicKey::FromRsa(Bytes(known::kRsaModulus), Bytes(known::kRsaExponent)).value();
}

// RFC 6979 appendix A.2.6: the key, and its signature of "sample" by SHA-384.
constexpr char kP384Point[] =
    "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480"
    "bc13"
    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd25332647"
    "20";
constexpr char kP384Signature[] =
    "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36"
    "dd"
    "1e80fabe4602310099ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e67"
    "9e"
    "7b82c71a38628ac8";

std::unique_ptr<PublicKey> P384() { return PublicKey::FromP384Point(Bytes(kP384Point)).value(); }

struct Case {
  const char* name;
  std::unique_ptr<PublicKey> key;
  SignatureAlgorithm algorithm;
  std::string message;
  std::string signature;
};

std::vector<Case> Cases() {
  const std::string sample(known::kSignedMessage);
  std::vector<Case> cases;
  cases.push_back({"ECDSA", P256(), kEcdsaP256Sha256, sample, Bytes(known::kEcdsaSignature)});
  cases.push_back({"P-384", P384(), kEcdsaP384Sha384, "sample", Bytes(kP384Signature)});
  cases.push_back({"Ed25519", Ed25519(), kEd25519, "", Bytes(known::kEd25519Signature)});
  cases.push_back({"PKCS1", Rsa(), kRsaPkcs1Sha256, sample, Bytes(known::kRsaPkcs1Signature)});
  cases.push_back({"PSS", Rsa(), kRsaPssSha256, sample, Bytes(known::kRsaPssSignature)});
  return cases;
}

TEST(PublicKeyTest, PublishedSignaturesVerify) {
  for (const Case& c : Cases()) {
    EXPECT_TRUE(c.key->Verify(c.algorithm, c.message, c.signature)) << c.name;
  }
}

TEST(PublicKeyTest, ASignatureVerifiesForTheHashOfItsMessageAndNoOther) {
  for (const Case& c : Cases()) {
    const HashAlgorithm hash =
        c.algorithm == kEcdsaP384Sha384 ? HashAlgorithm::kSha384 : HashAlgorithm::kSha256;
    const std::string digest = HashOf(hash, c.message);
    // Ed25519 takes the message itself.
    EXPECT_EQ(c.key->VerifyDigest(c.algorithm, digest, c.signature), c.algorithm != kEd25519)
        << c.name;
    EXPECT_FALSE(c.key->VerifyDigest(c.algorithm, Flipped(digest, 0), c.signature)) << c.name;
    EXPECT_FALSE(c.key->VerifyDigest(c.algorithm, digest + '\0', c.signature)) << c.name;
    EXPECT_FALSE(c.key->VerifyDigest(c.algorithm, digest.substr(0, 20), c.signature)) << c.name;
    EXPECT_FALSE(c.key->VerifyDigest(c.algorithm, c.message, c.signature)) << c.name;
  }
}

TEST(PublicKeyTest, NoSignatureVerifiesAfterAChangeOfAnyByte) {
  for (const Case& c : Cases()) {
    for (std::size_t i = 0; i < c.signature.size(); ++i) {
      EXPECT_FALSE(c.key->Verify(c.algorithm, c.message, Flipped(c.signature, i)))
          << c.name << " " << i;
    }
    for (std::size_t size = 0; size < c.signature.size(); ++size) {
      EXPECT_FALSE(c.key->Verify(c.algorithm, c.message, c.signature.substr(0, size))) << c.name;
    }
    EXPECT_FALSE(c.key->Verify(c.algorithm, c.message, c.signature + '\0')) << c.name;
    EXPECT_FALSE(c.key->Verify(c.algorithm, c.message + "x", c.signature)) << c.name;
  }
}

TEST(PublicKeyTest, ASignatureVerifiesUnderItsOwnAlgorithmAndKeyOnly) {
  const std::vector<Case> cases = Cases();
  for (const Case& signer : cases) {
    for (const Case& other : cases) {
      if (signer.algorithm == other.algorithm) continue;
      EXPECT_FALSE(signer.key->Verify(other.algorithm, signer.message, signer.signature))
          << signer.name << " as " << other.name;
    }
  }
}

TEST(PublicKeyTest, PssSignaturesWithAnotherSaltLengthAreRefused) {
  const std::string salt_of_20 = Bytes(
      "5f1c3b9059ca04a7427a86e3dfd951123865de3e7dfc70f57374e9959948e9461aab3b65f646627e66a4db7775"
      "86746348f69115c31a4651c1e6b168b1cef82ca343ebea33677fe6204e5da1e04bb4df7721ea510f6fec1abca5"
      "5244ce832be2bda178ea09ff122b20d242816a0d1f3a5e6bd486999eb2eebbed12c94cfbc340838562d22a8383"
      "e4af92debed83d50600738587536aca8318958fd7dc7012b2ac4fb1210f9669427793511f325dfbfd954b7b251"
      "a55fc2f183cf76fa4a1b3b2830f03917c80c101b6ddc66a3b2881298ba098c30ac6fc6df039ec2ff0830588c7f"
      "a419fc38d38a9df4d6fd1fdc253451e85010340e4ed8bb22a3a52cc77e12d6");
  EXPECT_FALSE(Rsa()->Verify(kRsaPssSha256, known::kSignedMessage, salt_of_20));
}

TEST(PublicKeyTest, AnEcdsaSignatureInAnyOtherEncodingIsRefused) {
  const std::string r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
  const std::string s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
  const auto key = P256();
  const auto verifies = [&](const std::string& hex) {
    return key->Verify(kEcdsaP256Sha256, known::kSignedMessage, Bytes(hex));
  };
  EXPECT_TRUE(verifies("3046022100" + r + "022100" + s));
  EXPECT_FALSE(verifies(r + s)) << "raw";
  EXPECT_FALSE(verifies("308146022100" + r + "022100" + s)) << "length not minimal";
  EXPECT_FALSE(verifies("304702220000" + r + "022100" + s)) << "padded integer";
  EXPECT_FALSE(verifies("30440220" + r + "0220" + s)) << "negative integers";
  EXPECT_FALSE(verifies("3080022100" + r + "022100" + s + "0000")) << "indefinite length";
  EXPECT_FALSE(verifies("3048022100" + r + "022100" + s + "0500")) << "something behind";
  EXPECT_FALSE(verifies("3006020100020100")) << "zeros";
}

TEST(PublicKeyTest, EveryKindOfKeySurvivesItsSpki) {
  for (const Case& c : Cases()) {
    const std::string spki = c.key->ToSpki();
    const auto again = PublicKey::FromSpki(spki);
    ASSERT_OK(again) << c.name;
    EXPECT_EQ((*again)->ToSpki(), spki) << c.name;
    EXPECT_TRUE((*again)->Verify(c.algorithm, c.message, c.signature)) << c.name;
    EXPECT_TRUE((*again)->ToPem().starts_with("-----BEGIN PUBLIC KEY-----\n")) << c.name;
    EXPECT_THAT(PublicKey::FromSpki(spki + "x"), kRefused) << c.name;
    EXPECT_THAT(PublicKey::FromSpki(spki.substr(1)), kRefused) << c.name;
    EXPECT_THAT(PublicKey::FromSpki(spki.substr(0, spki.size() - 1)), kRefused) << c.name;
  }
}

TEST(PublicKeyTest, TheSpkiOfP256IsTheStandardOne) {
  EXPECT_EQ(ToHex(P256()->ToSpki()), "3059301306072a8648ce3d020106082a8648ce3d030107034200" +
                                         std::string(known::kP256Point));
}

TEST(PublicKeyTest, OtherCurvesSizesAndEncodingsAreRefused) {
  const char* const refused[] = {
      "",
      "3039301306072a8648ce3d020106082a8648ce3d03010703220003"
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
      "3056301006072a8648ce3d020106052b8104000a0342000472aa42093f946047b131417361320271d59628df03c6"
      "8ca67bb44a15290ee7bc76a8fc80e54a3cd0889a3ff8d300fccf8b2425fc9467663202b63be18831b5a4",
      "30819b301006072a8648ce3d020106052b81040023038186000400ff9c5911754990d78c0e57a62cb5656a76abd8"
      "23bdd7b1ca6c7e73974253c1c52d981d0127e7ad0894becaf63382a8fe6562070063668246d48a7366a7ae7df9e3"
      "01c87a88ac87b10ee1bcec7987fd478687901a4bd07b8755360a08016cec07598e96cbb54e4fe25549756a2d5a20"
      "aa040c2acca7b14f6b1bba9db592792779f7093e",
      "30819f300d06092a864886f70d010101050003818d0030818902818100cd0809ce39a5f21be48377954fd59510f0"
      "ec4b30a648c142d9f26654ca6875c13b0011e4a1329225f13260a5b756676aba41b9284944fe0258567e926335ea"
      "17c3c343623c3651e1d1b1f513e3fd0bf30940337f53f2b3d3b2b654051d7c5a730eaaf57a99caa128f1fe6c4f6f"
      "a8d6192f71a9a38befdfaeffdb836e86cf5e8b0203010001",
  };
  for (const char* hex : refused) EXPECT_THAT(PublicKey::FromSpki(Bytes(hex)), kRefused) << hex;
}

TEST(PublicKeyTest, PointsThatAreNoneAreRefused) {
  const std::string point = Bytes(known::kP256Point);
  EXPECT_THAT(PublicKey::FromP256Point(Flipped(point, 64)), kRefused) << "not on the curve";
  EXPECT_THAT(PublicKey::FromP256Point(point.substr(0, 64)), kRefused);
  EXPECT_THAT(PublicKey::FromP256Point(point.substr(1)), kRefused);
  EXPECT_THAT(PublicKey::FromP256Point(std::string(1, '\0')), kRefused);
  EXPECT_THAT(PublicKey::FromEd25519(std::string(31, 'x')), kRefused);
  EXPECT_THAT(PublicKey::FromEd25519(""), kRefused);
}

TEST(PublicKeyTest, Ed25519PointsUnderWhichAnybodySignsAreRefused) {
  // The points of order 1, 2, 4 and 8, by their y, and with either x.
  for (const char* y : {"0100000000000000000000000000000000000000000000000000000000000000",
                        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                        "0000000000000000000000000000000000000000000000000000000000000000",
                        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"}) {
    std::string point = Bytes(y);
    EXPECT_THAT(PublicKey::FromEd25519(point), kRefused) << y;
    point.back() = static_cast<char>(point.back() ^ 0x80);
    EXPECT_THAT(PublicKey::FromEd25519(point), kRefused) << y << ", the other x";
  }
}

TEST(PublicKeyTest, Ed25519PointsHaveOneEncodingAndLieOnTheCurve) {
  EXPECT_OK(PublicKey::FromEd25519(Bytes("03") + std::string(31, '\0')));
  for (const char* none : {
           "0200000000000000000000000000000000000000000000000000000000000000",  // no x
           "0700000000000000000000000000000000000000000000000000000000000000",  // no x
           "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 3
           "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 0
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 1
           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    EXPECT_THAT(PublicKey::FromEd25519(Bytes(none)), kRefused) << none;
  }
}

TEST(PublicKeyTest, AnRsaModulusWithASmallFactorIsNotValid) {
  EXPECT_TRUE(Rsa()->IsValid());
  EXPECT_TRUE(P384()->IsValid());
  EXPECT_TRUE(Ed25519()->IsValid());
  // 2^2048 - 1, which 3 divides.
  const auto weak = PublicKey::FromRsa(std::string(256, '\xff'), Bytes("010001"));
  ASSERT_OK(weak);
  EXPECT_FALSE((*weak)->IsValid());
}

TEST(PublicKeyTest, WeakRsaKeysAreRefused) {
  const std::string modulus = Bytes(known::kRsaModulus);
  EXPECT_THAT(PublicKey::FromRsa(modulus.substr(0, 128), "\x01\x01\x01"), kRefused) << "short";
  EXPECT_THAT(PublicKey::FromRsa(modulus, "\x03"), kRefused) << "small exponent";
  EXPECT_THAT(PublicKey::FromRsa(modulus, Bytes("010000")), kRefused) << "even exponent";
  EXPECT_THAT(PublicKey::FromRsa(Flipped(modulus, 255), Bytes("010001")), kRefused) << "even";
  EXPECT_THAT(PublicKey::FromRsa("", ""), kRefused);
}

TEST(PublicKeyTest, AnRsaSignatureIsByOneHashOnly) {
  const std::string signature = Bytes(known::kRsaPssSignature);
  for (const SignatureAlgorithm other : {kRsaPssSha384, kRsaPssSha512}) {
    EXPECT_FALSE(Rsa()->Verify(other, known::kSignedMessage, signature));
  }
  for (const SignatureAlgorithm other : {kRsaPkcs1Sha384, kRsaPkcs1Sha512}) {
    EXPECT_FALSE(Rsa()->Verify(other, known::kSignedMessage, Bytes(known::kRsaPkcs1Signature)));
  }
}

TEST(PublicKeyTest, OnlyAKeyOnACurveHasItsPoint) {
  EXPECT_EQ(ToHex(P384()->P384Point().value()), kP384Point);
  EXPECT_THAT(P384()->P256Point(), HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(P256()->P384Point(), HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_THAT(PublicKey::FromP384Point(Bytes(known::kP256Point)), kRefused);
  EXPECT_THAT(PublicKey::FromP384Point(Flipped(Bytes(kP384Point), 96)), kRefused);
}

TEST(PublicKeyTest, OnlyAnEd25519KeyHasAnEd25519Point) {
  EXPECT_EQ(ToHex(Ed25519()->Ed25519Point().value()), known::kEd25519Point);
  EXPECT_THAT(P256()->Ed25519Point(), HasReason(Reason::kAlgorithmUnsupported));
}

TEST(EcdsaEncodingTest, RawAndDerAreTurnedIntoEachOther) {
  const std::string der = Bytes(known::kEcdsaSignature);
  const std::string raw = EcdsaDerToP1363(der, 32).value();
  EXPECT_EQ(raw.size(), 64u);
  EXPECT_EQ(EcdsaP1363ToDer(raw).value(), der);
  const std::string small = std::string(31, '\0') + "\x01" + std::string(31, '\0') + "\x80";
  EXPECT_EQ(ToHex(EcdsaP1363ToDer(small).value()), "300702010102020080");
  EXPECT_EQ(EcdsaDerToP1363(Bytes("300702010102020080"), 32).value(), small);
}

TEST(EcdsaEncodingTest, WhatIsNoSignatureIsRefused) {
  EXPECT_THAT(EcdsaP1363ToDer(""), kRefused);
  EXPECT_THAT(EcdsaP1363ToDer(std::string(63, 'x')), kRefused);
  EXPECT_THAT(EcdsaP1363ToDer(std::string(64, '\0')), kRefused);
  EXPECT_THAT(EcdsaP1363ToDer(std::string(200, 'x')), kRefused);
  EXPECT_THAT(EcdsaDerToP1363("", 32), kRefused);
  EXPECT_THAT(EcdsaDerToP1363(Bytes(known::kEcdsaSignature), 31), kRefused) << "too wide";
  EXPECT_THAT(EcdsaDerToP1363(Bytes(known::kEcdsaSignature) + "x", 32), kRefused) << "longer";
  EXPECT_THAT(EcdsaDerToP1363(std::string(5000, '0'), 32), kRefused);
}

}  // namespace
}  // namespace keysvc::crypto
