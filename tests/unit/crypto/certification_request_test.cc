#include "crypto/certification_request.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::OpensslKey;
using ::keysvc::testing::ReadFile;
using ::keysvc::testing::RunOpenssl;
using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<PublicKey> PublicHalfOf(const OpensslKey& key) {
  const TemporaryDirectory folder;
  WriteFile(folder.File("key.pem"), key.public_pem());
  RunOpenssl(absl::StrCat("pkey -pubin -in ", folder.File("key.pem"), " -outform DER -out ",
                          folder.File("key.der")),
             folder.File("log"));
  return PublicKey::FromSpki(ReadFile(folder.File("key.der"))).value();
}

// What the openssl program says of a request whose signature it has checked.
std::string Checked(std::string_view der) {
  const TemporaryDirectory folder;
  WriteFile(folder.File("request.pem"), CertificationRequestToPem(der));
  RunOpenssl(absl::StrCat("req -in ", folder.File("request.pem"),
                          " -verify -noout -text -nameopt RFC2253,-esc_msb,utf8"),
             folder.File("log"));
  return ReadFile(folder.File("log"));
}

CertificateSubject Acme() {
  return {.common_name = "acme.example",
          .organization = "Acmé, Inc.",
          .organizational_unit = "Payments",
          .locality = "Utrecht",
          .state = "Utrecht",
          .country = "NL",
          .dns_names = {"pay.acme.example", "*.acme.example"}};
}

struct Kind {
  const char* generation;
  const char* signing;
  SignatureAlgorithm algorithm;
};

TEST(CertificationRequestTest, OpensslReadsItAndFindsItsSignatureRight) {
  for (const Kind& kind : {Kind{"-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                                "-rawin -digest sha256", SignatureAlgorithm::kEcdsaP256Sha256},
                           Kind{"-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
                                "-rawin -digest sha384", SignatureAlgorithm::kEcdsaP384Sha384},
                           Kind{"-algorithm ed25519", "-rawin", SignatureAlgorithm::kEd25519},
                           Kind{"-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
                                "-rawin -digest sha384", SignatureAlgorithm::kRsaPkcs1Sha384}}) {
    SCOPED_TRACE(kind.generation);
    const OpensslKey key(kind.generation);
    const auto request = CertificationRequest::Create(Acme(), *PublicHalfOf(key), kind.algorithm);
    ASSERT_OK(request);
    const std::string der =
        (*request)->WithSignature(key.Sign((*request)->to_be_signed(), kind.signing));
    EXPECT_THAT(Checked(der),
                AllOf(HasSubstr("verify OK"),
                      HasSubstr("CN=acme.example,OU=Payments,O=Acmé\\, Inc.,L=Utrecht,"
                                "ST=Utrecht,C=NL"),
                      HasSubstr("DNS:pay.acme.example, DNS:*.acme.example")));
  }
}

TEST(CertificationRequestTest, WhatIsEmptyIsLeftOut) {
  const OpensslKey key("-algorithm ed25519");
  const auto request = CertificationRequest::Create({.common_name = "acme"}, *PublicHalfOf(key),
                                                    SignatureAlgorithm::kEd25519);
  ASSERT_OK(request);
  const std::string text =
      Checked((*request)->WithSignature(key.Sign((*request)->to_be_signed(), "-rawin")));
  EXPECT_THAT(text, AllOf(HasSubstr("Subject: CN=acme\n"), Not(HasSubstr("Alternative Name"))));
}

TEST(CertificationRequestTest, WhatCannotBeInASubjectIsRefusedByField) {
  const auto refused = [](const char* field, auto change) {
    CertificateSubject subject = Acme();
    change(subject);
    const absl::Status status = CheckSubject(subject);
    EXPECT_THAT(status, HasReason(subject.common_name.empty() ? Reason::kFieldRequired
                                                              : Reason::kFieldInvalid));
    EXPECT_EQ(FieldOf(status), field);
  };
  EXPECT_OK(CheckSubject(Acme()));
  refused("subject.common_name", [](auto& s) { s.common_name = ""; });
  refused("subject.common_name", [](auto& s) { s.common_name = std::string(65, 'a'); });
  refused("subject.organization", [](auto& s) { s.organization = "a\nb"; });
  refused("subject.organizational_unit", [](auto& s) { s.organizational_unit = "a\x7f"; });
  refused("subject.locality", [](auto& s) { s.locality = std::string(129, 'a'); });
  refused("subject.state", [](auto& s) { s.state = std::string("a\0b", 3); });
  for (const char* country : {"N", "nl", "NLD", "N1"}) {
    refused("subject.country", [country](auto& s) { s.country = country; });
  }
  for (const char* name : {"", ".", "a..b", "-a.b", "a-.b", "a b", "a.*.b", "*a.b", "é.example"}) {
    refused("subject.dns_names", [name](auto& s) { s.dns_names = {name}; });
  }
  refused("subject.dns_names", [](auto& s) { s.dns_names = {std::string(64, 'a')}; });
  refused("subject.dns_names",
          [](auto& s) { s.dns_names = std::vector<std::string>(101, "a.example"); });
}

}  // namespace
}  // namespace keysvc::crypto
