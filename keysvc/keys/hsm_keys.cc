#include "keysvc/keys/hsm_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/public_key.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kTrial = "keysvc: a key is tried at the start";

bool NeedsHsmKey(const KeyVersion& version) {
  return LivesInHsm(version.parameters.protection) &&
         (IsPrepared(version) || version.state == KeyState::kActive ||
          version.state == KeyState::kSuspended || version.state == KeyState::kDeactivated);
}

bool IsPresent(const std::vector<pkcs11::HsmKey>& present, const KeyVersion& version) {
  const auto kind = HsmKindOf(version.parameters, version.origin);
  return std::ranges::any_of(present, [&](const pkcs11::HsmKey& key) {
    return key.label == version.hsm_label && key.kind == kind;
  });
}

// Of a version that signs no more the private half serves nobody: verifying takes the public half
// of its row. To find the objects of each on the token would make the start longer with every
// rotation.
bool MaySignYet(const KeyVersion& version) {
  return !version.public_key.empty() && version.state != KeyState::kDeactivated;
}

absl::Status IsAnother(const KeyVersion& version) {
  return Error(Reason::kIntegrityFailure,
               absl::StrCat("the HSM holds another key as ", version.name.ToString()));
}

// The halves of a pair are two objects on a token: the public one says nothing of the other.
absl::Status CheckSigns(pkcs11::Hsm& hsm, const KeyVersion& version) {
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  ASSIGN_OR_RETURN(const auto public_key, crypto::PublicKey::FromSpki(version.public_key));
  ASSIGN_OR_RETURN(std::string raw, hsm.Sign(version.hsm_label, scheme.mechanism, kTrial));
  ASSIGN_OR_RETURN(const std::string signature,
                   EncodeSignature(scheme, SignatureEncoding::kDer, std::move(raw)));
  if (!scheme.check.has_value() || !public_key->Verify(*scheme.check, kTrial, signature)) {
    return IsAnother(version);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> Holds(pkcs11::Hsm& hsm, const std::vector<pkcs11::HsmKey>& present,
                           const KeyVersion& version) {
  if (!IsPresent(present, version)) return false;
  if (version.public_key.empty()) return true;
  ASSIGN_OR_RETURN(const std::string public_key, hsm.PublicKey(version.hsm_label));
  return public_key == version.public_key;
}

absl::Status CheckHsmKeys(pkcs11::Hsm& hsm, const std::vector<pkcs11::HsmKey>& present,
                          const KeyRings& rings, absl::Time now) {
  for (const auto& [name, ring] : rings.all()) {
    for (const KeyRecord& record : ring) {
      const KeyVersion& version = record.version;
      if (!NeedsHsmKey(version)) continue;
      if (!IsPresent(present, version)) {
        return Error(Reason::kIntegrityFailure,
                     absl::StrCat("the HSM lacks ", version.name.ToString()));
      }
      if (!MaySignYet(version)) continue;
      // A signature says all that the public half on the token would, for one search less. What
      // unwraps is tried when something does not open.
      if (version.parameters.purpose != Purpose::kSecretImport &&
          CheckUse(version, Use::kApply, now).ok()) {
        RETURN_IF_ERROR(CheckSigns(hsm, version));
        continue;
      }
      ASSIGN_OR_RETURN(const bool holds, Holds(hsm, present, version));
      if (!holds) return IsAnother(version);
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> UnclaimedLabels(const std::vector<pkcs11::HsmKey>& present,
                                         std::string_view deployment,
                                         const std::set<std::string>& claimed) {
  const std::string prefix = std::string(deployment) + "/";
  std::set<std::string> unclaimed;
  // The deployment's own keys have labels of three parts, those of key versions have four.
  for (const pkcs11::HsmKey& key : present) {
    if (key.label.starts_with(prefix) && std::ranges::count(key.label, '/') == 3 &&
        !claimed.contains(key.label)) {
      unclaimed.insert(key.label);
    }
  }
  return {unclaimed.begin(), unclaimed.end()};
}

std::vector<std::string> OrphanedLabels(const std::vector<pkcs11::HsmKey>& present,
                                        std::string_view deployment, const KeyRings& rings) {
  std::set<std::string> needed;
  for (const auto& [name, ring] : rings.all()) {
    for (const KeyRecord& record : ring) {
      if (NeedsHsmKey(record.version)) needed.insert(record.version.hsm_label);
    }
  }
  return UnclaimedLabels(present, deployment, needed);
}

}  // namespace keysvc::keys
