// Keys that leave the HSM once: on the fake, on SoftHSM2 and on NSS's softokn, and on a library
// that fails on demand.
#include <memory>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/key_document.h"
#include "crypto/mac.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/hsm.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/nss_token.h"
#include "tests/support/openssl.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/pkcs11/faulty_token.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;
using testing::OpensslKey;

constexpr char kRsa[] = "-algorithm RSA -pkeyopt rsa_keygen_bits:3072";

// The receiver's side, without anything of ours.
class Partner {
 public:
  std::string Spki() const { return SpkiOf(key_); }
  std::string Open(const WrappedKey& wrapped) const {
    const bool sha256 = wrapped.algorithm == "RSA-OAEP-256";
    EXPECT_TRUE(sha256 || wrapped.algorithm == "RSA-OAEP") << wrapped.algorithm;
    return key_.Decrypt(wrapped.bytes,
                        std::string("-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:") +
                            (sha256 ? "sha256" : "sha1"));
  }
  static std::string SpkiOf(const OpensslKey& key) {
    return crypto::ReadKeyDocument(key.public_pem(), "pem").value().key->ToSpki();
  }

 private:
  const OpensslKey key_{kRsa};
};

// One for all tests: making it takes longer than they do.
const Partner& Shop() {
  static const Partner shop;
  return shop;
}

std::string Tag(const std::string& secret, std::string_view message) {
  const auto key =
      crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::AsBytes(secret)));
  EXPECT_OK(key);
  return std::string(crypto::AsText(crypto::HmacSha256::Create(*key).value()->Compute(message)));
}

class Delivery : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Fake") {
      hsm_ = std::make_unique<testing::FakeHsm>();
      return;
    }
    if (GetParam() == "Nss") {
      nss_ = std::make_unique<testing::NssToken>();
    } else {
      softhsm_ = std::make_unique<testing::SoftHsmToken>();
    }
    Open();
  }
  void Open() {
    hsm_.reset();
    auto opened = OpenToken(nss_ != nullptr ? nss_->options() : softhsm_->options());
    ASSERT_OK(opened);
    hsm_ = *std::move(opened);
  }

  std::unique_ptr<testing::SoftHsmToken> softhsm_;
  std::unique_ptr<testing::NssToken> nss_;
  std::unique_ptr<Hsm> hsm_;
};

INSTANTIATE_TEST_SUITE_P(Hsms, Delivery, ::testing::Values("Fake", "SoftHsm", "Nss"),
                         [](const auto& param) { return param.param; });

TEST_P(Delivery, WhatThePartnerOpensIsTheKeyAndItLeavesOnce) {
  ASSERT_TRUE(hsm_->capabilities().delivers);
  ASSERT_OK(hsm_->GenerateShared("shared", KeyKind::kHmacSha256));
  const auto before = hsm_->Sign("shared", Mechanism::kHmacSha256, "message");
  ASSERT_OK(before);
  const auto wrapped = hsm_->Deliver("shared", Shop().Spki());
  ASSERT_OK(wrapped);
  const std::string secret = Shop().Open(*wrapped);
  ASSERT_EQ(secret.size(), 32U);
  EXPECT_EQ(Tag(secret, "message"), *before);
  EXPECT_EQ(*hsm_->Sign("shared", Mechanism::kHmacSha256, "message"), *before);

  EXPECT_THAT(hsm_->Deliver("shared", Shop().Spki()), HasReason(Reason::kKeyDelivered));
  if (GetParam() == "Fake") return;
  Open();
  EXPECT_THAT(hsm_->Deliver("shared", Shop().Spki()), HasReason(Reason::kKeyDelivered));
  EXPECT_EQ(*hsm_->Sign("shared", Mechanism::kHmacSha256, "message"), *before);
}

TEST_P(Delivery, AKeyOfAnotherKindOfMakingNeverLeaves) {
  ASSERT_OK(hsm_->Generate("kept", KeyKind::kHmacSha256));
  EXPECT_THAT(hsm_->Deliver("kept", Shop().Spki()), HasReason(Reason::kKeyDelivered));
  EXPECT_THAT(hsm_->Deliver("nobody", Shop().Spki()), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(hsm_->GenerateShared("pair", KeyKind::kEcP256),
              HasReason(Reason::kAlgorithmUnsupported));
}

TEST_P(Delivery, ASharedKeyIsListedAsItsKind) {
  ASSERT_OK(hsm_->GenerateShared("shared", KeyKind::kHmacSha256));
  EXPECT_THAT(hsm_->GenerateShared("shared", KeyKind::kHmacSha256), HasReason(Reason::kKeyExists));
  ASSERT_OK(hsm_->Deliver("shared", Shop().Spki()));
  const auto listed = hsm_->List();
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 1U) << "the partner's key does not stay";
  EXPECT_EQ(listed->front().kind, KeyKind::kHmacSha256);
}

TEST_P(Delivery, OnlyRsaKeysAreDeliveredTo) {
  ASSERT_OK(hsm_->GenerateShared("shared", KeyKind::kHmacSha256));
  const OpensslKey curve("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  EXPECT_FALSE(hsm_->Deliver("shared", Partner::SpkiOf(curve)).ok());
  EXPECT_FALSE(hsm_->Deliver("shared", "no key").ok());
  EXPECT_OK(hsm_->Deliver("shared", Shop().Spki())) << "what failed has delivered nothing";
}

class FaultyDelivery : public FaultyToken {
 protected:
  void SetUp() override {
    Open();
    ASSERT_OK(hsm_->GenerateShared("shared", KeyKind::kHmacSha256));
    fault::Reset();
  }
};

TEST_F(FaultyDelivery, AnAnswerOfTheTokenThatGetsLostCostsNothing) {
  // The key leaves no more; what it was wrapped to is at hand.
  fault::LoseAnswer("C_SetAttributeValue", CKR_SESSION_HANDLE_INVALID);
  const auto wrapped = hsm_->Deliver("shared", Shop().Spki());
  ASSERT_OK(wrapped);
  EXPECT_EQ(Tag(Shop().Open(*wrapped), "m"), *hsm_->Sign("shared", Mechanism::kHmacSha256, "m"));
  EXPECT_EQ(fault::Calls("C_WrapKey"), 2U) << "by SHA-256, which SoftHSM2 refuses, and by SHA-1";
  EXPECT_THAT(hsm_->Deliver("shared", Shop().Spki()), HasReason(Reason::kKeyDelivered));
}

TEST_F(FaultyDelivery, NothingIsGivenOutWhileTheKeyCouldLeaveAgain) {
  fault::Fail("C_SetAttributeValue", CKR_ATTRIBUTE_READ_ONLY, 1);
  EXPECT_FALSE(hsm_->Deliver("shared", Shop().Spki()).ok());
  fault::Fail("C_WrapKey", CKR_DEVICE_ERROR, 1);
  EXPECT_OK(hsm_->Deliver("shared", Shop().Spki()));
}

}  // namespace
}  // namespace keysvc::pkcs11
