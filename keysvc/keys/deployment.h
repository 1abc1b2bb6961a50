#ifndef KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_
#define KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/checkpoint.h"
#include "crypto/secret_key.h"
#include "pkcs11/hsm.h"
#include "store/sidecar.h"

namespace keysvc::keys {

// The keys that a deployment stands on, by their labels on the token: "<name>/kek/v1",
// "<name>/audit/v1", "<name>/registry/v1", "<name>/canary/v1".
struct Deployment {
  std::string name;         // policy::IsName
  std::string environment;  // "development", "test", "production"
  std::string sidecar_path;

  std::string KekLabel() const;
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
// goes on with OpenDatabaseKey. Returns the database key to create the store with.
absl::StatusOr<crypto::SecretKey<32>> InitializeDeployment(const Deployment& deployment,
                                                           pkcs11::Hsm& hsm);

// The database key of an existing deployment. NOT_INITIALIZED; ENVIRONMENT_MISMATCH and
// STORE_FOREIGN when the sidecar is another's; DATA_LOSS/INTEGRITY_FAILURE when it was changed.
absl::StatusOr<crypto::SecretKey<32>> OpenDatabaseKey(const Deployment& deployment,
                                                      pkcs11::Hsm& hsm);

// Signs checkpoints with the audit key: Ed25519 where the token can, else P-256. NOT_INITIALIZED
// when the token has none.
absl::StatusOr<std::unique_ptr<audit::CheckpointSigner>> OpenCheckpointSigner(
    const Deployment& deployment, pkcs11::Hsm& hsm);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_DEPLOYMENT_H_
