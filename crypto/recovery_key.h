#ifndef KEYSVC_CRYPTO_RECOVERY_KEY_H_
#define KEYSVC_CRYPTO_RECOVERY_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"

namespace keysvc::crypto {

// The public half of a recovery key: a self-signed certificate over a P-521 key, which is not
// weaker than the AES-256 keys that are sealed to it. It never ends, since what was sealed has to
// open for as long as it is kept. Thread-safe.
class RecoveryCertificate {
 public:
  // INVALID_ARGUMENT/CONFIG_INVALID for anything but one certificate of RecoveryKey's making.
  static absl::StatusOr<std::unique_ptr<RecoveryCertificate>> FromPem(std::string_view pem);
  ~RecoveryCertificate();
  RecoveryCertificate(const RecoveryCertificate&) = delete;
  RecoveryCertificate& operator=(const RecoveryCertificate&) = delete;

  // SHA-256 of the SubjectPublicKeyInfo: 32 bytes.
  const std::string& key_id() const;
  // Whose it is.
  const std::string& deployment() const;
  const std::string& environment() const;

  // CMS AuthEnvelopedData in DER (RFC 5083, RFC 5753): AES-256-GCM, its key agreed on by ECDH with
  // the X9.63 KDF over SHA-512 and wrapped by AES-256. `context` says what the secret is and is
  // sealed with it; docs/formats.md has the plaintext.
  absl::StatusOr<std::string> Seal(const SecretBytes& secret, std::string_view context) const;
  // Whether `sealed` names this certificate as its one recipient. Proves nothing; tells what was
  // sealed to another certificate.
  bool IsRecipientOf(std::string_view sealed) const;

 private:
  struct Impl;
  explicit RecoveryCertificate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The private half. It exists while it is made and while it is put together from its shares, and
// is never where the service is. Thread-safe; held in ordinary heap of the crypto library, which
// is wiped on destruction.
class RecoveryKey {
 public:
  static absl::StatusOr<std::unique_ptr<RecoveryKey>> Generate();
  // From PKCS #8 in DER. INVALID_ARGUMENT/RECOVERY_SHARE_INVALID when it is no P-521 key.
  static absl::StatusOr<std::unique_ptr<RecoveryKey>> FromPrivateHalf(const SecretBytes& pkcs8);
  ~RecoveryKey();
  RecoveryKey(const RecoveryKey&) = delete;
  RecoveryKey& operator=(const RecoveryKey&) = delete;

  // PKCS #8 in DER, without the public half.
  absl::StatusOr<SecretBytes> PrivateHalf() const;
  const std::string& key_id() const;
  // The certificate as PEM, valid from now on.
  absl::StatusOr<std::string> MakeCertificate(std::string_view deployment,
                                              std::string_view environment) const;
  // What Seal() sealed. DATA_LOSS/INTEGRITY_FAILURE when it was changed, sealed to another key or
  // for another context.
  absl::StatusOr<SecretBytes> Open(std::string_view sealed, std::string_view context) const;

 private:
  struct Impl;
  explicit RecoveryKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_RECOVERY_KEY_H_
