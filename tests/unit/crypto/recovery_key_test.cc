#include "crypto/recovery_key.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "crypto/canonical.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::ReadFile;
using keysvc::testing::TemporaryDirectory;
using keysvc::testing::WriteFile;

class RecoveryKeyTest : public ::testing::Test {
 protected:
  RecoveryKeyTest()
      : key_(RecoveryKey::Generate().value()),
        pem_(key_->MakeCertificate("shop", "test").value()),
        certificate_(RecoveryCertificate::FromPem(pem_).value()),
        secret_(SecretBytes::Random(32).value()) {}

  const std::unique_ptr<RecoveryKey> key_;
  const std::string pem_;
  const std::unique_ptr<RecoveryCertificate> certificate_;
  const SecretBytes secret_;
};

TEST_F(RecoveryKeyTest, WhatTheCertificateSealsThePrivateHalfOpens) {
  const auto sealed = certificate_->Seal(secret_, "place");
  ASSERT_OK(sealed);
  const auto opened = key_->Open(*sealed, "place");
  ASSERT_OK(opened);
  EXPECT_TRUE(*opened == secret_);
  EXPECT_NE(certificate_->Seal(secret_, "place").value(), *sealed);
}

TEST_F(RecoveryKeyTest, ASealedKeyDoesNotOpenInAnotherPlaceOrWithAnotherKey) {
  const std::string sealed = certificate_->Seal(secret_, "place").value();
  for (const char* other : {"", "plac", "place2", "plaCe"}) {
    EXPECT_THAT(key_->Open(sealed, other), HasReason(Reason::kIntegrityFailure)) << other;
  }
  const auto stranger = RecoveryKey::Generate().value();
  EXPECT_THAT(stranger->Open(sealed, "place"), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RecoveryKeyTest, EveryChangedByteAndEveryTruncationIsRefused) {
  const std::string sealed = certificate_->Seal(secret_, "place").value();
  int opened_all_the_same = 0;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    const auto opened = key_->Open(keysvc::testing::Flipped(sealed, i), "place");
    // What only says who may open it is not under the seal.
    if (opened.ok()) {
      EXPECT_TRUE(*opened == secret_);
      ++opened_all_the_same;
    }
  }
  EXPECT_LT(opened_all_the_same, static_cast<int>(sealed.size()) / 2);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_THAT(key_->Open(sealed.substr(0, size), "place"), HasReason(Reason::kIntegrityFailure));
  }
  EXPECT_THAT(key_->Open(sealed + "x", "place"), HasReason(Reason::kIntegrityFailure));
}

TEST_F(RecoveryKeyTest, ACertificateSaysWhoseItIsAndWhatWasSealedToIt) {
  EXPECT_EQ(certificate_->deployment(), "shop");
  EXPECT_EQ(certificate_->environment(), "test");
  EXPECT_EQ(certificate_->key_id(), key_->key_id());
  EXPECT_EQ(certificate_->key_id().size(), 32U);
  const std::string sealed = certificate_->Seal(secret_, "place").value();
  EXPECT_TRUE(certificate_->IsRecipientOf(sealed));
  EXPECT_FALSE(certificate_->IsRecipientOf(""));
  const auto other = RecoveryCertificate::FromPem(key_->MakeCertificate("shop", "test").value());
  ASSERT_OK(other);
  EXPECT_FALSE((*other)->IsRecipientOf(sealed));
}

TEST_F(RecoveryKeyTest, OnlyARecoveryCertificateIsTakenForOne) {
  for (const std::string& wrong :
       {std::string(), std::string("nothing"), pem_ + pem_, pem_.substr(0, pem_.size() / 2),
        ReadFile(KEYSVC_SOURCE_DIR "/README.md")}) {
    EXPECT_THAT(RecoveryCertificate::FromPem(wrong), HasReason(Reason::kConfigInvalid));
  }
  std::string changed = pem_;
  changed[pem_.size() / 2] = changed[pem_.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_THAT(RecoveryCertificate::FromPem(changed), HasReason(Reason::kConfigInvalid));
}

TEST_F(RecoveryKeyTest, ThePrivateHalfComesBackFromItsOwnForm) {
  const auto half = key_->PrivateHalf();
  ASSERT_OK(half);
  // Short enough to print: the public half is left out.
  EXPECT_LT(half->size(), 110U);
  const auto again = RecoveryKey::FromPrivateHalf(*half);
  ASSERT_OK(again);
  EXPECT_EQ((*again)->key_id(), key_->key_id());
  const std::string sealed = certificate_->Seal(secret_, "place").value();
  EXPECT_OK((*again)->Open(sealed, "place"));
  EXPECT_THAT(RecoveryKey::FromPrivateHalf(SecretBytes::Random(98).value()),
              HasReason(Reason::kRecoveryShareInvalid));
}

// In an emergency the custodians need OpenSSL and no program of ours.
TEST_F(RecoveryKeyTest, TheOpensslProgramOpensASealedKey) {
  const TemporaryDirectory directory;
  WriteFile(directory.File("sealed"), certificate_->Seal(secret_, "place").value());
  WriteFile(directory.File("recovery.pem"), pem_);
  const SecretBytes half = key_->PrivateHalf().value();
  WriteFile(directory.File("key"), AsText(half.Expose(SecretAccess::kGranted)));
  const std::string command = "cd " + directory.path() +
                              " && openssl cms -decrypt -inform DER -in sealed -recip recovery.pem "
                              "-keyform DER -inkey key -out plain";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c)
  EXPECT_EQ(ReadFile(directory.File("plain")),
            CanonicalWriter()
                .U8(1)
                .Bytes("place")
                .Bytes(AsText(secret_.Expose(SecretAccess::kGranted)))
                .Take());
}

TEST(RecoveryKeyGoldenTest, WhatVersion1SealedOpens) {
  const std::string folder = KEYSVC_SOURCE_DIR "/tests/golden/recovery_v1/";
  const auto certificate = RecoveryCertificate::FromPem(ReadFile(folder + "recovery.pem"));
  ASSERT_OK(certificate);
  const std::string sealed = ReadFile(folder + "sealed_key.der");
  EXPECT_TRUE((*certificate)->IsRecipientOf(sealed));
  const std::string private_half = ReadFile(folder + "private_half.der");
  const auto key = RecoveryKey::FromPrivateHalf(SecretBytes::CopyOf(AsBytes(private_half)).value());
  ASSERT_OK(key);
  const auto opened = (*key)->Open(sealed, "golden context");
  ASSERT_OK(opened);
  EXPECT_EQ(AsText(opened->Expose(SecretAccess::kGranted)), std::string(32, '\x01'));
}

}  // namespace
}  // namespace keysvc::crypto
