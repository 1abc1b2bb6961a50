// X.509 certificates as OpenSSL reads them (RFC 5280): for the files of this folder that are given
// some.
#ifndef KEYSVC_CRYPTO_X509_CERTIFICATE_H_
#define KEYSVC_CRYPTO_X509_CERTIFICATE_H_

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "crypto/openssl_handle.h"

namespace keysvc::crypto {

using X509Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;

// The certificate that `der` begins with; `der` becomes what follows it. Null, and `der` as it was,
// when it begins with none that can be read, extensions included.
X509Certificate TakeCertificate(std::string_view& der);

std::string DerOf(X509* certificate);
// The SubjectPublicKeyInfo in DER; empty when it cannot be read.
std::string SpkiOf(const X509* certificate);

struct X509Validity {
  absl::Time not_before;
  absl::Time not_after;  // the last second of it (RFC 5280 section 4.1.2.5)
};
// nullopt when it cannot be read, or ends before it begins.
std::optional<X509Validity> ValidityOf(const X509* certificate);

// Whether its key usage, where it states one, has digitalSignature or contentCommitment (once
// called nonRepudiation): either is for signatures over data (RFC 5280 section 4.2.1.3).
bool IsForSignatures(X509* certificate);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_X509_CERTIFICATE_H_
