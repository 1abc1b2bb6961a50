#include "keysvc/keys/key_addition.h"

#include <optional>
#include <utility>

#include "keysvc/keys/key_version.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

using Becomes = KeyCeremony::Becomes;

absl::Status NotFound() { return Error(Reason::kKeyNotFound, "no such key"); }

// The version that waits, if it may give way to another one; none where none waits.
absl::StatusOr<std::optional<KeyRecord>> Replaceable(const KeyRings& rings, const KeyName& name,
                                                     absl::Time now) {
  const KeyRecord* waiting = rings.FindPrepared(name);
  if (waiting == nullptr) return std::nullopt;
  const KeyVersion& version = waiting->version;
  // Else a secret that is found to be wrong before the moment would have to MAC at the moment.
  if (version.parameters.purpose == Purpose::kSharedMac || now >= version.originator_end) {
    return *waiting;
  }
  return Error(Reason::kKeyExists, "the key's next version is there already");
}

absl::StatusOr<const KeyVersion*> ImportKeyFor(const KeyRings& rings, const KeyVersionName& name,
                                               std::string_view caller, absl::Time now) {
  const KeyRecord* record =
      name.version == 0 ? rings.FindPrimary(name.key) : rings.FindVersion(name);
  if (record == nullptr) return Error(Reason::kKeyNotFound, "no such import key");
  const KeyVersion& version = record->version;
  if (version.parameters.purpose != Purpose::kSecretImport) {
    return Error(Reason::kKeyPurposeMismatch, "the import key takes in no secrets");
  }
  // Else one alone could both say what is wrapped for and bring what was wrapped.
  if (version.made_by == caller) {
    return Error(Reason::kSeparationOfDuties, "who had the import key made does not import by it");
  }
  RETURN_IF_ERROR(CheckUse(version, Use::kApply, now));
  return &version;
}

}  // namespace

absl::StatusOr<Addition> FirstVersion(const KeyRings& rings, const KeyName& name,
                                      const KeyParameters& parameters,
                                      const pkcs11::Capabilities& hsm) {
  if (rings.FindPrimary(name) != nullptr) {
    return Error(Reason::kKeyExists, "there is a key of this name");
  }
  const auto kind = HsmKindOf(parameters, Origin::kGenerated);
  if (!kind.has_value() || !hsm.Supports(*kind)) {
    return Error(Reason::kAlgorithmUnsupported, "the HSM does not support the algorithm");
  }
  if (parameters.protection == Protection::kShared && !hsm.delivers) {
    return Error(Reason::kAlgorithmUnsupported, "the HSM cannot hand over what is shared");
  }
  return Addition{.parameters = parameters, .source = {}, .import_key = {}};
}

absl::StatusOr<Addition> VersionAhead(const KeyRings& rings, const KeyName& name, absl::Time now) {
  const KeyRecord* primary = rings.FindPrimary(name);
  if (primary == nullptr) return NotFound();
  const KeyParameters& parameters = primary->version.parameters;
  if (!IsMadeAhead(parameters)) {
    return Error(Reason::kKeyPurposeMismatch, "the key has no public half to publish");
  }
  ASSIGN_OR_RETURN(std::optional<KeyRecord> replaced, Replaceable(rings, name, now));
  return Addition{.parameters = parameters,
                  .becomes = Becomes::kPrepared,
                  .replaced = std::move(replaced),
                  .source = {},
                  .import_key = {}};
}

absl::StatusOr<Addition> NextVersion(const KeyRings& rings, const KeyName& name, Becomes becomes,
                                     const PublishedVersions& published, absl::Time now) {
  const KeyRecord* primary = rings.FindPrimary(name);
  if (primary == nullptr) return NotFound();
  RETURN_IF_ERROR(CheckRotatable(primary->version.parameters.purpose));
  const KeyRecord* prepared = rings.FindPrepared(name);
  if (becomes != Becomes::kSolePrimary) {
    RETURN_IF_ERROR(published.Check(primary->version.parameters, prepared, now));
  }
  return Addition{.parameters = primary->version.parameters,
                  .becomes = becomes,
                  .prepared = prepared,
                  .source = {},
                  .import_key = {}};
}

absl::StatusOr<Addition> ImportedVersion(const KeyRings& rings, const KeyImport& import,
                                         const pkcs11::Capabilities& hsm, std::string_view caller,
                                         absl::Time now) {
  const auto kind = HsmKindOf(import.parameters, Origin::kImported);
  const auto made = HsmKindOf(import.parameters, Origin::kGenerated);
  if (!hsm.imports || !kind.has_value() || !hsm.Supports(*made)) {
    return Error(Reason::kAlgorithmUnsupported, "the HSM cannot take in keys of the algorithm");
  }
  ASSIGN_OR_RETURN(const KeyVersion* import_key,
                   ImportKeyFor(rings, import.import_key, caller, now));
  Addition addition{.parameters = import.parameters,
                    .source = KeyCeremony::Source{import_key->hsm_label, import.secret},
                    .import_key = import_key->name.ToString()};
  if (const KeyRecord* primary = rings.FindPrimary(import.name); primary != nullptr) {
    const KeyParameters& parameters = primary->version.parameters;
    if (parameters.protection != Protection::kShared ||
        parameters.purpose != import.parameters.purpose ||
        parameters.algorithm != import.parameters.algorithm) {
      return Error(Reason::kKeyPurposeMismatch, "the key of this name is of another kind");
    }
    // An import names no ceiling; without this it would lift the key's.
    addition.parameters.max_signatures = parameters.max_signatures;
    if (IsMadeAhead(parameters)) {
      ASSIGN_OR_RETURN(addition.replaced, Replaceable(rings, import.name, now));
      addition.becomes = Becomes::kPrepared;
    }
  }
  const bool large = import_key->parameters.algorithm == Algorithm::kRsa4096;
  if (!pkcs11::PartsOf(import.secret, *kind, large ? 512 : 384).has_value()) {
    return pkcs11::WrappedSecretInvalid();
  }
  return addition;
}

}  // namespace keysvc::keys
