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

constexpr std::uint32_t kKekVersion = 1;

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

KeyWrapping WrappingOf(const Deployment& deployment, pkcs11::Hsm& hsm) {
  return KeyWrapping(hsm, deployment.name, kKekVersion);
}

}  // namespace

std::string RegistryLabelOf(std::string_view deployment) {
  return absl::StrCat(ToAbsl(deployment), "/registry/v1");
}

std::string Deployment::KekLabel() const { return absl::StrCat(name, "/kek/v", kKekVersion); }
std::string Deployment::AuditLabel() const { return absl::StrCat(name, "/audit/v1"); }
std::string Deployment::RegistryLabel() const { return RegistryLabelOf(name); }
std::string Deployment::CanaryLabel() const { return absl::StrCat(name, "/canary/v1"); }

absl::StatusOr<crypto::SecretKey<32>> InitializeDeployment(const Deployment& deployment,
                                                           pkcs11::Hsm& hsm) {
  RETURN_IF_ERROR(CheckDeployment(deployment, hsm));
  RETURN_IF_ERROR(CheckNoSidecar(deployment));

  const std::pair<std::string, pkcs11::KeyKind> needed[] = {
      {deployment.KekLabel(), pkcs11::KeyKind::kAes256Wrapping},
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

  ASSIGN_OR_RETURN(crypto::SecretBytes database_key, crypto::SecretBytes::Random(32));
  store::Sidecar sidecar;
  sidecar.deployment = deployment.name;
  sidecar.environment = deployment.environment;
  sidecar.current.cipher_parameters = store::kCipherParametersV1;
  ASSIGN_OR_RETURN(
      sidecar.current.wrapped_key,
      WrappingOf(deployment, hsm)
          .Wrap(database_key, store::SidecarContext(deployment.name, deployment.environment,
                                                    store::kCipherParametersV1)));
  RETURN_IF_ERROR(store::WriteSidecar(deployment.sidecar_path, sidecar));
  return crypto::SecretKey<32>::From(std::move(database_key));
}

absl::StatusOr<crypto::SecretKey<32>> OpenDatabaseKey(const Deployment& deployment,
                                                      pkcs11::Hsm& hsm) {
  RETURN_IF_ERROR(CheckDeployment(deployment, hsm));
  ASSIGN_OR_RETURN(const store::Sidecar sidecar, store::ReadSidecar(deployment.sidecar_path));
  RETURN_IF_ERROR(CheckSidecarIsOf(sidecar, deployment));
  const store::SidecarSlot& slot = sidecar.current;
  if (slot.cipher_parameters != store::kCipherParametersV1) {
    return Error(Reason::kIntegrityFailure, "the sidecar names unknown cipher parameters");
  }
  return crypto::SecretKey<32>::From(
      WrappingOf(deployment, hsm)
          .Unwrap(slot.wrapped_key, store::SidecarContext(deployment.name, deployment.environment,
                                                          slot.cipher_parameters)));
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
