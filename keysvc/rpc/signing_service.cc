#include "keysvc/rpc/signing_service.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "crypto/certificate_chain.h"
#include "http/message.h"
#include "http/webhook.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/cose_signature.h"
#include "keysvc/keys/csr_signature.h"
#include "keysvc/keys/http_signature.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/presented_cose.h"
#include "keysvc/keys/presented_http_message.h"
#include "keysvc/keys/presented_jws.h"
#include "keysvc/keys/presented_timestamped_webhook.h"
#include "keysvc/keys/presented_webhook.h"
#include "keysvc/keys/signature_format.h"
#include "keysvc/keys/timestamped_webhook_signature.h"
#include "keysvc/keys/webhook_signature.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/signature_convert.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

using Format = std::shared_ptr<const keys::SignatureFormat>;

// What senders and receivers of webhooks commonly agree on; a receiver that asks for no age would
// take any replay.
constexpr absl::Duration kWebhookMaxAge = absl::Minutes(5);

static_assert(static_cast<int>(keys::Fault::kHeaderMismatch) ==
              v1::SIGNATURE_FAULT_HEADER_MISMATCH);

// The version, or the primary one for version 0, whatever its state: what was signed with a key
// that is no longer in use is still to be verified.
absl::StatusOr<v1::GetPublicKeyResponse> PublicKeyOf(const keys::KeyRegistry& registry,
                                                     keys::PublicKeys& public_keys,
                                                     const keys::KeyVersionName& name) {
  ASSIGN_OR_RETURN(const keys::KeyVersion version, registry.Version(name));
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  v1::GetPublicKeyResponse message;
  message.set_name(version.name.ToString());
  message.set_pem(half->pem);
  message.set_der(version.public_key);
  message.set_algorithm(std::string(keys::NameOf(version.parameters.algorithm)));
  if (keys::Signs(version.parameters.purpose)) {
    ASSIGN_OR_RETURN(*message.mutable_jwk(), keys::JwkOf(public_keys, version, absl::Now()));
  }
  if (version.parameters.purpose == keys::Purpose::kWebhook) {
    ASSIGN_OR_RETURN(const std::string point, half->key->Ed25519Point());
    message.set_webhook_key(http::WebhookPublicKey(point));
  }
  if (!version.certificates.empty()) {
    ASSIGN_OR_RETURN(const crypto::CertificateChain chain,
                     crypto::CertificateChainFromDer(version.certificates));
    message.set_certificate_pem(crypto::ToPem(chain));
  }
  return message;
}

// Of all but bare messages.
template <typename Response>
Response ResultOf(const keys::Verification& verification) {
  Response message;
  message.set_valid(verification.valid());
  message.set_fault(static_cast<v1::SignatureFault>(verification.fault));
  if (message.valid()) message.set_key_version(verification.key_version);
  return message;
}

// From lines "name: value".
template <typename Response>
Response FieldsOf(const keys::Signature& signature) {
  Response message;
  for (const auto line : absl::StrSplit(signature.bytes, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    v1::HttpField& field = *message.add_fields();
    field.set_name(parts.first);
    field.set_value(parts.second);
  }
  message.set_key_version(signature.key_version.ToString());
  return message;
}

// The payload of a detached signature.
std::optional<std::string> PayloadBeside(auto& request) {
  if (request.payload().empty()) return std::nullopt;
  return std::move(*request.mutable_payload());
}

// How old what is verified may be, and whether it is accepted once.
absl::Status SetAge(const auto& request, keys::VerifyRequest& verify,
                    std::optional<absl::Duration> otherwise = std::nullopt) {
  ASSIGN_OR_RETURN(verify.max_age, MaxAgeOf(request.max_age_seconds()));
  if (!verify.max_age.has_value()) verify.max_age = otherwise;
  verify.once = request.accept_once();
  return CheckOnce(verify.once, verify.max_age);
}

// Who signs digests has to be allowed messages too, since a digest may be any message's.
absl::StatusOr<policy::Permit> AuthorizeToSign(const policy::Gate& gate, AnyReply& reply,
                                               policy::Action action, std::string key,
                                               std::string_view request_id) {
  if (action == policy::Action::kSignDigest) {
    reply.record().details["input"] = "digest";
    RETURN_IF_ERROR(Authorize(gate, reply, policy::Action::kSign, key, request_id).status());
  }
  return Authorize(gate, reply, action, std::move(key), request_id);
}

// What goes on in the HSM's lane comes there as a call of its caller does that begins there: it
// waits among as many, and moves a lane whose threads hang.
auto InHsm(Lane& lane, const AnyReply& reply) {
  return [&lane, principal = reply.caller().principal](keys::Pieces pieces) {
    return lane.Submit(principal, [&lane, principal, pieces = std::move(pieces)]() mutable {
      if (pieces.size() == 1) return pieces.front()();
      lane.Continue(principal, std::move(pieces));
    });
  };
}

// The pieces of a call take their turns in a lane, as their caller's.
keys::InTurn InTurnOf(Lane& lane, const AnyReply& reply) {
  return [&lane, principal = reply.caller().principal](keys::Pieces pieces) {
    lane.Continue(principal, std::move(pieces));
  };
}

}  // namespace

void SigningService::Register(MethodTable& methods, Lane& hsm_lane, Lane& data_lane) {
  methods.AddUnary<v1::SignRequest, v1::SignResponse>(
      "SigningService", "Sign", hsm_lane,
      [this](auto& request, auto reply) { Sign(request, std::move(reply)); });
  methods.AddUnary<v1::BatchSignRequest, v1::BatchSignResponse>(
      "SigningService", "BatchSign", hsm_lane, [this, &hsm_lane](auto& request, auto reply) {
        BatchSign(request, std::move(reply), hsm_lane);
      });
  // Checks by a public key take nothing from the HSM's lane; MACs go on there.
  methods.AddUnary<v1::VerifyRequest, v1::VerifyResponse>(
      "SigningService", "Verify", data_lane, [this, &hsm_lane](auto& request, auto reply) {
        Verify(request, std::move(reply), hsm_lane);
      });
  methods.AddUnary<v1::BatchVerifyRequest, v1::BatchVerifyResponse>(
      "SigningService", "BatchVerify", data_lane,
      [this, &hsm_lane, &data_lane](auto& request, auto reply) {
        BatchVerify(request, std::move(reply), hsm_lane, data_lane);
      });
  methods.AddUnary<v1::SignJwsRequest, v1::SignJwsResponse>(
      "SigningService", "SignJws", hsm_lane,
      [this](auto& request, auto reply) { SignJws(request, std::move(reply)); });
  methods.AddUnary<v1::VerifyJwsRequest, v1::VerifyJwsResponse>(
      "SigningService", "VerifyJws", data_lane,
      [this](auto& request, auto reply) { VerifyJws(request, std::move(reply)); });
  methods.AddUnary<v1::SignHttpMessageRequest, v1::SignHttpMessageResponse>(
      "SigningService", "SignHttpMessage", hsm_lane,
      [this](auto& request, auto reply) { SignHttpMessage(request, std::move(reply)); });
  methods.AddUnary<v1::VerifyHttpMessageRequest, v1::VerifyHttpMessageResponse>(
      "SigningService", "VerifyHttpMessage", data_lane,
      [this](auto& request, auto reply) { VerifyHttpMessage(request, std::move(reply)); });
  methods.AddUnary<v1::SignWebhookRequest, v1::SignWebhookResponse>(
      "SigningService", "SignWebhook", hsm_lane,
      [this](auto& request, auto reply) { SignWebhook(request, std::move(reply)); });
  methods.AddUnary<v1::VerifyWebhookRequest, v1::VerifyWebhookResponse>(
      "SigningService", "VerifyWebhook", data_lane, [this, &hsm_lane](auto& request, auto reply) {
        VerifyWebhook(request, std::move(reply), hsm_lane);
      });
  methods.AddUnary<v1::SignCoseRequest, v1::SignCoseResponse>(
      "SigningService", "SignCose", hsm_lane,
      [this](auto& request, auto reply) { SignCose(request, std::move(reply)); });
  methods.AddUnary<v1::VerifyCoseRequest, v1::VerifyCoseResponse>(
      "SigningService", "VerifyCose", data_lane,
      [this](auto& request, auto reply) { VerifyCose(request, std::move(reply)); });
  methods.AddUnary<v1::CreateCertificateSigningRequestRequest,
                   v1::CreateCertificateSigningRequestResponse>(
      "SigningService", "CreateCertificateSigningRequest", hsm_lane,
      [this](auto& request, auto reply) {
        CreateCertificateSigningRequest(request, std::move(reply));
      });
  methods.AddUnary<v1::GetJwksRequest, v1::GetJwksResponse>(
      "SigningService", "GetJwks", data_lane,
      [this](auto& request, auto reply) { GetJwks(request, std::move(reply)); });
  methods.AddUnary<v1::GetPublicKeyRequest, v1::GetPublicKeyResponse>(
      "SigningService", "GetPublicKey", data_lane,
      [this](auto& request, auto reply) { GetPublicKey(request, std::move(reply)); });
}

template <typename Request, typename Response, typename Make, typename ToResponse>
void SigningService::SignAs(policy::Action action, const Request& request, Reply<Response> reply,
                            Make make, ToResponse to_response) {
  keys::SignRequest sign;
  ASSIGN_OR_REFUSE(reply, sign.key, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(
      reply, policy::Permit permit,
      AuthorizeToSign(gate_, reply, action, sign.key.ToString(), request.request_id()));
  ASSIGN_OR_REFUSE(reply, sign.format, make());
  sign.request_id = request.request_id();
  sign.trace_id = reply.record().trace_id;

  signer_.Sign(std::move(permit), std::move(sign),
               [reply = std::move(reply), to_response](auto done) mutable {
                 reply.Answer(std::move(done), to_response);
               });
}

template <typename Request, typename Response, typename Read, typename ToResponse>
void SigningService::VerifyAs(const Request& request, Reply<Response> reply, Read read,
                              ToResponse to_response, const keys::CheckTurns& turns) {
  keys::VerifyRequest verify;
  ASSIGN_OR_REFUSE(reply, verify.key, ParseVerifyingKey(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kVerify, ResourceOf(verify.key),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, read(verify));
  verify.request_id = request.request_id();
  verify.trace_id = reply.record().trace_id;

  verifier_.Verify(
      std::move(permit), verify,
      [reply = std::move(reply), to_response](auto done) mutable {
        reply.Answer(std::move(done), to_response);
      },
      turns);
}

void SigningService::Sign(v1::SignRequest& request, Reply<v1::SignResponse> reply) {
  SignAs(
      request.has_digest() ? policy::Action::kSignDigest : policy::Action::kSign, request,
      std::move(reply),
      [&request]() -> absl::StatusOr<Format> {
        ASSIGN_OR_RETURN(Formats formats, TakeFormats(request));
        return std::move(formats.front());
      },
      [](keys::Signature signature) {
        v1::SignResponse message;
        message.set_signature(std::move(signature.bytes));
        message.set_key_version(signature.key_version.ToString());
        message.set_algorithm(std::move(signature.algorithm));
        return message;
      });
}

void SigningService::BatchSign(v1::BatchSignRequest& request, Reply<v1::BatchSignResponse> reply,
                               Lane& lane) {
  keys::BatchSignRequest sign;
  ASSIGN_OR_REFUSE(reply, sign.key, keys::KeyName::Parse(request.name()));
  const bool digests = request.digests_size() > 0;
  ASSIGN_OR_REFUSE(
      reply, policy::Permit permit,
      AuthorizeToSign(gate_, reply, digests ? policy::Action::kSignDigest : policy::Action::kSign,
                      sign.key.ToString(), request.request_id()));
  ASSIGN_OR_REFUSE(reply, sign.formats, TakeFormats(request));
  sign.request_id = request.request_id();
  sign.trace_id = reply.record().trace_id;

  const keys::InTurn in_turn = InTurnOf(lane, reply);
  signer_.SignBatch(std::move(permit), std::move(sign), in_turn,
                    [reply = std::move(reply)](auto done) mutable {
                      reply.Answer(std::move(done), [&reply](keys::Signatures signatures) {
                        v1::BatchSignResponse message;
                        for (auto& signature : signatures) {
                          v1::SignResult& result = *message.add_results();
                          if (signature.ok()) {
                            result.set_signature(std::move(signature->bytes));
                            message.set_key_version(signature->key_version.ToString());
                            message.set_algorithm(std::move(signature->algorithm));
                          } else {
                            reply.Note(signature.status());
                            *result.mutable_error() = ToItemError(signature.status());
                          }
                        }
                        return message;
                      });
                    });
}

void SigningService::Verify(v1::VerifyRequest& request, Reply<v1::VerifyResponse> reply,
                            Lane& hsm_lane) {
  const keys::CheckTurns turns{.in_hsm = InHsm(hsm_lane, reply)};
  VerifyAs(
      request, std::move(reply),
      [&request](keys::VerifyRequest& verify) -> absl::Status {
        ASSIGN_OR_RETURN(Presented presented, TakePresented(request));
        verify.presented = std::move(presented.front());
        return absl::OkStatus();
      },
      [](const keys::Verification& verification) { return ToMessage(verification); }, turns);
}

void SigningService::BatchVerify(v1::BatchVerifyRequest& request,
                                 Reply<v1::BatchVerifyResponse> reply, Lane& hsm_lane,
                                 Lane& data_lane) {
  keys::BatchVerifyRequest verify;
  ASSIGN_OR_REFUSE(reply, verify.key, ParseVerifyingKey(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kVerify, ResourceOf(verify.key),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, verify.presented, TakePresented(request));
  verify.request_id = request.request_id();
  verify.trace_id = reply.record().trace_id;

  const keys::CheckTurns turns{.in_software = InTurnOf(data_lane, reply),
                               .in_hsm = InHsm(hsm_lane, reply)};
  verifier_.VerifyBatch(std::move(permit), std::move(verify), turns,
                        [reply = std::move(reply)](auto done) mutable {
                          reply.Answer(std::move(done), [&reply](const keys::Verifications& all) {
                            v1::BatchVerifyResponse message;
                            for (const auto& verification : all) {
                              v1::VerifyResult& result = *message.add_results();
                              if (verification.ok()) {
                                *result.mutable_verification() = ToMessage(*verification);
                              } else {
                                reply.Note(verification.status());
                                *result.mutable_error() = ToItemError(verification.status());
                              }
                            }
                            return message;
                          });
                        });
}

void SigningService::SignJws(v1::SignJwsRequest& request, Reply<v1::SignJwsResponse> reply) {
  SignAs(
      policy::Action::kSignJws, request, std::move(reply),
      [&request]() -> absl::StatusOr<Format> {
        keys::JwsOptions options{.typ = request.type(),
                                 .detached = request.detached(),
                                 .unencoded = request.unencoded(),
                                 .without_issue_time = request.without_issue_time(),
                                 .with_certificates = request.with_certificates()};
        if (request.has_open_banking()) options.open_banking = ToHeader(request.open_banking());
        return std::make_shared<keys::JwsSignature>(std::move(*request.mutable_payload()),
                                                    std::move(options));
      },
      [](keys::Signature signature) {
        v1::SignJwsResponse message;
        message.set_jws(std::move(signature.bytes));
        message.set_key_version(signature.key_version.ToString());
        return message;
      });
}

void SigningService::VerifyJws(v1::VerifyJwsRequest& request, Reply<v1::VerifyJwsResponse> reply) {
  VerifyAs(
      request, std::move(reply),
      [&request](keys::VerifyRequest& verify) -> absl::Status {
        RETURN_IF_ERROR(SetAge(request, verify));
        std::optional<keys::OpenBankingHeader> open_banking;
        if (request.has_open_banking()) open_banking = ToHeader(request.open_banking());
        verify.presented = std::make_shared<keys::PresentedJws>(
            std::move(*request.mutable_jws()), PayloadBeside(request), std::move(open_banking));
        return absl::OkStatus();
      },
      ResultOf<v1::VerifyJwsResponse>);
}

void SigningService::SignHttpMessage(v1::SignHttpMessageRequest& request,
                                     Reply<v1::SignHttpMessageResponse> reply) {
  SignAs(
      policy::Action::kSignHttpMessage, request, std::move(reply),
      [&request]() -> absl::StatusOr<Format> {
        keys::HttpSignatureOptions options;
        options.components.assign(request.components().begin(), request.components().end());
        if (!request.label().empty()) options.label = request.label();
        options.valid_for = absl::Seconds(request.valid_seconds());
        options.nonce = request.nonce();
        options.tag = request.tag();
        return std::make_shared<keys::HttpSignature>(TakeMessage(*request.mutable_message()),
                                                     std::move(options));
      },
      FieldsOf<v1::SignHttpMessageResponse>);
}

void SigningService::VerifyHttpMessage(v1::VerifyHttpMessageRequest& request,
                                       Reply<v1::VerifyHttpMessageResponse> reply) {
  VerifyAs(
      request, std::move(reply),
      [&request](keys::VerifyRequest& verify) -> absl::Status {
        RETURN_IF_ERROR(SetAge(request, verify));
        verify.presented = std::make_shared<keys::PresentedHttpMessage>(
            TakeMessage(*request.mutable_message()), request.label(),
            std::vector<std::string>(request.required_components().begin(),
                                     request.required_components().end()));
        return absl::OkStatus();
      },
      ResultOf<v1::VerifyHttpMessageResponse>);
}

void SigningService::SignWebhook(v1::SignWebhookRequest& request,
                                 Reply<v1::SignWebhookResponse> reply) {
  SignAs(
      policy::Action::kSignWebhook, request, std::move(reply),
      [&request]() -> absl::StatusOr<Format> {
        if (request.signature_field().empty()) {
          return std::make_shared<keys::WebhookSignature>(request.message_id(),
                                                          std::move(*request.mutable_payload()));
        }
        if (!request.message_id().empty()) {
          return Error(Reason::kFieldInvalid, "a webhook of this shape has no id", "message_id");
        }
        return std::make_shared<keys::TimestampedWebhookSignature>(
            request.signature_field(), std::move(*request.mutable_payload()));
      },
      FieldsOf<v1::SignWebhookResponse>);
}

void SigningService::VerifyWebhook(v1::VerifyWebhookRequest& request,
                                   Reply<v1::VerifyWebhookResponse> reply, Lane& hsm_lane) {
  const keys::CheckTurns turns{.in_hsm = InHsm(hsm_lane, reply)};
  VerifyAs(
      request, std::move(reply),
      [&request](keys::VerifyRequest& verify) -> absl::Status {
        RETURN_IF_ERROR(SetAge(request, verify, kWebhookMaxAge));
        std::vector<http::Field> fields = TakeFields(*request.mutable_fields());
        std::string payload = std::move(*request.mutable_payload());
        if (request.signature_field().empty()) {
          verify.presented =
              std::make_shared<keys::PresentedWebhook>(std::move(fields), std::move(payload));
        } else {
          verify.presented = std::make_shared<keys::PresentedTimestampedWebhook>(
              request.signature_field(), std::move(fields), std::move(payload));
        }
        return absl::OkStatus();
      },
      ResultOf<v1::VerifyWebhookResponse>, turns);
}

void SigningService::SignCose(v1::SignCoseRequest& request, Reply<v1::SignCoseResponse> reply) {
  SignAs(
      policy::Action::kSignCose, request, std::move(reply),
      [&request]() -> absl::StatusOr<Format> {
        return std::make_shared<keys::CoseSignature>(
            std::move(*request.mutable_payload()),
            keys::CoseOptions{.external_aad = std::move(*request.mutable_external_aad()),
                              .detached = request.detached(),
                              .without_issue_time = request.without_issue_time()});
      },
      [](keys::Signature signature) {
        v1::SignCoseResponse message;
        message.set_cose_sign1(std::move(signature.bytes));
        message.set_key_version(signature.key_version.ToString());
        return message;
      });
}

void SigningService::VerifyCose(v1::VerifyCoseRequest& request,
                                Reply<v1::VerifyCoseResponse> reply) {
  VerifyAs(
      request, std::move(reply),
      [&request](keys::VerifyRequest& verify) -> absl::Status {
        RETURN_IF_ERROR(SetAge(request, verify));
        verify.presented = std::make_shared<keys::PresentedCose>(
            std::move(*request.mutable_cose_sign1()), PayloadBeside(request),
            std::move(*request.mutable_external_aad()));
        return absl::OkStatus();
      },
      ResultOf<v1::VerifyCoseResponse>);
}

void SigningService::CreateCertificateSigningRequest(
    v1::CreateCertificateSigningRequestRequest& request,
    Reply<v1::CreateCertificateSigningRequestResponse> reply) {
  keys::SignRequest sign;
  ASSIGN_OR_REFUSE(reply, keys::KeyVersionName name, ParseKeyOrVersion(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kCreateCertificateSigningRequest,
                             name.key.ToString(), request.request_id()));
  sign.key = std::move(name.key);
  sign.version = name.version;
  sign.format = std::make_shared<keys::CsrSignature>(SubjectOf(request.subject()), name.version);
  sign.request_id = request.request_id();
  sign.trace_id = reply.record().trace_id;

  signer_.Sign(std::move(permit), std::move(sign), [reply = std::move(reply)](auto done) mutable {
    reply.Answer(std::move(done), [](const keys::Signature& signature) {
      v1::CreateCertificateSigningRequestResponse message;
      message.set_pem(crypto::CertificationRequestToPem(signature.bytes));
      message.set_der(signature.bytes);
      message.set_key_version(signature.key_version.ToString());
      return message;
    });
  });
}

void SigningService::GetPublicKey(v1::GetPublicKeyRequest& request,
                                  Reply<v1::GetPublicKeyResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyVersionName name, ParseKeyOrVersion(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetPublicKey, name.key.ToString()));
  ASSIGN_OR_REFUSE(reply, v1::GetPublicKeyResponse message,
                   PublicKeyOf(registry_, public_keys_, name));
  reply.RecordAndSend(std::move(message));
}

void SigningService::GetJwks(v1::GetJwksRequest& request, Reply<v1::GetJwksResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const keys::KeyName name, keys::KeyName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetPublicKey, name.ToString()));
  v1::GetJwksResponse message;
  ASSIGN_OR_REFUSE(reply, *message.mutable_jwks(),
                   keys::JwksOf(registry_, public_keys_, name, absl::Now()));
  message.set_max_age_seconds(static_cast<int>(absl::ToInt64Seconds(keys::kJwksMaxAge)));
  reply.RecordAndSend(std::move(message));
}

}  // namespace keysvc::rpc
