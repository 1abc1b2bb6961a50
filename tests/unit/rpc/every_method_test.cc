#include <functional>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/v1/audit_service.grpc.pb.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

constexpr char kNothingAllowed[] = R"(version: 1
principals:
  - {name: caller, identity: "spiffe://home.example/caller", kind: service, roles: [elsewhere]}
rules:
  - id: elsewhere
    roles: [elsewhere]
    actions: [Tokenize]
    resources: ["tenants/elsewhere/tokenProfiles/*"]
)";

class NothingAllowedTest : public ServicesTest {
 protected:
  NothingAllowedTest() : ServicesTest(kNothingAllowed, rpc::KeyChanges::kAllowed) {}
};

template <typename Message>
std::string With(const std::function<void(Message&)>& fill) {
  Message message;
  fill(message);
  return message.SerializeAsString();
}

template <typename Message>
std::string Named(const std::string& name) {
  return With<Message>([&name](Message& message) { message.set_name(name); });
}

template <typename Message>
std::string Below(const std::string& parent) {
  return With<Message>([&parent](Message& message) { message.set_parent(parent); });
}

// For every method a request that only the policy can refuse.
std::map<std::string, std::string> RequestsByMethod() {
  const std::string token = "tenants/acme/tokens/tok_a";
  const std::string key = "tenants/acme/keys/orders";
  const std::string partner_key = "tenants/acme/partnerKeys/bank";
  return {
      {"keysvc.v1.TokenService.Tokenize", Below<v1::TokenizeRequest>(kProfile)},
      {"keysvc.v1.TokenService.BatchTokenize", Below<v1::BatchTokenizeRequest>(kProfile)},
      {"keysvc.v1.TokenService.LookUpToken", Below<v1::LookUpTokenRequest>(kProfile)},
      {"keysvc.v1.TokenService.BatchLookUpTokens", Below<v1::BatchLookUpTokensRequest>(kProfile)},
      {"keysvc.v1.TokenService.Detokenize", Named<v1::DetokenizeRequest>(token)},
      {"keysvc.v1.TokenService.BatchDetokenize", Below<v1::BatchDetokenizeRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ConvertToken", With<v1::ConvertTokenRequest>([&](auto& request) {
         request.set_name(token);
         request.set_target(kProfile);
       })},
      {"keysvc.v1.TokenService.BatchConvertTokens",
       With<v1::BatchConvertTokensRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_target(kProfile);
       })},
      {"keysvc.v1.TokenService.UpdateTokenCard", Named<v1::UpdateTokenCardRequest>(token)},
      {"keysvc.v1.TokenService.BatchUpdateTokenCards",
       Below<v1::BatchUpdateTokenCardsRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ImportTokens", Below<v1::ImportTokensRequest>(kProfile)},
      {"keysvc.v1.TokenService.GetToken", Named<v1::GetTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchGetTokens", Below<v1::BatchGetTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ListTokens", Below<v1::ListTokensRequest>(kProfile)},
      {"keysvc.v1.TokenService.FingerprintCard", Below<v1::FingerprintCardRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.BatchFingerprintCards",
       Below<v1::BatchFingerprintCardsRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.SuspendToken", Named<v1::SuspendTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchSuspendTokens",
       Below<v1::BatchSuspendTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.ResumeToken", Named<v1::ResumeTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchResumeTokens",
       Below<v1::BatchResumeTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.DeleteToken", Named<v1::DeleteTokenRequest>(token)},
      {"keysvc.v1.TokenService.BatchDeleteTokens",
       Below<v1::BatchDeleteTokensRequest>("tenants/acme")},
      {"keysvc.v1.TokenService.GetRetentionReport",
       Below<v1::GetRetentionReportRequest>("tenants/acme")},
      {"keysvc.v1.SigningService.Sign", Named<v1::SignRequest>(key)},
      {"keysvc.v1.SigningService.BatchSign", Named<v1::BatchSignRequest>(key)},
      {"keysvc.v1.SigningService.Verify", Named<v1::VerifyRequest>(key)},
      {"keysvc.v1.SigningService.BatchVerify", Named<v1::BatchVerifyRequest>(key)},
      {"keysvc.v1.SigningService.SignJws", Named<v1::SignJwsRequest>(key)},
      {"keysvc.v1.SigningService.VerifyJws", Named<v1::VerifyJwsRequest>(key)},
      {"keysvc.v1.SigningService.SignHttpMessage", Named<v1::SignHttpMessageRequest>(key)},
      {"keysvc.v1.SigningService.VerifyHttpMessage", Named<v1::VerifyHttpMessageRequest>(key)},
      {"keysvc.v1.SigningService.SignWebhook", Named<v1::SignWebhookRequest>(key)},
      {"keysvc.v1.SigningService.VerifyWebhook", Named<v1::VerifyWebhookRequest>(key)},
      {"keysvc.v1.SigningService.CreateCertificateSigningRequest",
       Named<v1::CreateCertificateSigningRequestRequest>(key)},
      {"keysvc.v1.SigningService.SignCose", Named<v1::SignCoseRequest>(key)},
      {"keysvc.v1.SigningService.VerifyCose", Named<v1::VerifyCoseRequest>(key)},
      {"keysvc.v1.SigningService.GetJwks", Named<v1::GetJwksRequest>(key)},
      {"keysvc.v1.SigningService.GetPublicKey", Named<v1::GetPublicKeyRequest>(key)},
      {"keysvc.v1.KeyService.CreateKey", With<v1::CreateKeyRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_key_id("orders");
       })},
      {"keysvc.v1.KeyService.ListKeys", Below<v1::ListKeysRequest>("tenants/acme")},
      {"keysvc.v1.KeyService.GetKey", Named<v1::GetKeyRequest>(key)},
      {"keysvc.v1.KeyService.CreateKeyVersion", Named<v1::CreateKeyVersionRequest>(key)},
      {"keysvc.v1.KeyService.RotateKey", Named<v1::RotateKeyRequest>(key)},
      {"keysvc.v1.KeyService.AttachCertificate", Named<v1::AttachCertificateRequest>(key)},
      {"keysvc.v1.KeyService.DeliverKey", Named<v1::DeliverKeyRequest>(key)},
      {"keysvc.v1.KeyService.ImportKey", Named<v1::ImportKeyRequest>(key)},
      {"keysvc.v1.KeyService.LockKeys", ""},
      {"keysvc.v1.PartnerKeyService.CreatePartnerKey",
       With<v1::CreatePartnerKeyRequest>([](auto& request) {
         request.set_parent("tenants/acme");
         request.set_partner_key_id("bank");
       })},
      {"keysvc.v1.PartnerKeyService.ListPartnerKeys",
       Below<v1::ListPartnerKeysRequest>("tenants/acme")},
      {"keysvc.v1.PartnerKeyService.GetPartnerKey", Named<v1::GetPartnerKeyRequest>(partner_key)},
      {"keysvc.v1.PartnerKeyService.DisablePartnerKey",
       Named<v1::DisablePartnerKeyRequest>(partner_key)},
      {"keysvc.v1.AuditService.ExportAudit", ""},
      {"keysvc.v1.AuditService.GetCheckpoint", ""},
  };
}

TEST_F(NothingAllowedTest, DeniesEveryMethodOfEveryServiceAndRecordsIt) {
  const std::map<std::string, std::string> requests = RequestsByMethod();
  std::size_t methods = 0;
  for (const char* file : {"keysvc/v1/token_service.proto", "keysvc/v1/signing_service.proto",
                           "keysvc/v1/key_service.proto", "keysvc/v1/partner_key_service.proto",
                           "keysvc/v1/audit_service.proto"}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(file);
    ASSERT_NE(descriptor, nullptr) << file;
    for (int s = 0; s < descriptor->service_count(); ++s) {
      const auto* service = descriptor->service(s);
      for (int m = 0; m < service->method_count(); ++m, ++methods) {
        const std::string name = service->method(m)->full_name();
        SCOPED_TRACE(name);
        ASSERT_TRUE(requests.contains(name));
        const std::string path =
            absl::StrCat("/", service->full_name(), "/", service->method(m)->name());
        ASSERT_NE(edge.methods.Find(path), nullptr);
        EXPECT_EQ(CallRaw(caller, path, requests.at(name)).reason(), "POLICY_DENIED");
        const std::string action =
            absl::StrCat("\"", service->name(), ".", service->method(m)->name(), "\"");
        std::size_t denials = 0;
        for (const LoggedRecord& record : edge.Records(action)) denials += record.Has("denied");
        EXPECT_EQ(denials, 1U);
      }
    }
  }
  EXPECT_EQ(methods, requests.size());
}

}  // namespace
}  // namespace keysvc::testing
