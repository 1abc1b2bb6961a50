#include "keysvc/keys/csr_signature.h"

#include <memory>
#include <utility>

#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

CsrSignature::CsrSignature(crypto::CertificateSubject subject, std::uint32_t version)
    : subject_(std::move(subject)), version_(version) {}

std::string CsrSignature::FingerprintInput(const KeyName& key) const {
  crypto::CanonicalWriter input;
  input.Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .U32(version_)
      .Bytes(subject_.common_name)
      .Bytes(subject_.organization)
      .Bytes(subject_.organizational_unit)
      .Bytes(subject_.locality)
      .Bytes(subject_.state)
      .Bytes(subject_.country)
      .U32(static_cast<std::uint32_t>(subject_.dns_names.size()));
  for (const std::string& name : subject_.dns_names) input.Bytes(name);
  return input.Take();
}

absl::StatusOr<SignatureFormat::Draft> CsrSignature::DraftFor(const KeyVersion& version,
                                                              PublicKeys& public_keys,
                                                              absl::Time /*now*/) const {
  if (version.parameters.purpose == Purpose::kSecretImport) {
    return Error(Reason::kKeyPurposeMismatch,
                 "the key signs nothing, a request for itself neither");
  }
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPkcs1));
  if (!scheme.check.has_value()) {
    return Error(Reason::kAlgorithmUnsupported, "the key has no public half to certify");
  }
  ASSIGN_OR_RETURN(std::shared_ptr<crypto::CertificationRequest> request,
                   crypto::CertificationRequest::Create(subject_, *half->key, *scheme.check));
  Draft draft{scheme, request->to_be_signed(), {}};
  draft.finish = [request = std::move(request), scheme](Raw raw) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const std::string signature,
                     EncodeSignature(scheme, SignatureEncoding::kDer, std::move(raw.front())));
    return request->WithSignature(signature);
  };
  return draft;
}

}  // namespace keysvc::keys
