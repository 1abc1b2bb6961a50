#ifndef KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_

#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/signer.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/signing_service.pb.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// keysvc.v1.SigningService over the signer. Thread-safe; what it is given outlives it.
class SigningService {
 public:
  SigningService(const policy::Gate& gate, keys::KeyRegistry& registry, keys::Signer& signer)
      : gate_(gate), registry_(registry), signer_(signer) {}

  // `hsm_lane` waits for the HSM, `data_lane` never does.
  void Register(MethodTable& methods, Lane& hsm_lane, Lane& data_lane);

 private:
  void Sign(v1::SignRequest& request, Reply<v1::SignResponse> reply);
  void Verify(v1::VerifyRequest& request, Reply<v1::VerifyResponse> reply);
  void GetPublicKey(v1::GetPublicKeyRequest& request, Reply<v1::GetPublicKeyResponse> reply);

  const policy::Gate& gate_;
  keys::KeyRegistry& registry_;
  keys::Signer& signer_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_
