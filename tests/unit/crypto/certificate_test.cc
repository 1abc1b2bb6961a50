#include "crypto/certificate.h"

#include <string>

#include "absl/time/civil_time.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::HasReason;

// Authorities from 2026 to 2035, leaves of 2026; nobody has their keys any more.
const char kRoot[] = R"(-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUJfcqvRD/U0Zs2GuGN+EzPiQBNykwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcm9vdDAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBa
MA8xDTALBgNVBAMMBHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASjTRbD
ezmivqOMsiyUQ/iTEiKb2zRm1A5sGHC7N6s/J/dn37l/iDLTK+lGL2fdHBjPkoDv
/Mcs9L4uyvwkZV3Eo2MwYTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBQEVF8s
yjPM6vhbGqbZqY4tCTBtnTAfBgNVHSMEGDAWgBQEVF8syjPM6vhbGqbZqY4tCTBt
nTAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSAAwRQIhAK0CbWExF0otMLMv
g9DUa6pvzTtNMuzzs4u7ugYvrBJQAiAiBS1n5L4ddEC+bCovpaYDmoa94c5WDiIt
TbM98Cna0g==
-----END CERTIFICATE-----
)";

const char kIntermediate[] = R"(-----BEGIN CERTIFICATE-----
MIIBjzCCATSgAwIBAgIUQuS1fJZOPfT9Ptq53lyT0mcHmmwwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcm9vdDAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBa
MBcxFTATBgNVBAMMDGludGVybWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABO6kE/b7mNabK9/uf+39f6z7F4/mmqQpU+a47HxacBXfJuwO9g69J8pdt+Te
AxDO35fcT+c2s4ewbGHOUv3s9L+jZjBkMBIGA1UdEwEB/wQIMAYBAf8CAQAwHQYD
VR0OBBYEFF/qOaX+p8rLn1S58utE2kRlFSb/MB8GA1UdIwQYMBaAFARUXyzKM8zq
+Fsaptmpji0JMG2dMA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNJADBGAiEA
5AWibK7u13XXg/fm21Lm9F4NWxv3j/x+ZrVeMy8f8yMCIQCKS/C6wKV6COPaMzum
BeUYIgGs0Z7Tbcvz3kCGOW4HdA==
-----END CERTIFICATE-----
)";

const char kClient[] = R"(-----BEGIN CERTIFICATE-----
MIIByjCCAXCgAwIBAgIUJWLmGRRPaf2Rv8KuQn/NltIU12cwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMaW50ZXJtZWRpYXRlMB4XDTI2MDEwMTAwMDAwMFoXDTI3MDEw
MTAwMDAwMFowETEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEnxgvB5V23msKtTDUb3aYh75FBvdt4d3Y9nzB6zWwJwrs2db4LZSkPHiY
g4X77vfXkixkDCD03BYxWR0ZI1U0iKOBnzCBnDAMBgNVHRMBAf8EAjAAMB0GA1Ud
DgQWBBQ3+bdKaQRuKrgRr6YQ12iOax7NHzAfBgNVHSMEGDAWgBRf6jml/qfKy59U
ufLrRNpEZRUm/zAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIw
JwYDVR0RBCAwHoYcc3BpZmZlOi8vZXhhbXBsZS50ZXN0L2NsaWVudDAKBggqhkjO
PQQDAgNIADBFAiEAhZovs5TjBJDTmq2oboiabSk6mAZVm6BkhxesXq37zxoCIDb2
tfiQdCZiLrel2hA3SPfSO1T0RwhIWoIvpR6nw3M+
-----END CERTIFICATE-----
)";

const char kServer[] = R"(-----BEGIN CERTIFICATE-----
MIIByjCCAXCgAwIBAgIUE6Wc1L1mJlyFbUv4mK7DoaotkQowCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMaW50ZXJtZWRpYXRlMB4XDTI2MDEwMTAwMDAwMFoXDTI3MDEw
MTAwMDAwMFowETEPMA0GA1UEAwwGc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEnxgvB5V23msKtTDUb3aYh75FBvdt4d3Y9nzB6zWwJwrs2db4LZSkPHiY
g4X77vfXkixkDCD03BYxWR0ZI1U0iKOBnzCBnDAMBgNVHRMBAf8EAjAAMB0GA1Ud
DgQWBBQ3+bdKaQRuKrgRr6YQ12iOax7NHzAfBgNVHSMEGDAWgBRf6jml/qfKy59U
ufLrRNpEZRUm/zAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEw
JwYDVR0RBCAwHoYcc3BpZmZlOi8vZXhhbXBsZS50ZXN0L3NlcnZlcjAKBggqhkjO
PQQDAgNIADBFAiBoLwOW5vGzY+BA5GQbZCr+xJRa2uvZ7HAXaO55rHi4wQIhAOvA
2InPwgsSboLnt0Yv9Bj9F65/dWW+/S6mWZ3BBBlP
-----END CERTIFICATE-----
)";

const char kOtherRoot[] = R"(-----BEGIN CERTIFICATE-----
MIIBgjCCASmgAwIBAgIUAjVSlbhS+OSeBzFg7jh8buMbRhgwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcm9vdDAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBa
MA8xDTALBgNVBAMMBHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAReXHZ8
wChFhBxZXsbtIAUx98xTFG26oTUL6hySRJr2B0D8MJ86/TdZpC0vnrba4BoNhUaJ
QCvllwumdr3waQdEo2MwYTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBQQ3nsv
Pzw3jkF14v1dRIPycubb2jAfBgNVHSMEGDAWgBQQ3nsvPzw3jkF14v1dRIPycubb
2jAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDRwAwRAIgISaTcunYMzgV+y5G
5iv8xMCLfsBdIJ3YM8rxceiw488CIFLsccwtWCHVmh2Te+y9ZsdXTDjghO1CHQL0
XXGmIG7t
-----END CERTIFICATE-----
)";

const char kIssuedByClient[] = R"(-----BEGIN CERTIFICATE-----
MIIBwjCCAWigAwIBAgIUWVxp/4lyFxyN4Wc2D6KK0pEMv0EwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGY2xpZW50MB4XDTI2MDEwMTAwMDAwMFoXDTI3MDEwMTAwMDAw
MFowEDEOMAwGA1UEAwwFcm9ndWUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARe
XHZ8wChFhBxZXsbtIAUx98xTFG26oTUL6hySRJr2B0D8MJ86/TdZpC0vnrba4BoN
hUaJQCvllwumdr3waQdEo4GeMIGbMAwGA1UdEwEB/wQCMAAwHQYDVR0OBBYEFBDe
ey8/PDeOQXXi/V1Eg/Jy5tvaMB8GA1UdIwQYMBaAFDf5t0ppBG4quBGvphDXaI5r
Hs0fMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAmBgNVHREE
HzAdhhtzcGlmZmU6Ly9leGFtcGxlLnRlc3Qvcm9ndWUwCgYIKoZIzj0EAwIDSAAw
RQIgd53TWQdDta5b2Bzf7O5KnFVrWnBfO+8d5IyA96yb3EwCIQDmhdZKEo56hZ0v
wKXlSqp0vJVyFv8Q7qIQQgEc9rSCyg==
-----END CERTIFICATE-----
)";

const auto kRejected = HasReason(Reason::kCertificateRejected);

absl::Time Noon(int year) {
  return absl::FromCivil(absl::CivilHour(year, 6, 15, 12), absl::UTCTimeZone());
}

std::unique_ptr<CertificateAuthority> Authority(const std::string& pem) {
  return CertificateAuthority::FromPem(pem).value();
}

TEST(CertificateTest, AClientCertificateLeadsToItsAuthority) {
  EXPECT_OK(Authority(kRoot)->Verify(kClient, kIntermediate, Noon(2026)));
}

TEST(CertificateTest, AnAuthorityIsNoClient) {
  EXPECT_THAT(Authority(kRoot)->Verify(kIntermediate, "", Noon(2026)), kRejected);
}

TEST(CertificateTest, AnIntermediateThatIsTrustedItselfIsEnough) {
  EXPECT_OK(Authority(kIntermediate)->Verify(kClient, "", Noon(2026)));
}

TEST(CertificateTest, AnyAuthorityOfTheFileMayHaveIssuedIt) {
  EXPECT_OK(Authority(std::string(kOtherRoot) + kRoot)->Verify(kClient, kIntermediate, Noon(2026)));
}

TEST(CertificateTest, AChainWithAGapIsRejected) {
  EXPECT_THAT(Authority(kRoot)->Verify(kClient, "", Noon(2026)), kRejected);
}

TEST(CertificateTest, AnotherAuthorityOfTheSameNameIsNotBelieved) {
  EXPECT_THAT(Authority(kOtherRoot)->Verify(kClient, kIntermediate, Noon(2026)), kRejected);
}

TEST(CertificateTest, OutsideItsValidityACertificateIsRejected) {
  const auto authority = Authority(kRoot);
  EXPECT_THAT(authority->Verify(kClient, kIntermediate, Noon(2025)), kRejected);
  EXPECT_THAT(authority->Verify(kClient, kIntermediate, Noon(2027)), kRejected);
}

TEST(CertificateTest, AServerCertificateIsNoClientCertificate) {
  EXPECT_THAT(Authority(kRoot)->Verify(kServer, kIntermediate, Noon(2026)), kRejected);
}

TEST(CertificateTest, WhoIsNoAuthorityIssuesNothing) {
  EXPECT_THAT(
      Authority(kRoot)->Verify(kIssuedByClient, std::string(kClient) + kIntermediate, Noon(2026)),
      kRejected);
}

TEST(CertificateTest, WhatIsNoCertificateIsRejected) {
  const auto authority = Authority(kRoot);
  EXPECT_THAT(authority->Verify("", "", Noon(2026)), kRejected);
  EXPECT_THAT(authority->Verify("nonsense", "", Noon(2026)), kRejected);
  EXPECT_THAT(authority->Verify("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                                "", Noon(2026)),
              kRejected);
}

TEST(CertificateTest, AnAuthorityNeedsCertificatesOfAuthorities) {
  for (const std::string pem : {"", "nonsense", kClient}) {
    EXPECT_THAT(CertificateAuthority::FromPem(pem), HasReason(Reason::kConfigInvalid));
  }
  EXPECT_THAT(CertificateAuthority::FromPem(std::string(kRoot) +
                                            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERT"),
              HasReason(Reason::kConfigInvalid));
}

TEST(CertificateTest, TheEndOfValidityIsRead) {
  EXPECT_EQ(CertificateNotAfter(kClient).value(),
            absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone()));
  EXPECT_THAT(CertificateNotAfter(""), kRejected);
}

}  // namespace
}  // namespace keysvc::crypto
