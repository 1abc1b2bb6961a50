#ifndef KEYSVC_KEYSVC_RPC_PARTNER_KEY_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_PARTNER_KEY_SERVICE_H_

#include "keysvc/keys/partner_keys.h"
#include "keysvc/rpc/key_service.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/partner_key_service.pb.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// keysvc.v1.PartnerKeyService. Thread-safe; what it is given outlives it.
class PartnerKeyService {
 public:
  PartnerKeyService(const policy::Gate& gate, keys::PartnerKeys& partner_keys, KeyChanges changes)
      : gate_(gate), partner_keys_(partner_keys), changes_(changes) {}

  void Register(MethodTable& methods, Lane& lane);

 private:
  void CreatePartnerKey(v1::CreatePartnerKeyRequest& request,
                        Reply<v1::CreatePartnerKeyResponse> reply);
  void ListPartnerKeys(v1::ListPartnerKeysRequest& request,
                       Reply<v1::ListPartnerKeysResponse> reply);
  void GetPartnerKey(v1::GetPartnerKeyRequest& request, Reply<v1::GetPartnerKeyResponse> reply);
  void DisablePartnerKey(v1::DisablePartnerKeyRequest& request,
                         Reply<v1::DisablePartnerKeyResponse> reply);

  const policy::Gate& gate_;
  keys::PartnerKeys& partner_keys_;
  const KeyChanges changes_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_PARTNER_KEY_SERVICE_H_
