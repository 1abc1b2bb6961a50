#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "tests/support/openssl.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

TEST_F(ServicesTest, VerifyByAPartnersKeyUntilItIsDisabled) {
  const OpensslKey partner("-algorithm ed25519");
  v1::PartnerKey made;
  ASSERT_TRUE(CreatePartnerKey("bank", partner.public_pem(), &made, [](auto& request) {
                request.set_kid("bank-key-7");
              }).ok());
  EXPECT_EQ(made.name(), "tenants/acme/partnerKeys/bank");
  EXPECT_EQ(made.purpose(), v1::KEY_PURPOSE_SIGN);
  EXPECT_EQ(made.algorithm(), v1::KEY_ALGORITHM_ED25519);
  EXPECT_EQ(made.state(), v1::PARTNER_KEY_STATE_ACTIVE);
  EXPECT_EQ(made.kid(), "bank-key-7");
  EXPECT_EQ(made.pem(), partner.public_pem());
  EXPECT_EQ(made.spki_sha256().size(), 64U);
  EXPECT_EQ(made.registered_by(), "officer");
  EXPECT_EQ(made.not_after_time().seconds() - made.create_time().seconds(), 86'400);

  v1::VerifyRequest request;
  request.set_name(made.name());
  request.set_message("pay 10 EUR");
  request.set_signature(partner.Sign("pay 10 EUR", "-rawin"));
  v1::VerifyResponse verified;
  {
    Deadline context;
    ASSERT_TRUE(signing->Verify(&context, request, &verified).ok());
  }
  EXPECT_TRUE(verified.valid());
  EXPECT_EQ(verified.key_version(), made.name());

  v1::DisablePartnerKeyRequest disable;
  disable.set_name(made.name());
  v1::DisablePartnerKeyResponse disabled;
  {
    Deadline context;
    ASSERT_TRUE(partners_stub->DisablePartnerKey(&context, disable, &disabled).ok());
  }
  EXPECT_EQ(disabled.partner_key().state(), v1::PARTNER_KEY_STATE_DISABLED);
  {
    Deadline context;
    EXPECT_EQ(ReasonOnWire(signing->Verify(&context, request, &verified)), "PARTNER_KEY_DISABLED");
  }
  v1::GetPartnerKeyRequest get;
  get.set_name(made.name());
  v1::GetPartnerKeyResponse got;
  Deadline context;
  ASSERT_TRUE(partners_stub->GetPartnerKey(&context, get, &got).ok());
  EXPECT_EQ(got.partner_key().SerializeAsString(), disabled.partner_key().SerializeAsString());
  EXPECT_EQ(edge.Records("\"PartnerKeyService.CreatePartnerKey\"").size(), 1U);
  EXPECT_EQ(edge.Records("\"PartnerKeyService.DisablePartnerKey\"").size(), 1U);
  EXPECT_EQ(edge.Records("bank-key-7").size(), 0U) << "a kid may hold anything";
}

TEST_F(ServicesTest, RefuseAPartnerKeyNamingTheField) {
  const OpensslKey partner("-algorithm ed25519");
  const auto reason = [&](const std::string& pem, const auto& change) {
    v1::PartnerKey made;
    return ReasonOnWire(CreatePartnerKey("bank", pem, &made, change));
  };
  const auto nothing = [](auto&) {};
  const std::string good = partner.public_pem();
  EXPECT_EQ(reason(partner.private_pem(), nothing), "PRIVATE_KEY_PRESENTED");
  EXPECT_EQ(reason(partner.private_pem(), [](auto& request) { request.clear_purpose(); }),
            "PRIVATE_KEY_PRESENTED");
  EXPECT_EQ(reason("", nothing), "FIELD_REQUIRED");
  EXPECT_EQ(reason("garbage", nothing), "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_partner_key_id(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_partner_key_id("Bank"); }),
            "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_purpose(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_purpose(v1::KEY_PURPOSE_MAC); }),
            "FIELD_INVALID");
  EXPECT_EQ(
      reason(good, [](auto& request) { request.set_purpose(static_cast<v1::KeyPurpose>(99)); }),
      "FIELD_INVALID");
  EXPECT_EQ(
      reason(good, [](auto& request) { request.set_algorithm(static_cast<v1::KeyAlgorithm>(99)); }),
      "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.clear_not_after_time(); }), "FIELD_REQUIRED");
  EXPECT_EQ(reason(good, [](auto& request) { request.mutable_not_after_time()->set_nanos(-1); }),
            "FIELD_INVALID");
  EXPECT_EQ(reason(good, [](auto& request) { request.set_parent("tenants/other"); }),
            "POLICY_DENIED");
  const std::string secret = partner.private_pem();
  for (std::size_t at = 30; at + 20 < secret.size(); at += 20) {
    EXPECT_EQ(edge.Records(secret.substr(at, 12)).size(), 0U);
  }
}

TEST_F(ServicesTest, ListPartnerKeysPageByPage) {
  const OpensslKey partner("-algorithm ed25519");
  std::vector<std::string> expected;
  for (const char* id : {"a-bank", "b-bank", "c-bank"}) {
    v1::PartnerKey made;
    ASSERT_TRUE(CreatePartnerKey(id, partner.public_pem(), &made).ok());
    expected.push_back(made.name());
  }
  std::vector<std::string> paged;
  v1::ListPartnerKeysRequest request;
  request.set_parent("tenants/acme");
  request.set_page_size(2);
  do {
    v1::ListPartnerKeysResponse page;
    Deadline context;
    ASSERT_TRUE(partners_stub->ListPartnerKeys(&context, request, &page).ok());
    EXPECT_LE(page.partner_keys_size(), 2);
    for (const v1::PartnerKey& key : page.partner_keys()) paged.push_back(key.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, expected);
  request.set_page_token("made up");
  v1::ListPartnerKeysResponse none;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(partners_stub->ListPartnerKeys(&context, request, &none)),
            "FIELD_INVALID");
}

}  // namespace
}  // namespace keysvc::testing
