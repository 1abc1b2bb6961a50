#ifndef KEYSVC_KEYSVC_KEYS_CSR_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_CSR_SIGNATURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/certification_request.h"
#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// A certificate signing request (PKCS #10, RFC 2986) in DER, by a key pair of any purpose: what it
// signs can be taken for nothing else that the service puts together. RSA keys sign it with PKCS #1
// v1.5.
class CsrSignature : public SignatureFormat {
 public:
  // By this version of the key, 0 for the primary one.
  CsrSignature(crypto::CertificateSubject subject, std::uint32_t version);

  policy::Action action() const override {
    return policy::Action::kCreateCertificateSigningRequest;
  }
  std::string_view method() const override {
    return "SigningService.CreateCertificateSigningRequest";
  }
  absl::Status Check() const override { return crypto::CheckSubject(subject_); }
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const crypto::CertificateSubject subject_;
  const std::uint32_t version_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_CSR_SIGNATURE_H_
