#ifndef KEYSVC_CRYPTO_CERTIFICATE_H_
#define KEYSVC_CRYPTO_CERTIFICATE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keysvc::crypto {

// The certification authority of one trust domain. Thread-safe.
class CertificateAuthority {
 public:
  // `pem` holds one or more CA certificates. INVALID_ARGUMENT/CONFIG_INVALID when there is none.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> FromPem(std::string_view pem);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // Whether the leaf, helped by `chain_pem` (may be empty), leads to this authority at `now` (RFC
  // 5280 path validation, purpose TLS client). UNAUTHENTICATED/CERTIFICATE_REJECTED otherwise.
  absl::Status Verify(std::string_view leaf_pem, std::string_view chain_pem, absl::Time now) const;

 private:
  struct Impl;
  explicit CertificateAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The end of validity of the first certificate in `pem`.
absl::StatusOr<absl::Time> CertificateNotAfter(std::string_view pem);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_CERTIFICATE_H_
