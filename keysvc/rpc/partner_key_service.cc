#include "keysvc/rpc/partner_key_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "crypto/key_document.h"
#include "keysvc/keys/partner_key_request.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/page.h"
#include "status/macros.h"

namespace keysvc::rpc {
namespace {

v1::PartnerKey ToMessage(const keys::PartnerKey& key) {
  static_assert(static_cast<int>(keys::PartnerKeyState::kDisabled) + 1 ==
                v1::PARTNER_KEY_STATE_DISABLED);
  v1::PartnerKey message;
  message.set_name(key.name.ToString());
  message.set_purpose(ToWire(key.terms.purpose));
  message.set_algorithm(ToWire(key.terms.algorithm));
  message.set_kid(key.terms.kid);
  message.set_pem(key.half->pem);
  message.set_spki_sha256(keys::PinOf(key.terms));
  message.set_state(static_cast<v1::PartnerKeyState>(static_cast<int>(key.state) + 1));
  *message.mutable_not_before_time() = ToTimestamp(key.terms.not_before);
  *message.mutable_not_after_time() = ToTimestamp(key.terms.not_after);
  *message.mutable_create_time() = ToTimestamp(key.created);
  message.set_registered_by(key.registered_by);
  return message;
}

template <typename Response>
Response With(const keys::PartnerKey& key) {
  Response message;
  *message.mutable_partner_key() = ToMessage(key);
  return message;
}

absl::StatusOr<keys::PartnerKeyName> NewName(const v1::CreatePartnerKeyRequest& request) {
  ASSIGN_OR_RETURN(std::string tenant, TenantOf(request.parent()));
  RETURN_IF_ERROR(CheckKeyId(request.partner_key_id(), "partner_key_id"));
  return keys::PartnerKeyName{.tenant = std::move(tenant), .key = request.partner_key_id()};
}

absl::StatusOr<keys::PartnerKeyRequest> ToRequest(const v1::CreatePartnerKeyRequest& message) {
  keys::PartnerKeyRequest request;
  request.pem = message.pem();
  request.kid = message.kid();
  ASSIGN_OR_RETURN(request.purpose, PurposeOf(message.purpose()));
  if (message.algorithm() != v1::KEY_ALGORITHM_UNSPECIFIED) {
    ASSIGN_OR_RETURN(request.algorithm, AlgorithmOf(message.algorithm()));
  }
  if (message.has_not_before_time()) {
    ASSIGN_OR_RETURN(request.not_before, TimeOf(message.not_before_time(), "not_before_time"));
  }
  if (message.has_not_after_time()) {
    ASSIGN_OR_RETURN(request.not_after, TimeOf(message.not_after_time(), "not_after_time"));
  }
  return request;
}

}  // namespace

void PartnerKeyService::Register(MethodTable& methods, Lane& lane) {
  methods.AddUnary<v1::CreatePartnerKeyRequest, v1::CreatePartnerKeyResponse>(
      "PartnerKeyService", "CreatePartnerKey", lane,
      [this](auto& request, auto reply) { CreatePartnerKey(request, std::move(reply)); });
  methods.AddUnary<v1::ListPartnerKeysRequest, v1::ListPartnerKeysResponse>(
      "PartnerKeyService", "ListPartnerKeys", lane,
      [this](auto& request, auto reply) { ListPartnerKeys(request, std::move(reply)); });
  methods.AddUnary<v1::GetPartnerKeyRequest, v1::GetPartnerKeyResponse>(
      "PartnerKeyService", "GetPartnerKey", lane,
      [this](auto& request, auto reply) { GetPartnerKey(request, std::move(reply)); });
  methods.AddUnary<v1::DisablePartnerKeyRequest, v1::DisablePartnerKeyResponse>(
      "PartnerKeyService", "DisablePartnerKey", lane,
      [this](auto& request, auto reply) { DisablePartnerKey(request, std::move(reply)); });
}

void PartnerKeyService::CreatePartnerKey(v1::CreatePartnerKeyRequest& request,
                                         Reply<v1::CreatePartnerKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::PartnerKeyName name, NewName(request));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kCreatePartnerKey, name.ToString(),
                             request.request_id()));
  // Whatever else is wrong: its owner has to hear of it.
  REFUSE_IF_ERROR(reply, crypto::CheckNotPrivate(request.pem(), "pem"));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  ASSIGN_OR_REFUSE(reply, const keys::PartnerKeyRequest asked, ToRequest(request));
  reply.Answer(partner_keys_.Create(permit, name, asked, request.request_id()),
               With<v1::CreatePartnerKeyResponse>);
}

void PartnerKeyService::ListPartnerKeys(v1::ListPartnerKeysRequest& request,
                                        Reply<v1::ListPartnerKeysResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const std::string tenant, TenantOf(request.parent()));
  const std::string collection = absl::StrCat("tenants/", tenant, "/partnerKeys");
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kListPartnerKeys, collection));
  ASSIGN_OR_REFUSE(reply, const auto all, partner_keys_.List(tenant));
  ASSIGN_OR_REFUSE(
      reply, const Page<std::shared_ptr<const keys::PartnerKey>> page,
      PageOf(all, request, collection + "/", [](const auto& key) { return key->name.ToString(); }));
  v1::ListPartnerKeysResponse message;
  for (const auto& key : page.items) *message.add_partner_keys() = ToMessage(*key);
  message.set_next_page_token(page.next_page_token);
  reply.RecordAndSend(std::move(message));
}

void PartnerKeyService::GetPartnerKey(v1::GetPartnerKeyRequest& request,
                                      Reply<v1::GetPartnerKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::PartnerKeyName name,
                   keys::PartnerKeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetPartnerKey, name.ToString()));
  ASSIGN_OR_REFUSE(reply, const auto key, partner_keys_.Find(name));
  reply.RecordAndSend(With<v1::GetPartnerKeyResponse>(*key));
}

void PartnerKeyService::DisablePartnerKey(v1::DisablePartnerKeyRequest& request,
                                          Reply<v1::DisablePartnerKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::PartnerKeyName name,
                   keys::PartnerKeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDisablePartnerKey, name.ToString(),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckAllowed(changes_));
  reply.Answer(partner_keys_.Disable(permit, name, request.request_id()),
               With<v1::DisablePartnerKeyResponse>);
}

}  // namespace keysvc::rpc
