#include "keysvc/rpc/key_service.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/page.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

absl::StatusOr<v1::Key> KeyOf(const keys::KeyRegistry& registry, const keys::KeyName& name) {
  ASSIGN_OR_RETURN(const std::vector<keys::KeyVersion> versions, registry.Versions(name));
  return ToMessage(versions);
}

absl::StatusOr<v1::ListKeysResponse> ListOf(const keys::KeyRegistry& registry,
                                            const v1::ListKeysRequest& request,
                                            const std::string& tenant) {
  ASSIGN_OR_RETURN(
      const Page<keys::KeyVersion> page,
      PageOf(registry.Primaries(tenant), request, absl::StrCat("tenants/", tenant, "/keys/"),
             [](const auto& version) { return version.name.key.ToString(); }));
  v1::ListKeysResponse message;
  for (const keys::KeyVersion& primary : page.items) {
    ASSIGN_OR_RETURN(*message.add_keys(), KeyOf(registry, primary.name.key));
  }
  message.set_next_page_token(page.next_page_token);
  return message;
}

// Errors name the field that the wire has.
absl::StatusOr<keys::PartnerKeyName> ParsePartnerKey(std::string_view name) {
  if (absl::StatusOr<keys::PartnerKeyName> partner = keys::PartnerKeyName::Parse(name);
      partner.ok()) {
    return partner;
  }
  return Error(name.empty() ? Reason::kFieldRequired : Reason::kFieldInvalid,
               "a partner's key is tenants/{tenant}/partnerKeys/{key}", "partner_key");
}

v1::DeliverKeyResponse ToMessage(keys::DeliveredKey delivered) {
  v1::DeliverKeyResponse message;
  message.set_wrapped_secret(std::move(delivered.wrapped.bytes));
  message.set_algorithm(std::move(delivered.wrapped.algorithm));
  message.set_key_version(delivered.key_version.ToString());
  message.set_key_check_value(std::move(delivered.check_value));
  return message;
}

}  // namespace

absl::Status CheckAllowed(KeyChanges changes) {
  if (changes == KeyChanges::kAllowed) return absl::OkStatus();
  return Error(Reason::kOfficerLoginRequired,
               "outside development, keys are changed by officers logged in with two factors");
}

void KeyService::Register(MethodTable& methods, Lane& lane) {
  methods.AddUnary<v1::CreateKeyRequest, v1::CreateKeyResponse>(
      "KeyService", "CreateKey", lane,
      [this](auto& request, auto reply) { CreateKey(request, std::move(reply)); });
  methods.AddUnary<v1::ListKeysRequest, v1::ListKeysResponse>(
      "KeyService", "ListKeys", lane,
      [this](auto& request, auto reply) { ListKeys(request, std::move(reply)); });
  methods.AddUnary<v1::GetKeyRequest, v1::GetKeyResponse>(
      "KeyService", "GetKey", lane,
      [this](auto& request, auto reply) { GetKey(request, std::move(reply)); });
  methods.AddUnary<v1::CreateKeyVersionRequest, v1::CreateKeyVersionResponse>(
      "KeyService", "CreateKeyVersion", lane,
      [this](auto& request, auto reply) { CreateKeyVersion(request, std::move(reply)); });
  methods.AddUnary<v1::RotateKeyRequest, v1::RotateKeyResponse>(
      "KeyService", "RotateKey", lane,
      [this](auto& request, auto reply) { RotateKey(request, std::move(reply)); });
  methods.AddUnary<v1::AttachCertificateRequest, v1::AttachCertificateResponse>(
      "KeyService", "AttachCertificate", lane,
      [this](auto& request, auto reply) { AttachCertificate(request, std::move(reply)); });
  methods.AddUnary<v1::DeliverKeyRequest, v1::DeliverKeyResponse>(
      "KeyService", "DeliverKey", lane,
      [this](auto& request, auto reply) { DeliverKey(request, std::move(reply)); });
  methods.AddUnary<v1::ImportKeyRequest, v1::ImportKeyResponse>(
      "KeyService", "ImportKey", lane,
      [this](auto& request, auto reply) { ImportKey(request, std::move(reply)); });
  methods.AddUnary<v1::LockKeysRequest, v1::LockKeysResponse>(
      "KeyService", "LockKeys", lane,
      [this](auto& request, auto reply) { LockKeys(request, std::move(reply)); });
}

template <typename Response>
absl::StatusOr<Response> KeyService::WithKey(const keys::KeyName& name) const {
  Response message;
  ASSIGN_OR_RETURN(*message.mutable_key(), KeyOf(registry_, name));
  return message;
}

void KeyService::CreateKey(v1::CreateKeyRequest& request, Reply<v1::CreateKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, keys::KeyName name, NewKeyName(request));
  ASSIGN_OR_REFUSE(
      reply, const policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kCreateKey, name.ToString(), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  ASSIGN_OR_REFUSE(reply, const keys::KeyParameters parameters, ParametersOf(request));
  reply.Answer(registry_.Create(permit, name, parameters, request.request_id()),
               [this, &name](const auto&) { return WithKey<v1::CreateKeyResponse>(name); });
}

void KeyService::CreateKeyVersion(v1::CreateKeyVersionRequest& request,
                                  Reply<v1::CreateKeyVersionResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyName name, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(
      reply, const policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kRotateKey, name.ToString(), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  reply.Answer(registry_.CreateVersion(permit, name, request.request_id()),
               [this, &name](const auto&) { return WithKey<v1::CreateKeyVersionResponse>(name); });
}

void KeyService::RotateKey(v1::RotateKeyRequest& request, Reply<v1::RotateKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyName name, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(
      reply, const policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kRotateKey, name.ToString(), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  using Urgency = keys::KeyRegistry::Urgency;
  const Urgency urgency = request.at_once() ? Urgency::kSoon : Urgency::kInDueTime;
  reply.Answer(registry_.Rotate(permit, name, request.request_id(), urgency),
               [this, &name](const auto&) { return WithKey<v1::RotateKeyResponse>(name); });
}

void KeyService::AttachCertificate(v1::AttachCertificateRequest& request,
                                   Reply<v1::AttachCertificateResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyVersionName name, ParseKeyOrVersion(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kAttachCertificate, name.key.ToString(),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  reply.Answer(
      registry_.AttachCertificates(permit, {name, request.pem(), request.kid()},
                                   request.request_id()),
      [this, &name](const auto&) { return WithKey<v1::AttachCertificateResponse>(name.key); });
}

void KeyService::DeliverKey(v1::DeliverKeyRequest& request, Reply<v1::DeliverKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyVersionName name, ParseKeyOrVersion(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDeliverKey, name.key.ToString(),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  ASSIGN_OR_REFUSE(reply, const keys::PartnerKeyName partner,
                   ParsePartnerKey(request.partner_key()));
  reply.Answer(delivery_.Deliver(permit, name, partner, request.request_id()),
               [](keys::DeliveredKey delivered) { return ToMessage(std::move(delivered)); });
}

void KeyService::ImportKey(v1::ImportKeyRequest& request, Reply<v1::ImportKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyName name, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(
      reply, const policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kImportKey, name.ToString(), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  ASSIGN_OR_REFUSE(reply, const keys::KeyImport import, ImportOf(request, name));
  reply.Answer(
      registry_.Import(permit, import, request.request_id()),
      [this, &name](const keys::KeyVersion& version) -> absl::StatusOr<v1::ImportKeyResponse> {
        ASSIGN_OR_RETURN(auto message, WithKey<v1::ImportKeyResponse>(name));
        ASSIGN_OR_RETURN(*message.mutable_key_check_value(), registry_.CheckValueOf(version));
        return message;
      });
}

void KeyService::ListKeys(v1::ListKeysRequest& request, Reply<v1::ListKeysResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kListKeys,
                             absl::StrCat("tenants/", tenant, "/keys")));
  ASSIGN_OR_REFUSE(reply, v1::ListKeysResponse message, ListOf(registry_, request, tenant));
  reply.RecordAndSend(std::move(message));
}

void KeyService::LockKeys(v1::LockKeysRequest& /*request*/, Reply<v1::LockKeysResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kLockKeys, "openedKeys"));
  // Before the record: what protects does not wait for a log that may be away.
  v1::LockKeysResponse message;
  message.set_dropped(static_cast<std::uint32_t>(opened_.Lock()));
  reply.record().details["dropped"] = absl::StrCat(message.dropped());
  reply.RecordAndSend(std::move(message));
}

void KeyService::GetKey(v1::GetKeyRequest& request, Reply<v1::GetKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyName name, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetKey, name.ToString()));
  v1::GetKeyResponse message;
  ASSIGN_OR_REFUSE(reply, *message.mutable_key(), KeyOf(registry_, name));
  reply.RecordAndSend(std::move(message));
}

}  // namespace keysvc::rpc
