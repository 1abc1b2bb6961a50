#ifndef KEYSVC_CRYPTO_CERTIFICATION_REQUEST_H_
#define KEYSVC_CRYPTO_CERTIFICATION_REQUEST_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/public_key.h"

namespace keysvc::crypto {

// Whom a certificate is asked for (RFC 5280 section 4.1.2.6). UTF-8; what is empty is left out.
struct CertificateSubject {
  std::string common_name = {};
  std::string organization = {};
  std::string organizational_unit = {};
  std::string locality = {};
  std::string state = {};
  std::string country = {};                 // two letters (ISO 3166)
  std::vector<std::string> dns_names = {};  // subjectAltName
};

// INVALID_ARGUMENT/FIELD_REQUIRED without a common name; FIELD_INVALID, naming the field below
// "subject.", for what is too long (RFC 5280 appendix A.1) or has control characters, for a country
// that is not two capital letters, and for more than 100 names or what is no name of a host (RFC
// 1034 section 3.5; its first label may be "*").
absl::Status CheckSubject(const CertificateSubject& subject);

// A PKCS #10 certification request (RFC 2986), to be signed elsewhere. Thread-compatible.
class CertificationRequest {
 public:
  // `subject` has passed CheckSubject(). `algorithm` is what the key will sign it with.
  // INVALID_ARGUMENT/FIELD_INVALID when the subject cannot be written.
  static absl::StatusOr<std::unique_ptr<CertificationRequest>> Create(
      const CertificateSubject& subject, const PublicKey& key, SignatureAlgorithm algorithm);
  ~CertificationRequest();
  CertificationRequest(const CertificationRequest&) = delete;
  CertificationRequest& operator=(const CertificationRequest&) = delete;

  // The certificationRequestInfo in DER.
  const std::string& to_be_signed() const { return to_be_signed_; }
  // The whole in DER. ECDSA signatures are in DER.
  std::string WithSignature(std::string_view signature) const;

 private:
  struct Impl;
  explicit CertificationRequest(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::string to_be_signed_;
};

// "-----BEGIN CERTIFICATE REQUEST-----" ... (RFC 7468 section 7).
std::string CertificationRequestToPem(std::string_view der);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_CERTIFICATION_REQUEST_H_
