#include "tests/unit/rpc/edge_under_test.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "crypto/certificate.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "keysvc/rpc/caller_identity.h"
#include "policy/policy.h"
#include "tests/support/status_matchers.h"

namespace keysvc::testing {
namespace {

constexpr std::string_view kEverythingAllowed = R"(version: 1
principals:
  - {name: caller, identity: "spiffe://home.example/caller", kind: service, roles: [data]}
  - {name: partner, identity: "spiffe://partner.example/caller", kind: service, roles: [data]}
  - {name: officer, identity: "spiffe://home.example/officer", kind: officer, roles: [keys]}
  - {name: auditor, identity: "spiffe://home.example/auditor", kind: auditor, roles: [log]}
rules:
  - id: data
    roles: [data]
    actions: [Tokenize, GetToken, LookUpToken, ConvertToken, UpdateTokenCard, ImportTokens,
              SuspendToken, ResumeToken, DeleteToken, ListTokens]
    resources: ["tenants/acme/tokenProfiles/*"]
  - id: reveal
    roles: [data]
    actions: [Detokenize]
    resources: ["tenants/acme/tokenProfiles/cards", "tenants/acme/tokenProfiles/shops"]
    purposes: [settlement]
    reveal: full
  - id: reveal-receipts
    roles: [data]
    actions: [Detokenize]
    resources: ["tenants/acme/tokenProfiles/receipts"]
    purposes: [settlement]
    reveal: full
    risk: {last4_from: 50, denied_from: 80}
  - id: sign
    roles: [data]
    actions: [FingerprintCard, Sign, SignWebhook, Verify, GetPublicKey]
    resources: ["tenants/acme/keys/*"]
  - id: digests
    roles: [data]
    actions: [SignDigest]
    resources: [tenants/acme/keys/hashed, tenants/beta/keys/hashed]
  - id: partners
    roles: [data]
    actions: [Verify]
    resources: ["tenants/acme/partnerKeys/*"]
  - id: partner-keys
    roles: [keys]
    actions: [CreatePartnerKey, DisablePartnerKey, ListPartnerKeys, GetPartnerKey]
    resources: ["tenants/acme/partnerKeys/*"]
  - id: keys
    roles: [keys]
    actions: [CreateKey, RotateKey, AttachCertificate, DeliverKey, ImportKey, ListKeys, GetKey, GetPublicKey]
    resources: ["tenants/acme/keys/*"]
  - id: lock
    roles: [keys]
    actions: [LockKeys]
    resources: [openedKeys]
  - id: retention
    roles: [log]
    actions: [GetRetentionReport]
    resources: ["tenants/acme/tokenProfiles/*"]
  - id: log
    roles: [log]
    actions: [ExportAudit, GetCheckpoint]
    resources: [auditLog]
)";

// For the server and the clients of the process, before either exists.
const bool tls13_only = [] {
  rpc::RequireTls13();
  return true;
}();

v1::Status DetailsOf(const grpc::Status& status) {
  v1::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename T>
std::optional<T> Detail(const grpc::Status& status, std::string_view type) {
  const v1::Status details = DetailsOf(status);
  for (const v1::Detail& any : details.details()) {
    if (any.type_url() != absl::StrCat("type.googleapis.com/google.rpc.", ToAbsl(type))) continue;
    T detail;
    EXPECT_TRUE(detail.ParseFromString(any.value()));
    return detail;
  }
  return std::nullopt;
}

}  // namespace

std::string ReasonOnWire(const grpc::Status& status) {
  const auto info = Detail<v1::ErrorInfo>(status, "ErrorInfo");
  return info.has_value() ? info->reason() : "";
}

std::string RawAnswer::reason() const { return ReasonOnWire(status); }

std::string RawAnswer::field() const {
  const auto bad = Detail<v1::BadRequest>(status, "BadRequest");
  return bad.has_value() ? bad->field_violations(0).field() : "";
}

std::optional<v1::RetryInfo> RawAnswer::retry() const {
  return Detail<v1::RetryInfo>(status, "RetryInfo");
}

bool LoggedRecord::Has(std::string_view text) const {
  return header.find(text) != std::string::npos || body.find(text) != std::string::npos;
}

EdgeUnderTest::EdgeUnderTest(std::string_view policy) {
  deployment.name = "edge";
  deployment.environment = "development";
  deployment.sidecar_path = folder_.File("sidecar");
  EXPECT_OK(keys::InitializeDeployment(deployment, hsm));
  auto signer = keys::OpenCheckpointSigner(deployment, hsm);
  EXPECT_OK(signer);
  checkpoint_signer = *std::move(signer);

  const auto parsed =
      policy::ParsePolicy(policy.empty() ? kEverythingAllowed : policy, "policy.yaml");
  EXPECT_OK(parsed);
  gate = std::make_unique<policy::Gate>(*parsed);

  audit::JournalOptions options;
  options.origin = "test/edge";
  options.checkpoint_directory = folder_.path();
  auto started = audit::Journal::Start(store, *checkpoint_signer, options);
  EXPECT_OK(started);
  journal = *std::move(started);
  lane = std::make_unique<rpc::Lane>(1, 1);
  caller_ = home_.Issue({"URI:spiffe://home.example/caller"});
}

EdgeUnderTest::~EdgeUnderTest() { StopAll(); }

void EdgeUnderTest::StopAll() {
  if (server_ != nullptr) server_->Stop();
  lane->Stop();
  if (refusals_ != nullptr) refusals_->Stop();
  journal->Stop();
}

void EdgeUnderTest::Start() {
  rpc::CallerIdentity::Authorities authorities;
  authorities["home.example"] = *crypto::CertificateAuthority::FromPem(home_.certificate());
  authorities["partner.example"] = *crypto::CertificateAuthority::FromPem(partner_.certificate());
  identity_ = std::make_unique<rpc::CallerIdentity>(std::move(authorities), *gate,
                                                    [this] { return absl::Now() + clock_advance; });
  refusals_ = std::make_unique<rpc::RefusalCounter>(*journal, absl::Milliseconds(20));

  const Credential own = home_.Issue({"DNS:localhost", "IP:127.0.0.1"});
  rpc::ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.certificate_chain = own.certificate;
  options.private_key = own.key;
  options.authorities = home_.certificate() + partner_.certificate();
  troubles_.RecordIn(*journal);
  auto server = rpc::Server::Start(
      options, {methods, *identity_, *journal, *refusals_, troubles_, recorded_ids_},
      [this] { return hsm.Probe(deployment.CanaryLabel()); });
  ASSERT_OK(server);
  server_ = *std::move(server);
}

void EdgeUnderTest::StopServer(absl::Duration patience) { server_->Stop(patience); }

std::shared_ptr<grpc::Channel> EdgeUnderTest::Connect(const Credential& credential) const {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = home_.certificate();
  tls.pem_cert_chain = credential.certificate;
  tls.pem_private_key = credential.key;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::SslCredentials(tls), arguments);
}

std::shared_ptr<grpc::Channel> EdgeUnderTest::ConnectAs(const std::string& name) {
  return Connect(home_.Issue({"URI:spiffe://home.example/" + name}));
}

std::vector<LoggedRecord> EdgeUnderTest::Records(std::string_view text) {
  std::vector<LoggedRecord> found;
  const auto leaves = store.ReadLeaves(0, 10'000);
  EXPECT_OK(leaves);
  for (const store::LeafRow& leaf : *leaves) {
    LoggedRecord record{leaf.header, leaf.body};
    if (record.Has(text)) found.push_back(std::move(record));
  }
  return found;
}

std::vector<LoggedRecord> EdgeUnderTest::FlushedRecords(std::string_view text) {
  refusals_->Stop();
  return Records(text);
}

std::vector<LoggedRecord> EdgeUnderTest::Alarms() {
  EXPECT_OK(journal->CheckpointNow());
  return Records("Alarm.Raised");
}

RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                  const std::string& bytes, const CallOptions& options) {
  grpc::ClientContext context;
  if (options.deadline.has_value()) {
    context.set_deadline(std::chrono::system_clock::now() + *options.deadline);
  }
  for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  grpc::GenericStub stub(channel);
  stub.UnaryCall(&context, path, grpc::StubOptions(), &request, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  RawAnswer answer{.status = done.get_future().get(), .body = {}};
  grpc::Slice body;
  if (answer.status.ok() && response.DumpToSingleSlice(&body).ok()) {
    answer.body.assign(body.begin(), body.end());
  }
  return answer;
}

}  // namespace keysvc::testing
