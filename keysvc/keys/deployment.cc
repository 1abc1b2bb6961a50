#include "keysvc/keys/deployment.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "crypto/public_key.h"
#include "crypto/secret_bytes.h"
#include "keysvc/keys/key_wrapping.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

absl::Status CheckDeployment(const Deployment& deployment, const pkcs11::Hsm& hsm) {
  if (!policy::IsName(deployment.name)) {
    return Error(Reason::kConfigInvalid,
                 "the deployment's name is not [a-z][a-z0-9-]{0,62} with at most 11 digits",
                 "deployment.name");
  }
  if (deployment.environment != "development" && deployment.environment != "test" &&
      deployment.environment != "production") {
    return Error(Reason::kConfigInvalid, "the environment is development, test or production",
                 "deployment.environment");
  }
  if (deployment.environment == "production" &&
      hsm.capabilities().manufacturer.find("SoftHSM") != std::string::npos) {
    return Error(Reason::kEnvironmentMismatch, "production does not run on a software token");
  }
  return absl::OkStatus();
}

absl::Status CheckSidecarIsOf(const store::Sidecar& sidecar, const Deployment& deployment) {
  if (sidecar.deployment != deployment.name) {
    return Error(Reason::kStoreForeign, "the sidecar belongs to another deployment");
  }
  if (sidecar.environment != deployment.environment) {
    return Error(Reason::kEnvironmentMismatch, "the sidecar belongs to another environment");
  }
  return absl::OkStatus();
}

absl::Status CheckNoSidecar(const Deployment& deployment) {
  const auto sidecar = store::ReadSidecar(deployment.sidecar_path);
  if (ReasonOf(sidecar.status()) == Reason::kNotInitialized) return absl::OkStatus();
  RETURN_IF_ERROR(sidecar.status());
  RETURN_IF_ERROR(CheckSidecarIsOf(*sidecar, deployment));
  return Error(Reason::kKeyExists, "the deployment is initialised already");
}

std::optional<pkcs11::KeyKind> KindOf(const std::vector<pkcs11::HsmKey>& present,
                                      std::string_view label) {
  const auto found = std::find_if(present.begin(), present.end(),
                                  [label](const auto& key) { return key.label == label; });
  if (found == present.end()) return std::nullopt;
  return found->kind;
}

pkcs11::KeyKind AuditKindOf(const pkcs11::Hsm& hsm) {
  return hsm.capabilities().Supports(pkcs11::KeyKind::kEd25519) ? pkcs11::KeyKind::kEd25519
                                                                : pkcs11::KeyKind::kEcP256;
}

class HsmCheckpointSigner : public audit::CheckpointSigner {
 public:
  HsmCheckpointSigner(pkcs11::Hsm& hsm, std::string label, pkcs11::Mechanism mechanism,
                      std::string public_key)
      : hsm_(hsm),
        label_(std::move(label)),
        mechanism_(mechanism),
        public_key_(std::move(public_key)) {}

  absl::StatusOr<std::string> Sign(std::string_view text) override {
    ASSIGN_OR_RETURN(std::string signature, hsm_.Sign(label_, mechanism_, text));
    if (mechanism_ == pkcs11::Mechanism::kEd25519) return signature;
    return crypto::EcdsaP1363ToDer(signature);
  }

  const std::string& public_key() const override { return public_key_; }

 private:
  pkcs11::Hsm& hsm_;
  const std::string label_;
  const pkcs11::Mechanism mechanism_;
  const std::string public_key_;
};

// The key of a slot by the version that its wrap names.
absl::StatusOr<crypto::SecretBytes> Unwrap(const store::Sidecar& sidecar,
                                           const store::SidecarSlot& slot, pkcs11::Hsm& hsm) {
  ASSIGN_OR_RETURN(const std::uint32_t version, KeyWrapping::KekVersionOf(slot.wrapped_key));
  return KeyWrapping(hsm, sidecar.deployment, version)
      .Unwrap(slot.wrapped_key, store::WrapContextOf(sidecar, slot));
}

}  // namespace

std::string RegistryLabelOf(std::string_view deployment) {
  return absl::StrCat(ToAbsl(deployment), "/registry/v1");
}

std::string Deployment::KekLabel(std::uint32_t version) const {
  return absl::StrCat(name, "/kek/v", version);
}
std::string Deployment::AuditLabel() const { return absl::StrCat(name, "/audit/v1"); }
std::string Deployment::RegistryLabel() const { return RegistryLabelOf(name); }
std::string Deployment::CanaryLabel() const { return absl::StrCat(name, "/canary/v1"); }

absl::Status EnsureHsmKeys(const Deployment& deployment, std::uint32_t kek_version,
                           pkcs11::Hsm& hsm) {
  RETURN_IF_ERROR(CheckDeployment(deployment, hsm));
  const std::pair<std::string, pkcs11::KeyKind> needed[] = {
      {deployment.KekLabel(kek_version), pkcs11::KeyKind::kAes256Wrapping},
      {deployment.AuditLabel(), AuditKindOf(hsm)},
      {deployment.RegistryLabel(), pkcs11::KeyKind::kHmacSha256},
      {deployment.CanaryLabel(), pkcs11::KeyKind::kHmacSha256},
  };
  ASSIGN_OR_RETURN(const std::vector<pkcs11::HsmKey> present, hsm.List());
  for (const auto& [label, kind] : needed) {
    const auto existing = KindOf(present, label);
    if (!existing.has_value()) {
      RETURN_IF_ERROR(hsm.Generate(label, kind));
    } else if (*existing != kind) {
      return Error(Reason::kStoreForeign, "the token holds another kind of key under a label");
    }
  }
  return absl::OkStatus();
}

absl::Status WrapDatabaseKey(const Deployment& deployment, pkcs11::Hsm& hsm,
                             std::uint32_t kek_version, const crypto::SecretKey<32>& database_key,
                             const crypto::RecoveryCertificate* recovery) {
  store::Sidecar sidecar;
  sidecar.deployment = deployment.name;
  sidecar.environment = deployment.environment;
  store::SidecarSlot& slot = sidecar.current;
  slot.cipher_parameters = store::kCipherParametersV1;
  KeyWrapping wrapping(hsm, deployment.name, kek_version, recovery);
  if (recovery != nullptr) slot.recovery_key_id = recovery->key_id();
  ASSIGN_OR_RETURN(slot.recovery, wrapping.SealForRecovery(
                                      database_key.bytes(),
                                      store::SidecarContext(deployment.name, deployment.environment,
                                                            slot.cipher_parameters)));
  ASSIGN_OR_RETURN(slot.wrapped_key,
                   wrapping.Wrap(database_key.bytes(), store::WrapContextOf(sidecar, slot)));
  return store::WriteSidecar(deployment.sidecar_path, sidecar);
}

absl::StatusOr<crypto::SecretKey<32>> InitializeDeployment(
    const Deployment& deployment, pkcs11::Hsm& hsm, const crypto::RecoveryCertificate* recovery) {
  RETURN_IF_ERROR(CheckDeployment(deployment, hsm));
  RETURN_IF_ERROR(CheckNoSidecar(deployment));
  RETURN_IF_ERROR(EnsureHsmKeys(deployment, kFirstKekVersion, hsm));
  ASSIGN_OR_RETURN(crypto::SecretKey<32> database_key, crypto::SecretKey<32>::Random());
  RETURN_IF_ERROR(WrapDatabaseKey(deployment, hsm, kFirstKekVersion, database_key, recovery));
  return database_key;
}

absl::StatusOr<store::Sidecar> ReadSidecarOf(const Deployment& deployment) {
  ASSIGN_OR_RETURN(store::Sidecar sidecar, store::ReadSidecar(deployment.sidecar_path));
  RETURN_IF_ERROR(CheckSidecarIsOf(sidecar, deployment));
  return sidecar;
}

absl::StatusOr<std::uint32_t> KekVersionOf(const Deployment& deployment) {
  ASSIGN_OR_RETURN(const store::Sidecar sidecar, ReadSidecarOf(deployment));
  return KeyWrapping::KekVersionOf(sidecar.current.wrapped_key);
}

absl::StatusOr<crypto::SecretKey<32>> OpenDatabaseKey(const Deployment& deployment,
                                                      pkcs11::Hsm& hsm) {
  RETURN_IF_ERROR(CheckDeployment(deployment, hsm));
  ASSIGN_OR_RETURN(const store::Sidecar sidecar, ReadSidecarOf(deployment));
  // Not used yet, and no reason to trust what does not authenticate.
  if (sidecar.next.has_value()) RETURN_IF_ERROR(Unwrap(sidecar, *sidecar.next, hsm).status());
  return crypto::SecretKey<32>::From(Unwrap(sidecar, sidecar.current, hsm));
}

absl::StatusOr<std::unique_ptr<audit::CheckpointSigner>> OpenCheckpointSigner(
    const Deployment& deployment, pkcs11::Hsm& hsm) {
  const std::string label = deployment.AuditLabel();
  ASSIGN_OR_RETURN(const std::vector<pkcs11::HsmKey> present, hsm.List());
  const auto kind = KindOf(present, label);
  if (!kind.has_value()) {
    return Error(Reason::kNotInitialized, "the token has no audit key of this deployment");
  }
  if (*kind != pkcs11::KeyKind::kEd25519 && *kind != pkcs11::KeyKind::kEcP256) {
    return Error(Reason::kStoreForeign, "the token holds another kind of key under a label");
  }
  ASSIGN_OR_RETURN(std::string public_key, hsm.PublicKey(label));
  const auto mechanism = *kind == pkcs11::KeyKind::kEd25519 ? pkcs11::Mechanism::kEd25519
                                                            : pkcs11::Mechanism::kEcdsaP256Sha256;
  return std::make_unique<HsmCheckpointSigner>(hsm, label, mechanism, std::move(public_key));
}

}  // namespace keysvc::keys
