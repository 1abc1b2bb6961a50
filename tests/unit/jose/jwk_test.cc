#include "jose/jwk.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/unit/jose/known_keys.h"

namespace keysvc::jose {
namespace {

TEST(JwkTest, ThumbprintsAreTheOnesOfTheRfcs) {
  EXPECT_EQ(Thumbprint(*RsaKey()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");      // RFC 7638
  EXPECT_EQ(Thumbprint(*Ed25519Key()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");  // RFC 8037
}

TEST(JwkTest, HasWhatAVerifierNeeds) {
  EXPECT_EQ(Jwk(*Ed25519Key(), "EdDSA", Thumbprint(*Ed25519Key())),
            R"({"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",)"
            R"("alg":"EdDSA","use":"sig","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"})");
  EXPECT_EQ(Jwk(*P256Key(), "ES256", "Ab-1_2.c"),
            R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
            R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256","use":"sig",)"
            R"("kid":"Ab-1_2.c"})");
  EXPECT_EQ(
      Jwk(*RsaKey(), "PS256", Thumbprint(*RsaKey())),
      std::string(R"({"e":"AQAB","kty":"RSA","n":")") + kModulus +
          R"(","alg":"PS256","use":"sig","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"})");
}

TEST(JwkTest, AKeyWithoutAnAlgorithmSaysNone) {
  EXPECT_EQ(Jwk(*RsaKey(), "", Thumbprint(*RsaKey())),
            std::string(R"({"e":"AQAB","kty":"RSA","n":")") + kModulus +
                R"(","use":"sig","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"})");
}

TEST(JwkTest, ASetMayBeEmpty) {
  EXPECT_EQ(JwkSet({}), R"({"keys":[]})");
  EXPECT_EQ(JwkSet({R"({"kty":"a"})", R"({"kty":"b"})"}), R"({"keys":[{"kty":"a"},{"kty":"b"}]})");
}

}  // namespace
}  // namespace keysvc::jose
