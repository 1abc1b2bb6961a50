#ifndef KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_
#define KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/checkpoint.h"
#include "crypto/recovery_key.h"
#include "crypto/secret_key.h"
#include "pkcs11/hsm.h"
#include "store/sidecar.h"

namespace keysvc::keys {

constexpr std::uint32_t kFirstKekVersion = 1;

// The keys that a deployment stands on, by their labels on the token: "<name>/kek/v<n>", n being 1
// until the HSM is lost for the first time, "<name>/audit/v1", "<name>/registry/v1",
// "<name>/canary/v1".
struct Deployment {
  std::string name;         // policy::IsName
  std::string environment;  // "development", "test", "production"
  std::string sidecar_path;

  std::string KekLabel(std::uint32_t version = kFirstKekVersion) const;
  std::string AuditLabel() const;
  std::string RegistryLabel() const;  // the HMAC key of the key rows
  std::string CanaryLabel() const;
};

// The label of the HMAC key that key rows are sealed with, from a deployment's name.
std::string RegistryLabelOf(std::string_view deployment);

// Makes the HSM keys and the database key with its sidecar. Refuses a deployment that exists
// (ALREADY_EXISTS/KEY_EXISTS, FAILED_PRECONDITION/STORE_FOREIGN or ENVIRONMENT_MISMATCH when the
// sidecar is another's) and production on a software token (ENVIRONMENT_MISMATCH). The sidecar is
// written last, so a run that was broken off before can be repeated; one that was broken off after
// goes on with OpenDatabaseKey. Returns the database key to create the store with. `recovery` may
// be null.
absl::StatusOr<crypto::SecretKey<32>> InitializeDeployment(
    const Deployment& deployment, pkcs11::Hsm& hsm,
    const crypto::RecoveryCertificate* recovery = nullptr);

// The database key of an existing deployment. NOT_INITIALIZED; ENVIRONMENT_MISMATCH and
// STORE_FOREIGN when the sidecar is another's; DATA_LOSS/INTEGRITY_FAILURE when it was changed.
absl::StatusOr<crypto::SecretKey<32>> OpenDatabaseKey(const Deployment& deployment,
                                                      pkcs11::Hsm& hsm);

// The version of the key-encryption key that wraps everything, as the sidecar names it. Errors as
// above.
absl::StatusOr<std::uint32_t> KekVersionOf(const Deployment& deployment);

// The deployment's own sidecar; errors as above.
absl::StatusOr<store::Sidecar> ReadSidecarOf(const Deployment& deployment);

// Makes what is missing of the HSM keys that the deployment stands on. STORE_FOREIGN when a label
// holds another kind of key; ENVIRONMENT_MISMATCH for production on a software token.
absl::Status EnsureHsmKeys(const Deployment& deployment, std::uint32_t kek_version,
                           pkcs11::Hsm& hsm);

// Replaces the sidecar by one that holds the key wrapped under this version and, where `recovery`
// is not null, sealed to it.
absl::Status WrapDatabaseKey(const Deployment& deployment, pkcs11::Hsm& hsm,
                             std::uint32_t kek_version, const crypto::SecretKey<32>& database_key,
                             const crypto::RecoveryCertificate* recovery);

// Signs checkpoints with the audit key: Ed25519 where the token can, else P-256. NOT_INITIALIZED
// when the token has none.
absl::StatusOr<std::unique_ptr<audit::CheckpointSigner>> OpenCheckpointSigner(
    const Deployment& deployment, pkcs11::Hsm& hsm);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_
