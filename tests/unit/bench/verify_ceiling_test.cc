#include "bench/verify_ceiling.h"

#include <string>

#include "crypto/key_document.h"
#include "gtest/gtest.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"

namespace keysvc::bench {
namespace {

using crypto::SignatureAlgorithm;
using keysvc::testing::OpensslKey;

constexpr char kMessage[] = "pay 12.50 EUR to merchant 4711";
constexpr absl::Duration kTime = absl::Milliseconds(1);

SigningKey SignedBy(const OpensslKey& key, const std::string& options) {
  return {.name = {},
          .message = kMessage,
          .signature = key.Sign(kMessage, options),
          .public_key = crypto::ReadKeyDocument(key.public_pem(), "pem")->key->ToSpki()};
}

TEST(VerifyCeilingTest, OpensslChecksBothKindsOfSignatures) {
  const OpensslKey ec("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  const OpensslKey rsa("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  const SigningKey by_ec = SignedBy(ec, "-rawin -digest sha256");
  const SigningKey by_rsa = SignedBy(
      rsa, "-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest");
  const auto of_ec = MeasureVerifications(by_ec, SignatureAlgorithm::kEcdsaP256Sha256, kTime);
  const auto of_rsa = MeasureVerifications(by_rsa, SignatureAlgorithm::kRsaPssSha256, kTime);
  ASSERT_OK(of_ec);
  ASSERT_OK(of_rsa);
  EXPECT_GT(*of_ec, 0);
  EXPECT_GT(*of_rsa, 0);
}

TEST(VerifyCeilingTest, AWrongSignatureAndAnAlgorithmThatIsNotMeasuredGiveNoCeiling) {
  const OpensslKey ec("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  SigningKey key = SignedBy(ec, "-rawin -digest sha256");
  EXPECT_FALSE(MeasureVerifications(key, SignatureAlgorithm::kEd25519, kTime).ok());
  key.message += '0';
  EXPECT_FALSE(MeasureVerifications(key, SignatureAlgorithm::kEcdsaP256Sha256, kTime).ok());
}

}  // namespace
}  // namespace keysvc::bench
