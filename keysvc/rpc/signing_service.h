#ifndef KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_

#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/verifier.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/signing_service.pb.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// keysvc.v1.SigningService over signer and verifier. Thread-safe; what it is given outlives it.
class SigningService {
 public:
  SigningService(const policy::Gate& gate, keys::KeyRegistry& registry,
                 keys::PublicKeys& public_keys, keys::Signer& signer, keys::Verifier& verifier)
      : gate_(gate),
        registry_(registry),
        public_keys_(public_keys),
        signer_(signer),
        verifier_(verifier) {}

  // `hsm_lane` waits for the HSM, `data_lane` never does.
  void Register(MethodTable& methods, Lane& hsm_lane, Lane& data_lane);

 private:
  void Sign(v1::SignRequest& request, Reply<v1::SignResponse> reply);
  void BatchSign(v1::BatchSignRequest& request, Reply<v1::BatchSignResponse> reply, Lane& lane);
  void Verify(v1::VerifyRequest& request, Reply<v1::VerifyResponse> reply, Lane& hsm_lane);
  void BatchVerify(v1::BatchVerifyRequest& request, Reply<v1::BatchVerifyResponse> reply,
                   Lane& hsm_lane, Lane& data_lane);
  void SignJws(v1::SignJwsRequest& request, Reply<v1::SignJwsResponse> reply);
  void VerifyJws(v1::VerifyJwsRequest& request, Reply<v1::VerifyJwsResponse> reply);
  void SignHttpMessage(v1::SignHttpMessageRequest& request,
                       Reply<v1::SignHttpMessageResponse> reply);
  void VerifyHttpMessage(v1::VerifyHttpMessageRequest& request,
                         Reply<v1::VerifyHttpMessageResponse> reply);
  void GetJwks(v1::GetJwksRequest& request, Reply<v1::GetJwksResponse> reply);
  void SignWebhook(v1::SignWebhookRequest& request, Reply<v1::SignWebhookResponse> reply);
  void VerifyWebhook(v1::VerifyWebhookRequest& request, Reply<v1::VerifyWebhookResponse> reply,
                     Lane& hsm_lane);
  void SignCose(v1::SignCoseRequest& request, Reply<v1::SignCoseResponse> reply);
  void VerifyCose(v1::VerifyCoseRequest& request, Reply<v1::VerifyCoseResponse> reply);
  void CreateCertificateSigningRequest(v1::CreateCertificateSigningRequestRequest& request,
                                       Reply<v1::CreateCertificateSigningRequestResponse> reply);
  void GetPublicKey(v1::GetPublicKeyRequest& request, Reply<v1::GetPublicKeyResponse> reply);

  // Signs what `make` makes of the request, which is read once the caller may: a recipe for all
  // formats. `make` gives a StatusOr of the format, `to_response` turns a keys::Signature.
  template <typename Request, typename Response, typename Make, typename ToResponse>
  void SignAs(policy::Action action, const Request& request, Reply<Response> reply, Make make,
              ToResponse to_response);
  // The same of what is presented: `read` fills in what is said of it, or says what is wrong.
  template <typename Request, typename Response, typename Read, typename ToResponse>
  void VerifyAs(const Request& request, Reply<Response> reply, Read read, ToResponse to_response,
                const keys::CheckTurns& turns = {});

  const policy::Gate& gate_;
  keys::KeyRegistry& registry_;
  keys::PublicKeys& public_keys_;
  keys::Signer& signer_;
  keys::Verifier& verifier_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_SIGNING_SERVICE_H_
