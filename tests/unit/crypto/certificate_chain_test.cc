#include "crypto/certificate_chain.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "crypto/bytes.h"
#include "crypto/key_document.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::OpensslKey;
using keysvc::testing::ReadFile;
using keysvc::testing::RunOpenssl;
using keysvc::testing::TemporaryDirectory;

constexpr char kEcP256[] = "EC -pkeyopt ec_paramgen_curve:P-256";

const auto kRefused = HasReason(Reason::kFieldInvalid);

// A root, an authority below it, and a key that the authority certifies; made by the openssl
// program.
class CertificateChainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Root("root");
    Key("issuer");
    Certify("issuer", "root", "-extensions ca");
    Key("leaf");
    Certify("leaf", "issuer");
  }

  std::string File(const std::string& name) const { return folder_.File(name); }
  void Run(const std::string& arguments) const { RunOpenssl(arguments, File("log")); }

  void Key(const std::string& name, const std::string& algorithm = kEcP256) const {
    Run(absl::StrCat("genpkey -algorithm ", algorithm, " -out ", File(name + ".key")));
    Run(absl::StrCat("pkey -in ", File(name + ".key"), " -pubout -out ", File(name + ".pub")));
  }
  void Root(const std::string& name, const std::string& algorithm = kEcP256) const {
    Key(name, algorithm);
    Run(absl::StrCat("req -x509 -new -key ", File(name + ".key"), " -subj /CN=", name,
                     " -days 30 -out ", File(name + ".pem")));
  }
  void Certify(const std::string& name, const std::string& by, const std::string& options = {},
               int days = 10) const {
    keysvc::testing::WriteFile(File("ca.cnf"),
                               "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
                               "[none]\nbasicConstraints=CA:FALSE\n[encrypts]\n"
                               "keyUsage=keyEncipherment\n[commits]\nkeyUsage=nonRepudiation\n"
                               "[unnamed]\nsubjectKeyIdentifier=none\n"
                               "authorityKeyIdentifier=none\n");
    const std::string extensions = options.empty() ? "-extensions none" : options;
    Run(absl::StrCat("x509 -new -force_pubkey ", File(name + ".pub"), " -subj /CN=", name, " -CA ",
                     File(by + ".pem"), " -CAkey ", File(by + ".key"), " -days ", days,
                     " -extfile ", File("ca.cnf"), " ", extensions, " -out ", File(name + ".pem")));
  }
  std::string Pem(const std::vector<std::string>& names) const {
    std::string pem;
    for (const std::string& name : names) pem += ReadFile(File(name + ".pem"));
    return pem;
  }
  std::string Spki(const std::string& name) const {
    return ReadKeyDocument(ReadFile(File(name + ".pem")), "pem", KeyUsage::kDigitalSignature)
        .value()
        .key->ToSpki();
  }
  absl::StatusOr<CertificateChain> Read(const std::vector<std::string>& names,
                                        absl::Time now = absl::Now()) const {
    return ReadCertificateChain(Pem(names), spki_.empty() ? Spki("leaf") : spki_, now);
  }

  TemporaryDirectory folder_;
  std::string spki_;
};

TEST_F(CertificateChainTest, AChainIsReadAsFarAsItGoesAndKeptAsItIs) {
  for (const auto& names :
       {std::vector<std::string>{"leaf"}, {"leaf", "issuer"}, {"leaf", "issuer", "root"}}) {
    const auto chain = Read(names);
    ASSERT_OK(chain);
    EXPECT_EQ(chain->certificates.size(), names.size());
    EXPECT_LT(absl::AbsDuration(chain->not_after - absl::Now() - absl::Hours(240)),
              absl::Minutes(5));
    const auto again = CertificateChainFromDer(ToDer(*chain));
    ASSERT_OK(again);
    EXPECT_EQ(again->certificates, chain->certificates);
    EXPECT_EQ(again->not_after, chain->not_after);
    EXPECT_EQ(again->not_before, chain->not_before);
    EXPECT_EQ(ToPem(*again), Pem(names));
  }
}

TEST_F(CertificateChainTest, ACertificateOfAnotherKeyIsRefused) {
  Key("other");
  Certify("other", "issuer");
  EXPECT_THAT(Read({"other", "issuer"}), kRefused);
  spki_ = Spki("other");
  EXPECT_OK(Read({"other", "issuer"}));
  EXPECT_THAT(Read({"leaf", "issuer"}), kRefused);
}

TEST_F(CertificateChainTest, EachHasToBeSignedByTheNextWhichIsAnAuthoritys) {
  EXPECT_THAT(Read({"leaf", "root"}), kRefused) << "one is left out";
  EXPECT_THAT(Read({"leaf", "root", "issuer"}), kRefused) << "another order";
  EXPECT_THAT(Read({"issuer", "leaf"}), kRefused);
  EXPECT_THAT(Read({"leaf", "leaf"}), kRefused);
  // Of the same name, by another key; also where the certificate does not say by which.
  Key("stranger");
  Run(absl::StrCat("req -x509 -new -key ", File("stranger.key"), " -subj /CN=issuer -days 30 -out ",
                   File("stranger.pem")));
  EXPECT_THAT(Read({"leaf", "stranger"}), kRefused);
  Certify("leaf", "issuer", "-extensions unnamed");
  EXPECT_OK(Read({"leaf", "issuer"}));
  EXPECT_THAT(Read({"leaf", "stranger"}), kRefused);
  // By a key that certifies nobody.
  Key("below");
  Certify("below", "leaf");
  spki_ = Spki("below");
  EXPECT_OK(Read({"below"}));
  EXPECT_THAT(Read({"below", "leaf"}), kRefused);
}

TEST_F(CertificateChainTest, NoneOfThemMayHaveEnded) {
  const absl::Time now = absl::Now();
  EXPECT_OK(Read({"leaf", "issuer", "root"}, now + absl::Hours(239)));
  EXPECT_THAT(Read({"leaf"}, now + absl::Hours(241)), kRefused);
  // One that begins later can be attached ahead.
  EXPECT_OK(Read({"leaf"}, now - absl::Hours(24)));
  Certify("leaf", "issuer", "", 20);
  EXPECT_OK(Read({"leaf"}, now + absl::Hours(241)));
  EXPECT_THAT(Read({"leaf", "issuer"}, now + absl::Hours(241)), kRefused);
}

TEST_F(CertificateChainTest, AKeyUsageHasToAllowSignatures) {
  Certify("leaf", "issuer", "-extensions encrypts");
  spki_ = ReadKeyDocument(Pem({"leaf"}), "pem", KeyUsage::kKeyEncipherment).value().key->ToSpki();
  EXPECT_THAT(Read({"leaf"}), kRefused);
  Certify("leaf", "issuer", "-extensions commits");
  EXPECT_OK(Read({"leaf"}));
}

TEST_F(CertificateChainTest, AWeakSignatureOnTheWayIsRefused) {
  Certify("leaf", "issuer", "-extensions none -sha1");
  EXPECT_OK(Read({"leaf"})) << "it is for whoever has the issuer's certificate to judge";
  EXPECT_THAT(Read({"leaf", "issuer"}), kRefused);
}

TEST_F(CertificateChainTest, AWeakKeyOnTheWayIsRefusedHoweverItSigns) {
  for (const int bits : {1024, 2048}) {
    Root("rsa", absl::StrCat("RSA -pkeyopt rsa_keygen_bits:", bits));
    Certify("leaf", "rsa", "-extensions none -sha256");
    EXPECT_OK(Read({"leaf"})) << "it is for whoever has the issuer's certificate to judge";
    if (bits < 2048) {
      EXPECT_THAT(Read({"leaf", "rsa"}), kRefused);
    } else {
      EXPECT_OK(Read({"leaf", "rsa"}));
    }
  }
}

TEST_F(CertificateChainTest, AChainIsValidWhileAllOfItIs) {
  Certify("issuer", "root", "-extensions ca", 5);
  Certify("leaf", "issuer", "", 10);
  const auto chain = Read({"leaf", "issuer", "root"});
  ASSERT_OK(chain);
  EXPECT_LT(absl::AbsDuration(chain->not_after - absl::Now() - absl::Hours(120)), absl::Minutes(5));
  EXPECT_EQ(CertificateChainFromDer(ToDer(*chain))->not_after, chain->not_after);
}

TEST_F(CertificateChainTest, WhatAreNotAFewCertificatesIsRefused) {
  const std::string spki = Spki("leaf");
  const auto read = [&](const std::string& pem) {
    const auto chain = ReadCertificateChain(pem, spki, absl::Now());
    EXPECT_EQ(FieldOf(chain.status()), "pem");
    return chain.status();
  };
  EXPECT_THAT(read(""), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(read("leaf"), kRefused);
  EXPECT_THAT(read(Pem({"leaf"}) + ReadFile(File("leaf.key"))),
              HasReason(Reason::kPrivateKeyPresented));
  EXPECT_THAT(read(ReadKeyDocument(Pem({"leaf"}), "pem").value().key->ToPem()), kRefused);
  const std::string leaf = Pem({"leaf"});
  EXPECT_THAT(read(leaf.substr(0, leaf.size() / 2)), kRefused);
  EXPECT_THAT(read(leaf + leaf.substr(0, leaf.size() / 2)), kRefused);
  EXPECT_THAT(read(leaf + leaf + leaf + leaf + leaf + leaf), kRefused);
  EXPECT_THAT(read(leaf + std::string(32 * 1024, '\n')), kRefused);
}

TEST_F(CertificateChainTest, StoredBytesThatAreNoCertificatesAreDamage) {
  const std::string der = ToDer(*Read({"leaf", "issuer"}));
  for (const std::string& damaged : {std::string(), std::string("der"), der.substr(1),
                                     der.substr(0, der.size() - 1), der + "x"}) {
    EXPECT_THAT(CertificateChainFromDer(damaged), HasReason(Reason::kIntegrityFailure));
  }
}

}  // namespace
}  // namespace keysvc::crypto
