#include "crypto/key_document.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

using keysvc::testing::OpensslKey;

constexpr char kP256[] = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

Reason ReasonFor(const std::string& pem) {
  const auto document = ReadKeyDocument(pem, "pem");
  EXPECT_FALSE(document.ok()) << pem;
  EXPECT_EQ(FieldOf(document.status()), "pem");
  // Whatever it is, nobody hears it again.
  EXPECT_THAT(std::string(document.status().message()),
              ::testing::Not(::testing::ContainsRegex("MC4|MII|MCow")));
  return ReasonOf(document.status()).value_or(Reason::kInternal);
}

TEST(KeyDocumentTest, APublicKeyOfEachKindIsRead) {
  for (const char* options :
       {kP256, "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-algorithm ed25519",
        "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"}) {
    SCOPED_TRACE(options);
    const OpensslKey partner(options);
    const auto document = ReadKeyDocument(partner.public_pem(), "pem");
    ASSERT_OK(document);
    EXPECT_EQ(document->key->ToPem(), partner.public_pem());
    EXPECT_FALSE(document->validity.has_value());
  }
}

TEST(KeyDocumentTest, ACertificateGivesItsKeyAndItsValidity) {
  const OpensslKey partner(kP256);
  const absl::Time now = absl::Now();
  const auto document =
      ReadKeyDocument(partner.Certificate(30, "-addext keyUsage=critical,digitalSignature"), "pem");
  ASSERT_OK(document);
  EXPECT_EQ(document->key->ToPem(), partner.public_pem());
  ASSERT_TRUE(document->validity.has_value());
  EXPECT_LT(absl::AbsDuration(document->validity->not_before - now), absl::Minutes(5));
  EXPECT_LT(absl::AbsDuration(document->validity->not_after - now - absl::Hours(24 * 30)),
            absl::Minutes(5));
  EXPECT_OK(ReadKeyDocument(partner.Certificate(30), "pem")) << "no key usage is any key usage";
  EXPECT_OK(ReadKeyDocument(partner.Certificate(30, "-addext keyUsage=nonRepudiation"), "pem"));
}

TEST(KeyDocumentTest, TextAroundTheBlockDoesNotMatter) {
  const OpensslKey partner(kP256);
  EXPECT_OK(ReadKeyDocument("Bank of Example\n\n" + partner.public_pem() + "\n\n", "pem"));
}

TEST(KeyDocumentTest, ACertificateOfAKeyThatMayNotSignIsRefused) {
  const OpensslKey partner(kP256);
  EXPECT_EQ(ReasonFor(partner.Certificate(30, "-addext keyUsage=critical,keyAgreement")),
            Reason::kFieldInvalid);
  EXPECT_EQ(ReasonFor(partner.Certificate(30, "-addext keyUsage=keyCertSign,cRLSign")),
            Reason::kFieldInvalid);
}

TEST(KeyDocumentTest, APrivateKeyIsRefusedByItsName) {
  const OpensslKey partner(kP256);
  EXPECT_EQ(ReasonFor(partner.private_pem()), Reason::kPrivateKeyPresented);
  EXPECT_EQ(ReasonFor(partner.public_pem() + partner.private_pem()), Reason::kPrivateKeyPresented);
  EXPECT_EQ(ReasonFor("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIx"), Reason::kPrivateKeyPresented);
  EXPECT_EQ(ReasonFor(partner.private_pem().substr(0, 60)), Reason::kPrivateKeyPresented);
  // Under the name of a public one it is still none.
  EXPECT_EQ(ReasonFor(absl::StrReplaceAll(partner.private_pem(), {{"PRIVATE", "PUBLIC"}})),
            Reason::kFieldInvalid);
}

TEST(KeyDocumentTest, OfAPrivateKeyInOtherFormsNothingIsReadEither) {
  EXPECT_OK(CheckNotPrivate("", "pem"));
  EXPECT_OK(CheckNotPrivate(OpensslKey(kP256).public_pem(), "pem"));
  EXPECT_EQ(ReasonFor(R"({"kty":"EC","crv":"P-256","d":"AAAA"})"), Reason::kFieldInvalid);
}

TEST(KeyDocumentTest, WhatIsNotOneBlockOfAKeyIsRefused) {
  const OpensslKey partner(kP256);
  const std::string good = partner.public_pem();
  EXPECT_EQ(ReasonFor(""), Reason::kFieldRequired);
  for (const std::string& bad :
       {std::string("garbage"), good + good, good + partner.Certificate(30), good.substr(0, 60),
        good + "-----BEGIN PUBLIC KEY-----\nMFk", absl::StrReplaceAll(good, {{"M", "A"}}),
        std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        absl::StrReplaceAll(partner.Certificate(30), {{"CERTIFICATE", "PUBLIC KEY"}}),
        absl::StrReplaceAll(good, {{"PUBLIC KEY", "EC PARAMETERS"}}),
        absl::StrCat(good, std::string(std::size_t{16} * 1024, ' '))}) {
    EXPECT_EQ(ReasonFor(bad), Reason::kFieldInvalid) << bad;
  }
}

TEST(KeyDocumentTest, WeakKeysAndOtherCurvesAreRefused) {
  const std::string explicit_curve = std::string(kP256) + " -pkeyopt ec_param_enc:explicit";
  for (const std::string& options :
       {std::string("-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
        std::string("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
        std::string("-algorithm EC -pkeyopt ec_paramgen_curve:P-521"), explicit_curve,
        std::string("-algorithm x25519"), std::string("-algorithm ed448")}) {
    SCOPED_TRACE(options);
    const OpensslKey partner(options);
    EXPECT_EQ(ReasonFor(partner.public_pem()), Reason::kFieldInvalid);
  }
  // Ed25519's neutral element, under which the same signature is right for every message.
  EXPECT_EQ(ReasonFor("-----BEGIN PUBLIC KEY-----\n"
                      "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                      "-----END PUBLIC KEY-----\n"),
            Reason::kFieldInvalid);
  const auto divisible = PublicKey::FromRsa(std::string(256, '\xff'), "\x01\x01\x01");
  ASSERT_OK(divisible);
  EXPECT_EQ(ReasonFor((*divisible)->ToPem()), Reason::kFieldInvalid) << "by 3";
  const OpensslKey weak("-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
  EXPECT_EQ(ReasonFor(weak.Certificate(30)), Reason::kFieldInvalid);
}

}  // namespace
}  // namespace keysvc::crypto
