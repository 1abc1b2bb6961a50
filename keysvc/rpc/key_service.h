#ifndef KEYSVC_KEYSVC_RPC_KEY_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_KEY_SERVICE_H_

#include "absl/status/status.h"
#include "keysvc/keys/key_delivery.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/key_service.pb.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// Whether keys may be changed by call. Elsewhere than in development that needs officers who have
// logged in with two factors.
enum class KeyChanges { kAllowed, kNeedOfficers };
// OFFICER_LOGIN_REQUIRED where they may not.
absl::Status CheckAllowed(KeyChanges changes);

// keysvc.v1.KeyService over the registry, its deliveries and the keys that are open. Thread-safe;
// what it is given outlives it.
class KeyService {
 public:
  KeyService(const policy::Gate& gate, keys::KeyRegistry& registry, keys::KeyDelivery& delivery,
             keys::OpenedKeys& opened, KeyChanges changes)
      : gate_(gate), registry_(registry), delivery_(delivery), opened_(opened), changes_(changes) {}

  void Register(MethodTable& methods, Lane& lane);

 private:
  void CreateKey(v1::CreateKeyRequest& request, Reply<v1::CreateKeyResponse> reply);
  void ListKeys(v1::ListKeysRequest& request, Reply<v1::ListKeysResponse> reply);
  void GetKey(v1::GetKeyRequest& request, Reply<v1::GetKeyResponse> reply);
  void CreateKeyVersion(v1::CreateKeyVersionRequest& request,
                        Reply<v1::CreateKeyVersionResponse> reply);
  void RotateKey(v1::RotateKeyRequest& request, Reply<v1::RotateKeyResponse> reply);
  void AttachCertificate(v1::AttachCertificateRequest& request,
                         Reply<v1::AttachCertificateResponse> reply);
  void DeliverKey(v1::DeliverKeyRequest& request, Reply<v1::DeliverKeyResponse> reply);
  void ImportKey(v1::ImportKeyRequest& request, Reply<v1::ImportKeyResponse> reply);
  void LockKeys(v1::LockKeysRequest& request, Reply<v1::LockKeysResponse> reply);

  // The answer to a change: the key as it is now.
  template <typename Response>
  absl::StatusOr<Response> WithKey(const keys::KeyName& name) const;

  const policy::Gate& gate_;
  keys::KeyRegistry& registry_;
  keys::KeyDelivery& delivery_;
  keys::OpenedKeys& opened_;
  const KeyChanges changes_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_KEY_SERVICE_H_
