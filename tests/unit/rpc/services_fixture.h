#ifndef KEYSVC_TESTS_UNIT_RPC_SERVICES_FIXTURE_H_
#define KEYSVC_TESTS_UNIT_RPC_SERVICES_FIXTURE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_delivery.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/nonce_places.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/verifier.h"
#include "keysvc/rpc/audit_service.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/partner_key_service.h"
#include "keysvc/rpc/signing_service.h"
#include "keysvc/rpc/token_service.h"
#include "keysvc/v1/audit_service.grpc.pb.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::testing {

inline constexpr char kPan[] = "4111111111111111";
inline constexpr char kOtherPan[] = "5555555555554444";
inline constexpr char kProfile[] = "tenants/acme/tokenProfiles/cards";
inline constexpr char kReceipts[] = "tenants/acme/tokenProfiles/receipts";
inline constexpr char kOrders[] = "tenants/acme/tokenProfiles/orders";
inline constexpr char kShops[] = "tenants/acme/tokenProfiles/shops";
inline constexpr char kUuid[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";

// A client's call with a deadline.
class Deadline : public grpc::ClientContext {
 public:
  Deadline() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30)); }
};

// The services over real gRPC and a real journal, with the HSM and the store in memory.
class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest() : ServicesTest({}, rpc::KeyChanges::kAllowed) {}
  ServicesTest(std::string_view policy, rpc::KeyChanges changes)
      : edge(policy), changes_(changes) {}

  void SetUp() override {
    auto profiles = tokenizer::Profiles::Create(
        {{.tenant = "acme",
          .name = "cards",
          .number = 1,
          .deterministic = true,
          .account_reference_issuer = "ACME"},
         {.tenant = "acme",
          .name = "receipts",
          .number = 2,
          .deterministic = true,
          .account_reference_issuer = "ACME"},
         {.tenant = "acme",
          .name = "shops",
          .number = 3,
          .domain = {.channels = {"web", "app"},
                     .merchant = true,
                     .amounts = {{"EUR", 100, 50'000}}}},
         {.tenant = "acme",
          .name = "orders",
          .number = 4,
          .metadata = {{.name = "store",
                        .type = tokenizer::MetadataType::kWord,
                        .values = {"berlin", "vienna"}},
                       {.name = "day", .type = tokenizer::MetadataType::kDate}}}});
    ASSERT_OK(profiles);
    profiles_.emplace(*std::move(profiles));
    wrapping_.emplace(edge.hsm, edge.deployment.name, 1);
    auto registry = keys::KeyRegistry::Load(edge.hsm, *wrapping_, edge.store, *edge.journal,
                                            edge.deployment.environment);
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    for (const tokenizer::Profile& profile : profiles_->all()) {
      ASSERT_OK(registry_->EnsureProfileKeys(profile));
    }
    opened_keys_.emplace(*registry_);
    tokenizer_.emplace(*profiles_, *opened_keys_, edge.store, *edge.journal, *edge.gate);
    signer_.emplace(*registry_, edge.hsm, *edge.journal, edge.store, *opened_keys_, public_keys_);
    auto partner_keys = keys::PartnerKeys::Load(
        {*registry_, edge.store, *edge.journal},
        {edge.hsm, edge.deployment.RegistryLabel(), edge.deployment.environment});
    ASSERT_OK(partner_keys);
    partner_keys_ = *std::move(partner_keys);
    verifier_.emplace(*registry_, edge.hsm, *edge.journal, edge.store, *opened_keys_, public_keys_,
                      *partner_keys_, nonce_places_);

    tokens_.emplace(*edge.gate, *profiles_, *tokenizer_);
    signing_.emplace(*edge.gate, *registry_, public_keys_, *signer_, *verifier_);
    delivery_.emplace(keys::KeyDelivery::Services{*registry_, *partner_keys_, edge.hsm, edge.store,
                                                  *edge.journal});
    keys_.emplace(*edge.gate, *registry_, *delivery_, *opened_keys_, changes_);
    partners_.emplace(*edge.gate, *partner_keys_, changes_);
    audit_.emplace(*edge.gate, *edge.journal, edge.store);
    tokens_->Register(edge.methods, lane_);
    signing_->Register(edge.methods, lane_, lane_);
    keys_->Register(edge.methods, lane_);
    partners_->Register(edge.methods, lane_);
    audit_->Register(edge.methods, lane_);
    edge.Start();

    caller = edge.Connect();
    officer = edge.ConnectAs("officer");
    auditor = edge.ConnectAs("auditor");
    tokens = v1::TokenService::NewStub(caller);
    signing = v1::SigningService::NewStub(caller);
    keys_stub = v1::KeyService::NewStub(officer);
    partners_stub = v1::PartnerKeyService::NewStub(officer);
    log = v1::AuditService::NewStub(auditor);
  }

  void TearDown() override {
    edge.StopServer();
    lane_.Stop();
    edge.StopAll();
  }

  grpc::Status Tokenize(const std::string& pan, v1::TokenizeResponse* response,
                        const std::string& request_id = "") {
    v1::TokenizeRequest request;
    request.set_parent(kProfile);
    request.mutable_card()->set_pan(pan);
    request.mutable_card()->set_expiry("2030-12");
    request.set_request_id(request_id);
    Deadline context;
    return tokens->Tokenize(&context, request, response);
  }

  std::string TokenFor(const std::string& pan) {
    v1::TokenizeResponse response;
    const grpc::Status status = Tokenize(pan, &response);
    EXPECT_TRUE(status.ok()) << ReasonOnWire(status);
    return response.name();
  }

  grpc::Status Detokenize(const std::string& name, const std::string& purpose,
                          v1::DetokenizeResponse* response) {
    v1::DetokenizeRequest request;
    request.set_name(name);
    request.set_purpose(purpose);
    Deadline context;
    return tokens->Detokenize(&context, request, response);
  }

  grpc::Status CreateKey(const std::string& id, v1::CreateKeyResponse* response,
                         v1::KeyAlgorithm algorithm = v1::KEY_ALGORITHM_EC_P256) {
    v1::CreateKeyRequest request;
    request.set_parent("tenants/acme");
    request.set_key_id(id);
    request.set_purpose(algorithm == v1::KEY_ALGORITHM_HMAC_SHA256 ? v1::KEY_PURPOSE_MAC
                                                                   : v1::KEY_PURPOSE_SIGN);
    request.set_algorithm(algorithm);
    request.set_cryptoperiod_days(30);
    Deadline context;
    return keys_stub->CreateKey(&context, request, response);
  }

  grpc::Status CreatePartnerKey(
      const std::string& id, const std::string& pem, v1::PartnerKey* made,
      const std::function<void(v1::CreatePartnerKeyRequest&)>& change = [](auto&) {}) {
    v1::CreatePartnerKeyRequest request;
    request.set_parent("tenants/acme");
    request.set_partner_key_id(id);
    request.set_purpose(v1::KEY_PURPOSE_SIGN);
    request.set_pem(pem);
    request.mutable_not_after_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 86'400);
    change(request);
    v1::CreatePartnerKeyResponse response;
    Deadline context;
    const grpc::Status status = partners_stub->CreatePartnerKey(&context, request, &response);
    *made = response.partner_key();
    return status;
  }

  grpc::Status ListKeys(int page_size, const std::string& page_token,
                        v1::ListKeysResponse* response) {
    v1::ListKeysRequest request;
    request.set_parent("tenants/acme");
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    Deadline context;
    return keys_stub->ListKeys(&context, request, response);
  }

  grpc::Status Export(std::uint64_t first, std::string* lines) {
    v1::ExportAuditRequest request;
    request.set_first_index(first);
    Deadline context;
    const auto reader = log->ExportAudit(&context, request);
    v1::ExportAuditResponse part;
    while (reader->Read(&part)) *lines += part.lines();
    return reader->Finish();
  }

  EdgeUnderTest edge;
  std::shared_ptr<grpc::Channel> caller, officer, auditor;
  std::unique_ptr<v1::TokenService::Stub> tokens;
  std::unique_ptr<v1::SigningService::Stub> signing;
  std::unique_ptr<v1::KeyService::Stub> keys_stub;
  std::unique_ptr<v1::PartnerKeyService::Stub> partners_stub;
  std::unique_ptr<v1::AuditService::Stub> log;

 private:
  const rpc::KeyChanges changes_;
  rpc::Lane lane_{2, 100};
  std::optional<tokenizer::Profiles> profiles_;
  std::optional<keys::KeyWrapping> wrapping_;
  std::unique_ptr<keys::KeyRegistry> registry_;
  std::unique_ptr<keys::PartnerKeys> partner_keys_;
  std::optional<keys::KeyDelivery> delivery_;
  std::optional<keys::OpenedKeys> opened_keys_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  keys::PublicKeys public_keys_;
  std::optional<keys::Signer> signer_;
  keys::NoncePlaces nonce_places_;
  std::optional<keys::Verifier> verifier_;
  std::optional<rpc::TokenService> tokens_;
  std::optional<rpc::SigningService> signing_;
  std::optional<rpc::KeyService> keys_;
  std::optional<rpc::PartnerKeyService> partners_;
  std::optional<rpc::AuditService> audit_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_RPC_SERVICES_FIXTURE_H_
