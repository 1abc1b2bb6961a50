#include "tests/unit/keys/key_world.h"

#include <utility>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"

namespace keysvc::testing {
namespace {

constexpr char kIdentity[] = "spiffe://dev.keysvc.example/checkout";
constexpr char kAnotherIdentity[] = "spiffe://dev.keysvc.example/another";

std::shared_ptr<const policy::Policy> AllowAll() {
  using enum policy::Action;
  policy::Policy policy;
  policy.principals = {{kCaller, kIdentity, policy::PrincipalKind::kService, {"all"}},
                       {kAnother, kAnotherIdentity, policy::PrincipalKind::kService, {"all"}}};
  policy.rules = {
      {"all-keys",
       {"all"},
       {kSign, kSignDigest, kSignJws, kSignHttpMessage, kSignWebhook, kSignCose, kVerify,
        kCreateKey, kRotateKey, kCreateCertificateSigningRequest, kAttachCertificate, kDeliverKey,
        kImportKey, kCreatePartnerKey, kDisablePartnerKey},
       {"tenants/*/keys/*", "tenants/*/partnerKeys/*"},
       {},
       policy::Reveal::kLastFour}};
  return std::make_shared<const policy::Policy>(std::move(policy));
}

template <typename T>
absl::StatusOr<T> ValueOf(absl::StatusOr<audit::Recorded<T>> recorded) {
  if (!recorded.ok()) return recorded.status();
  return std::move(recorded->value);
}

}  // namespace

std::vector<LoggedRecord> LoggedRecords(store::Store& store) {
  std::vector<LoggedRecord> records;
  const auto leaves = store.ReadLeaves(0, 100'000);
  EXPECT_OK(leaves);
  for (const store::LeafRow& leaf : *leaves) {
    const auto header = nlohmann::json::parse(leaf.header);
    const auto body = nlohmann::json::parse(leaf.body);
    const auto details = body.value("details", nlohmann::json::object());
    records.push_back({leaf.index, header.at("action"), header.at("outcome"), header.at("actor"),
                       body.value("resource", ""), body.value("reason", ""),
                       details.value("intent", ""), details.value("orphan_in_hsm", ""),
                       details.value("fault", ""), details.value("partner_key", "")});
  }
  return records;
}

LoggedRecord LastCall(store::Store& store) {
  std::vector<LoggedRecord> records = LoggedRecords(store);
  while (!records.empty() && records.back().action.starts_with("Log.")) records.pop_back();
  EXPECT_FALSE(records.empty());
  return records.empty() ? LoggedRecord() : records.back();
}

KeyWorld::KeyWorld()
    : now_ms_(absl::ToUnixMillis(absl::FromCivil(absl::CivilDay(2026, 3, 1), absl::UTCTimeZone()))),
      gate_(std::make_unique<policy::Gate>(AllowAll())) {
  EXPECT_OK(hsm.Generate(deployment.KekLabel(), pkcs11::KeyKind::kAes256Wrapping));
  EXPECT_OK(hsm.Generate(deployment.RegistryLabel(), pkcs11::KeyKind::kHmacSha256));
  EXPECT_OK(audit_hsm_.Generate(deployment.AuditLabel(), pkcs11::KeyKind::kEd25519));
  checkpoint_signer_ = *keys::OpenCheckpointSigner(deployment, audit_hsm_);
}

KeyWorld::~KeyWorld() { Stop(); }

absl::Status KeyWorld::Start() {
  audit::JournalOptions options;
  options.origin = "keysvc.example/test";
  options.checkpoint_directory = directory_.path();
  options.checkpoint_interval = absl::Hours(1);
  options.answer_within = answer_within;
  options.clock = clock();
  options.steady = since_boot();
  auto journal = audit::Journal::Start(store, *checkpoint_signer_, std::move(options));
  if (!journal.ok()) return journal.status();
  journal_ = *std::move(journal);
  auto registry =
      keys::KeyRegistry::Load(hsm, wrapping, store, *journal_, "test", clock(), use_limits);
  if (!registry.ok()) return registry.status();
  registry_ = *std::move(registry);
  auto partner_keys = keys::PartnerKeys::Load(
      {*registry_, store, *journal_}, {hsm, deployment.RegistryLabel(), deployment.environment},
      clock(), absl::Milliseconds(1));
  if (!partner_keys.ok()) return partner_keys.status();
  partner_keys_ = *std::move(partner_keys);
  return absl::OkStatus();
}

void KeyWorld::Stop() {
  partner_keys_.reset();
  registry_.reset();
  journal_.reset();
}

absl::Status KeyWorld::Restart() {
  Stop();
  hsm.Heal();
  store.Heal();
  return Start();
}

void KeyWorld::SetLimits(const policy::Limits& limits) {
  policy::Policy policy = *gate_->policy();
  policy.rules.front().limits = limits;
  gate_->Replace(std::make_shared<const policy::Policy>(std::move(policy)));
}

policy::Permit KeyWorld::PermitFor(policy::Action action, std::string_view resource,
                                   std::string_view who) const {
  const auto caller =
      gate_->Identify(who == kCaller ? kIdentity : kAnotherIdentity, "ipv4:192.0.2.1:4711");
  EXPECT_OK(caller);
  auto permit = gate_->Authorize(*caller, action, resource);
  EXPECT_OK(permit);
  return *std::move(permit);
}

absl::StatusOr<keys::KeyVersion> KeyWorld::Create(const keys::KeyName& name,
                                                  const keys::KeyParameters& parameters) {
  return ValueOf(registry_->Create(PermitFor(policy::Action::kCreateKey, name.ToString()), name,
                                   parameters, ""));
}

absl::StatusOr<keys::KeyVersion> KeyWorld::CreateVersion(const keys::KeyName& name,
                                                         std::string_view request_id) {
  return ValueOf(registry_->CreateVersion(PermitFor(policy::Action::kRotateKey, name.ToString()),
                                          name, request_id));
}

absl::StatusOr<keys::KeyVersion> KeyWorld::Rotate(const keys::KeyName& name,
                                                  keys::KeyRegistry::Urgency urgency) {
  return ValueOf(
      registry_->Rotate(PermitFor(policy::Action::kRotateKey, name.ToString()), name, "", urgency));
}

absl::StatusOr<keys::PartnerKey> KeyWorld::CreatePartnerKey(const keys::PartnerKeyName& name,
                                                            const keys::PartnerKeyRequest& request,
                                                            std::string_view request_id) {
  return ValueOf(partner_keys_->Create(
      PermitFor(policy::Action::kCreatePartnerKey, name.ToString()), name, request, request_id));
}

absl::StatusOr<keys::PartnerKey> KeyWorld::DisablePartnerKey(const keys::PartnerKeyName& name,
                                                             std::string_view request_id) {
  return ValueOf(partner_keys_->Disable(
      PermitFor(policy::Action::kDisablePartnerKey, name.ToString()), name, request_id));
}

}  // namespace keysvc::testing
