#ifndef KEYSVC_CRYPTO_CERTIFICATE_CHAIN_H_
#define KEYSVC_CRYPTO_CERTIFICATE_CHAIN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keysvc::crypto {

// The certificate of a key and those of the authorities above it, each signed by the next one's
// key.
struct CertificateChain {
  // In DER, the key's own first; at least one.
  std::vector<std::string> certificates;
  // When all of them are valid; `not_after` is the last second of it (RFC 5280 section 4.1.2.5).
  absl::Time not_before, not_after;
};

// Reads PEM blocks of X.509 certificates (RFC 7468 section 5), 1 to 5 of them in at most 32 KiB,
// and checks what they say: the first one is for the key `spki` (DER SubjectPublicKeyInfo) and,
// where it states a key usage, has digitalSignature or contentCommitment; each is signed by the
// next one's key, which is an authority's and has the name that its issuer has; every key and every
// such signature has 112 bits of security or more (SP 800-57 part 1 section 5.6.1); the last one
// may be signed by anybody; none has ended at `now`, and there is a time when all are valid.
// Whether the last one is to be trusted is for whoever verifies. INVALID_ARGUMENT naming the field
// "pem": PRIVATE_KEY_PRESENTED, before anything else, when PEM of a private key is anywhere in it;
// FIELD_REQUIRED for nothing; FIELD_INVALID for anything else.
absl::StatusOr<CertificateChain> ReadCertificateChain(std::string_view pem, std::string_view spki,
                                                      absl::Time now);

// The certificates in DER one after the other, and the chain again. Nothing is checked but that
// they can be read: DATA_LOSS/INTEGRITY_FAILURE otherwise.
std::string ToDer(const CertificateChain& chain);
absl::StatusOr<CertificateChain> CertificateChainFromDer(std::string_view der);

// As PEM blocks, in the same order.
std::string ToPem(const CertificateChain& chain);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_CERTIFICATE_CHAIN_H_
