#ifndef KEYSVC_KEYSVC_KEYS_KEY_WRAPPING_H_
#define KEYSVC_KEYSVC_KEYS_KEY_WRAPPING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/recovery_key.h"
#include "crypto/secret_bytes.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// Wraps keys under the HSM's key-encryption key. A blob is
//   format 1 || wrap algorithm (1: AES-256-GCM in the HSM) || KEK version (4, big-endian) || HSM
//   output
// and authenticates its own header and the context it was made for (docs/formats.md).
// Thread-safe; blocks on the HSM.
class KeyWrapping {
 public:
  // `label_prefix` is the deployment's name, which all its labels on the token begin with:
  // "<prefix>/kek/v<n>". `recovery` may be null and outlives the object.
  KeyWrapping(pkcs11::Hsm& hsm, std::string label_prefix, std::uint32_t kek_version,
              const crypto::RecoveryCertificate* recovery = nullptr);

  absl::StatusOr<std::string> Wrap(const crypto::SecretBytes& key, std::string_view context);
  // DATA_LOSS/INTEGRITY_FAILURE for a blob that is damaged or of another context.
  absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view blob, std::string_view context);

  // The key sealed to the recovery certificate, which opens it when the HSM is lost; empty where
  // there is no certificate.
  absl::StatusOr<std::string> SealForRecovery(const crypto::SecretBytes& key,
                                              std::string_view context) const;

  // The version of the key-encryption key that a blob names, without being believed.
  static absl::StatusOr<std::uint32_t> KekVersionOf(std::string_view blob);

  const std::string& label_prefix() const { return label_prefix_; }

 private:
  std::string KekLabel(std::uint32_t version) const;
  pkcs11::Hsm& hsm_;
  std::string label_prefix_;
  std::uint32_t kek_version_;
  const crypto::RecoveryCertificate* recovery_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_WRAPPING_H_
