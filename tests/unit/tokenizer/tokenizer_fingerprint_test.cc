#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<CardData> Number(std::string_view pan) { return Card(pan, "", ""); }

class TokenizerFingerprintTest : public ::testing::Test {
 protected:
  std::string FingerprintOf(std::string_view pan, std::string_view tenant = "acme",
                            std::uint32_t version = 0) {
    auto made = service_.Fingerprint(List(Number(pan)), tenant, version);
    EXPECT_OK(made);
    EXPECT_OK(made->fingerprints.at(0));
    return *made->fingerprints.at(0);
  }

  MemoryStore store_;
  Service service_{store_};
};

TEST_F(TokenizerFingerprintTest, EqualCardsOfATenantHaveEqualFingerprintsAndNothingIsStored) {
  EXPECT_EQ(FingerprintOf(kVisa), FingerprintOf(kVisa));
  EXPECT_NE(FingerprintOf(kVisa), FingerprintOf(kAmex));
  EXPECT_TRUE(store_.ReadTokens(0, 10).value().empty());
}

TEST_F(TokenizerFingerprintTest, FingerprintsOfTwoTenantsHaveNothingInCommon) {
  EXPECT_NE(FingerprintOf(kVisa).substr(12), FingerprintOf(kVisa, "beta").substr(12));
}

TEST_F(TokenizerFingerprintTest, AFingerprintIsNoToken) {
  const std::string fingerprint = FingerprintOf(kVisa);
  EXPECT_THAT(service_.DetokenizeOne({"acme", fingerprint}), HasReason(Reason::kTokenNotFound));
}

TEST_F(TokenizerFingerprintTest, ARotatedKeyMakesOthersAndCanBeComparedWithItsOldOnes) {
  const std::string before = FingerprintOf(kVisa);
  service_.keys_.RotateFingerprintKey();
  const std::string after = FingerprintOf(kVisa);
  EXPECT_NE(after.substr(12), before.substr(12));
  EXPECT_EQ(FingerprintOf(kVisa, "acme", 1), before);
  EXPECT_EQ(FingerprintOf(kVisa, "acme", 2), after);
  EXPECT_EQ(service_.Fingerprint(List(Number(kVisa)), "acme", 1)->key_version, 1U);
  EXPECT_THAT(service_.LastRecord("TokenService.FingerprintCard"),
              HasSubstr("\"fingerprint_key_version\":\"1\""));
  EXPECT_THAT(service_.Fingerprint(List(Number(kVisa)), "acme", 3),
              HasReason(Reason::kKeyNotFound));
}

TEST_F(TokenizerFingerprintTest, CardsOfABatchFailAlone) {
  const auto made =
      service_.Fingerprint(List(Number(kVisa), Number("1"), Card(kVisa, "2030-12", ""),
                                Card(kVisa, "", "Ada"), Number(kVisa)));
  ASSERT_OK(made);
  ASSERT_EQ(made->fingerprints.size(), 5U);
  ASSERT_OK(made->fingerprints[0]);
  EXPECT_THAT(made->fingerprints[1], HasReason(Reason::kPanInvalid));
  EXPECT_THAT(made->fingerprints[2], HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(made->fingerprints[3], HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(*made->fingerprints[4], *made->fingerprints[0]);
}

TEST_F(TokenizerFingerprintTest, TheRecordSaysWhoAndHowManyAndNeitherCardNorFingerprint) {
  const auto made = service_.Fingerprint(List(Number(kVisa), Number("1")));
  ASSERT_OK(made);
  EXPECT_EQ(service_.Records("TokenService.FingerprintCard"), 1U);
  const std::string record = service_.LastRecord("TokenService.FingerprintCard");
  EXPECT_THAT(record, HasSubstr("\"actor\":\"checkout\""));
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"success\""));
  EXPECT_THAT(record, HasSubstr("\"resource\":\"tenants/acme/keys/card-fingerprint\""));
  EXPECT_THAT(record, HasSubstr("PAN_INVALID"));
  EXPECT_THAT(record, HasSubstr("\"fingerprint_key_version\":\"1\""));
  EXPECT_THAT(record, Not(HasSubstr(std::string(kVisa))));
  EXPECT_THAT(record, Not(HasSubstr("fp_")));
}

TEST_F(TokenizerFingerprintTest, AFailureIsRecordedToo) {
  service_.keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(service_.Fingerprint(List(Number(kVisa))), HasReason(Reason::kHsmUnavailable));
  const std::string record = service_.LastRecord("TokenService.FingerprintCard");
  EXPECT_THAT(record, HasSubstr("\"outcome\":\"failed\""));
  EXPECT_THAT(record, HasSubstr("HSM_UNAVAILABLE"));
}

TEST_F(TokenizerFingerprintTest, APermitForAnotherTenantMakesNone) {
  EXPECT_THAT(service_.Fingerprint(List(Number(kVisa)), "beta", 0, "acme"),
              HasReason(Reason::kInternal));
}

}  // namespace
}  // namespace keysvc::tokenizer
