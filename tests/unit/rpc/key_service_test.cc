#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "status/reason.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

TEST_F(ServicesTest, RotateAKeyToANewPrimaryVersion) {
  v1::CreateKeyResponse created;
  ASSERT_TRUE(CreateKey("orders", &created).ok());
  v1::RotateKeyRequest request;
  request.set_name(created.key().name());
  v1::RotateKeyResponse rotated;
  Deadline context;
  ASSERT_TRUE(keys_stub->RotateKey(&context, request, &rotated).ok());
  ASSERT_EQ(rotated.key().versions_size(), 2);
  EXPECT_EQ(rotated.key().versions(0).name(), "tenants/acme/keys/orders/versions/2");
  EXPECT_TRUE(rotated.key().versions(0).primary());
  EXPECT_FALSE(rotated.key().versions(1).primary());
}

TEST_F(ServicesTest, ListKeysPageByPage) {
  for (const char* id : {"a-key", "b-key", "c-key"}) {
    v1::CreateKeyResponse created;
    ASSERT_TRUE(CreateKey(id, &created).ok());
  }
  v1::ListKeysResponse all;
  ASSERT_TRUE(ListKeys(0, "", &all).ok());
  EXPECT_EQ(all.next_page_token(), "");
  std::vector<std::string> expected;
  for (const v1::Key& key : all.keys()) expected.push_back(key.name());
  EXPECT_THAT(expected, ::testing::Contains("tenants/acme/keys/b-key"));
  EXPECT_TRUE(std::is_sorted(expected.begin(), expected.end()));

  std::vector<std::string> paged;
  std::string page_token;
  do {
    v1::ListKeysResponse page;
    ASSERT_TRUE(ListKeys(2, page_token, &page).ok());
    EXPECT_LE(page.keys_size(), 2);
    for (const v1::Key& key : page.keys()) paged.push_back(key.name());
    page_token = page.next_page_token();
  } while (!page_token.empty());
  EXPECT_EQ(paged, expected);

  v1::ListKeysResponse none;
  EXPECT_EQ(ReasonOnWire(ListKeys(0, "made up", &none)), "FIELD_INVALID");
  EXPECT_EQ(ReasonOnWire(ListKeys(-1, "", &none)), "FIELD_INVALID");
}

class OutsideDevelopmentTest : public ServicesTest {
 protected:
  OutsideDevelopmentTest() : ServicesTest({}, rpc::KeyChanges::kNeedOfficers) {}
};

TEST_F(OutsideDevelopmentTest, KeysAreNotChangedByCall) {
  v1::CreateKeyResponse created;
  EXPECT_EQ(ReasonOnWire(CreateKey("orders", &created)), "OFFICER_LOGIN_REQUIRED");
  v1::RotateKeyRequest request;
  request.set_name("tenants/acme/keys/orders");
  v1::RotateKeyResponse rotated;
  Deadline context;
  EXPECT_EQ(ReasonOnWire(keys_stub->RotateKey(&context, request, &rotated)),
            "OFFICER_LOGIN_REQUIRED");
  v1::DeliverKeyRequest deliver;
  deliver.set_name("tenants/acme/keys/orders");
  v1::DeliverKeyResponse delivered;
  Deadline third;
  EXPECT_EQ(ReasonOnWire(keys_stub->DeliverKey(&third, deliver, &delivered)),
            "OFFICER_LOGIN_REQUIRED");
  v1::ImportKeyRequest import;
  import.set_name("tenants/acme/keys/orders");
  v1::ImportKeyResponse imported;
  Deadline fourth;
  EXPECT_EQ(ReasonOnWire(keys_stub->ImportKey(&fourth, import, &imported)),
            "OFFICER_LOGIN_REQUIRED");
  v1::PartnerKey made;
  EXPECT_EQ(ReasonOnWire(CreatePartnerKey("bank", "any", &made)), "OFFICER_LOGIN_REQUIRED");
  // Its owner has to hear of it, whoever may register keys.
  EXPECT_EQ(ReasonOnWire(CreatePartnerKey("bank", "-----BEGIN PRIVATE KEY-----", &made)),
            "PRIVATE_KEY_PRESENTED");
  v1::DisablePartnerKeyRequest disable;
  disable.set_name("tenants/acme/partnerKeys/bank");
  v1::DisablePartnerKeyResponse disabled;
  Deadline second;
  EXPECT_EQ(ReasonOnWire(partners_stub->DisablePartnerKey(&second, disable, &disabled)),
            "OFFICER_LOGIN_REQUIRED");
  EXPECT_EQ(edge.Records("OFFICER_LOGIN_REQUIRED").size(), 6U);
  v1::ListKeysResponse listed;
  EXPECT_TRUE(ListKeys(0, "", &listed).ok());
}

TEST_F(ServicesTest, LockedKeysAreOpenedAgainByTheHsmOnly) {
  const std::string token = TokenFor(kPan);
  v1::DetokenizeResponse card;
  edge.hsm.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_TRUE(Detokenize(token, "settlement", &card).ok());

  v1::LockKeysResponse locked;
  Deadline context;
  ASSERT_TRUE(keys_stub->LockKeys(&context, v1::LockKeysRequest(), &locked).ok());
  EXPECT_GT(locked.dropped(), 0U);
  EXPECT_EQ(edge.Records("\"KeyService.LockKeys\"").size(), 1U);
  EXPECT_EQ(ReasonOnWire(Detokenize(token, "settlement", &card)), "HSM_UNAVAILABLE");

  edge.hsm.Heal();
  EXPECT_TRUE(Detokenize(token, "settlement", &card).ok());
}

}  // namespace
}  // namespace keysvc::testing
