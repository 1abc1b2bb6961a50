#ifndef KEYSVC_CRYPTO_KEY_DOCUMENT_H_
#define KEYSVC_CRYPTO_KEY_DOCUMENT_H_

#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/public_key.h"

namespace keysvc::crypto {

// What a certificate has to allow of its key (RFC 5280 section 4.2.1.3); contentCommitment is as
// good as digitalSignature.
enum class KeyUsage { kDigitalSignature, kKeyEncipherment };

// A public key as its owner hands it over.
struct KeyDocument {
  struct Validity {
    absl::Time not_before;
    absl::Time not_after;  // the last second of it (RFC 5280 section 4.1.2.5)
  };

  std::unique_ptr<PublicKey> key;
  std::optional<Validity> validity;  // of a certificate
};

// INVALID_ARGUMENT/PRIVATE_KEY_PRESENTED naming `field` when PEM of a private key is anywhere in
// it.
absl::Status CheckNotPrivate(std::string_view pem, std::string_view field);

// Reads one PEM block of at most 16 KiB: a SubjectPublicKeyInfo (RFC 7468 section 13) or an X.509
// certificate whose key usage, where it says one, has `usage`. Whoever reads a certificate
// trusts it because of where it came from: its own signature and its issuer are not looked at.
// INVALID_ARGUMENT naming `field`: PRIVATE_KEY_PRESENTED as above, before anything else,
// FIELD_REQUIRED for nothing, FIELD_INVALID for anything else, such as a second block or a key that
// crypto::PublicKey does not take or that is not IsValid(). Takes up to 20 ms for an RSA key.
absl::StatusOr<KeyDocument> ReadKeyDocument(std::string_view pem, std::string_view field,
                                            KeyUsage usage = KeyUsage::kDigitalSignature);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_KEY_DOCUMENT_H_
