#include "keysvc/keys/partner_key_request.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::OpensslKey;

constexpr char kP256[] = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
constexpr char kRsa2048[] = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
constexpr absl::Duration kDay = absl::Hours(24);

class PartnerKeyRequestTest : public ::testing::Test {
 protected:
  // Of a key without a certificate, for a month.
  PartnerKeyRequest Request() const { return {.pem = pem_, .not_after = now_ + 30 * kDay}; }
  absl::Status Refused(const PartnerKeyRequest& request, const std::string& field) const {
    const absl::Status status = TermsOf(request, now_).status();
    EXPECT_EQ(FieldOf(status), field);
    return status;
  }

  const absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const OpensslKey partner_{kP256};
  const std::string pem_ = partner_.public_pem();
};

TEST_F(PartnerKeyRequestTest, AKeyGetsItsUsualAlgorithm) {
  const std::vector<std::pair<std::string, Algorithm>> kinds = {
      {kP256, Algorithm::kEcP256},
      {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", Algorithm::kEcP384},
      {"-algorithm ed25519", Algorithm::kEd25519},
      {kRsa2048, Algorithm::kRsa2048}};
  for (const auto& [options, algorithm] : kinds) {
    SCOPED_TRACE(options);
    const std::string pem = OpensslKey(options).public_pem();
    PartnerKeyRequest request = Request();
    request.pem = pem;
    const auto terms = TermsOf(request, now_);
    ASSERT_OK(terms);
    EXPECT_EQ(terms->algorithm, algorithm);
    EXPECT_EQ(terms->not_before, now_);
    EXPECT_EQ(terms->not_after, now_ + 30 * kDay);
  }
}

TEST_F(PartnerKeyRequestTest, AnRsaKeyHashesAsItIsSaidOrAsItsPurposeNeeds) {
  const std::string pem = OpensslKey(kRsa2048).public_pem();
  PartnerKeyRequest request = Request();
  request.pem = pem;
  request.algorithm = Algorithm::kRsa2048Sha384;
  EXPECT_EQ(TermsOf(request, now_)->algorithm, Algorithm::kRsa2048Sha384);
  request.purpose = Purpose::kHttp;
  EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid));
  request.algorithm = std::nullopt;
  EXPECT_EQ(TermsOf(request, now_)->algorithm, Algorithm::kRsa2048Sha512);
  request.algorithm = Algorithm::kRsa3072;
  EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid));
  request.algorithm = Algorithm::kEcP256;
  EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid));
}

TEST_F(PartnerKeyRequestTest, OnlyRsaKeysOfOurSizesAreTaken) {
  for (const char* bits : {"2560", "3071"}) {
    SCOPED_TRACE(bits);
    const std::string pem =
        OpensslKey(std::string("-algorithm RSA -pkeyopt rsa_keygen_bits:") + bits).public_pem();
    PartnerKeyRequest request = Request();
    request.pem = pem;
    EXPECT_THAT(Refused(request, "pem"), HasReason(Reason::kFieldInvalid));
  }
}

TEST_F(PartnerKeyRequestTest, AKeyServesThePurposesOfItsKind) {
  for (const Purpose purpose : {Purpose::kSign, Purpose::kJws, Purpose::kHttp, Purpose::kCose}) {
    PartnerKeyRequest request = Request();
    request.purpose = purpose;
    EXPECT_EQ(TermsOf(request, now_)->purpose, purpose);
  }
  PartnerKeyRequest request = Request();
  request.purpose = Purpose::kWebhook;
  EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid));
  for (const Purpose purpose : {Purpose::kMac, Purpose::kData, Purpose::kRequest}) {
    request.purpose = purpose;
    EXPECT_THAT(Refused(request, "purpose"), HasReason(Reason::kFieldInvalid));
  }
}

TEST_F(PartnerKeyRequestTest, SecretsAreDeliveredToLargeRsaKeysThatMayEncipher) {
  PartnerKeyRequest request = Request();
  request.purpose = Purpose::kSecretDelivery;
  EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid)) << "P-256";
  for (const auto& [bits, algorithm] : {std::pair{"2048", std::optional<Algorithm>()},
                                        std::pair{"3072", std::optional(Algorithm::kRsa3072)},
                                        std::pair{"4096", std::optional(Algorithm::kRsa4096)}}) {
    SCOPED_TRACE(bits);
    const OpensslKey partner(std::string("-algorithm RSA -pkeyopt rsa_keygen_bits:") + bits);
    const std::string pem = partner.public_pem();
    request.pem = pem;
    if (!algorithm.has_value()) {
      EXPECT_THAT(Refused(request, "algorithm"), HasReason(Reason::kFieldInvalid));
      continue;
    }
    EXPECT_EQ(TermsOf(request, now_)->algorithm, *algorithm);
  }
  const OpensslKey partner("-algorithm RSA -pkeyopt rsa_keygen_bits:3072");
  request.not_after = std::nullopt;
  const std::string signs = partner.Certificate(30, "-addext keyUsage=critical,digitalSignature");
  request.pem = signs;
  EXPECT_THAT(Refused(request, "pem"), HasReason(Reason::kFieldInvalid));
  const std::string enciphers =
      partner.Certificate(30, "-addext keyUsage=critical,keyEncipherment");
  request.pem = enciphers;
  EXPECT_OK(TermsOf(request, now_));
  request.purpose = Purpose::kJws;
  EXPECT_THAT(Refused(request, "pem"), HasReason(Reason::kFieldInvalid));
}

TEST_F(PartnerKeyRequestTest, APrivateKeyIsRefusedByItsName) {
  const std::string secret = partner_.private_pem();
  PartnerKeyRequest request = Request();
  request.pem = secret;
  EXPECT_THAT(Refused(request, "pem"), HasReason(Reason::kPrivateKeyPresented));
}

TEST_F(PartnerKeyRequestTest, AKidIsVisible) {
  PartnerKeyRequest request = Request();
  request.kid = "https://bank.example/keys#2026-1_~=";
  EXPECT_EQ(TermsOf(request, now_)->kid, request.kid);
  for (const std::string& bad :
       {std::string("a b"), std::string("a\n"), std::string("\xc3\xa4"), std::string(257, 'a')}) {
    request.kid = bad;
    EXPECT_THAT(Refused(request, "kid"), HasReason(Reason::kFieldInvalid));
  }
}

TEST_F(PartnerKeyRequestTest, AKeyWithoutACertificateNeedsAnEndThatIsNear) {
  PartnerKeyRequest request = Request();
  request.not_after = std::nullopt;
  EXPECT_THAT(Refused(request, "not_after_time"), HasReason(Reason::kFieldRequired));
  request.not_after = now_ + kLongestTrust;
  EXPECT_OK(TermsOf(request, now_));
  for (const absl::Time bad : {now_ + kLongestTrust + absl::Seconds(1), now_, now_ - kDay}) {
    request.not_after = bad;
    EXPECT_THAT(Refused(request, "not_after_time"), HasReason(Reason::kFieldInvalid));
  }
  // One that begins later still ends within the time from now.
  request.not_before = now_ + 10 * kDay;
  request.not_after = now_ + 20 * kDay;
  EXPECT_EQ(TermsOf(request, now_)->not_before, now_ + 10 * kDay);
  request.not_after = now_ + 10 * kDay;
  EXPECT_THAT(Refused(request, "not_after_time"), HasReason(Reason::kFieldInvalid));
}

TEST_F(PartnerKeyRequestTest, ACertificatesValidityIsTakenAndCanOnlyBeNarrowed) {
  const std::string certificate = partner_.Certificate(30);
  PartnerKeyRequest request;
  request.pem = certificate;
  const auto terms = TermsOf(request, now_);
  ASSERT_OK(terms);
  const absl::Time begin = terms->not_before;
  const absl::Time end = terms->not_after;
  EXPECT_LE(begin, absl::Now());
  EXPECT_EQ(end - begin, 30 * kDay);

  request.not_before = begin + kDay;
  request.not_after = end - kDay;
  EXPECT_EQ(TermsOf(request, now_)->not_before, begin + kDay);
  EXPECT_EQ(TermsOf(request, now_)->not_after, end - kDay);
  request.not_before = begin - absl::Seconds(1);
  EXPECT_THAT(Refused(request, "not_before_time"), HasReason(Reason::kFieldInvalid));
  request.not_before = std::nullopt;
  request.not_after = end + absl::Seconds(1);
  EXPECT_THAT(Refused(request, "not_after_time"), HasReason(Reason::kFieldInvalid));
}

TEST_F(PartnerKeyRequestTest, ACertificateThatIsOverIsRefusedAndOneToComeIsTaken) {
  const std::string certificate = partner_.Certificate(30);
  PartnerKeyRequest request;
  request.pem = certificate;
  const absl::Time end = TermsOf(request, now_)->not_after;
  EXPECT_OK(TermsOf(request, end - absl::Seconds(1)));
  EXPECT_THAT(TermsOf(request, end), HasReason(Reason::kFieldInvalid));
  // Partners hand over their next certificate before it begins.
  EXPECT_OK(TermsOf(request, now_ - 5 * kDay));
}

TEST_F(PartnerKeyRequestTest, ACertificateThatIsTrustedForTooLongNeedsAnEnd) {
  const std::string certificate = partner_.Certificate(3650);
  PartnerKeyRequest request;
  request.pem = certificate;
  EXPECT_THAT(Refused(request, "not_after_time"), HasReason(Reason::kFieldInvalid));
  request.not_after = now_ + 365 * kDay;
  EXPECT_OK(TermsOf(request, now_));
}

}  // namespace
}  // namespace keysvc::keys
