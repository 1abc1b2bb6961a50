#include "keysvc/keys/key_parameters.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// In enum order.
constexpr auto kPurposes = std::to_array<std::string_view>(
    {"sign", "mac", "data", "index", "token", "row-mac", "request", "jws", "ff1", "http", "webhook",
     "fingerprint", "cose", "account-reference", "timestamped-webhook", "secret-delivery",
     "secret-import", "shared-mac"});
static_assert(static_cast<std::size_t>(Purpose::kSharedMac) + 1 == kPurposes.size());
constexpr auto kAlgorithms = std::to_array<std::string_view>(
    {"EC-P256", "RSA-2048", "RSA-3072", "HMAC-SHA256", "AES-256", "Ed25519", "EC-P384", "RSA-4096",
     "RSA-2048-SHA384", "RSA-2048-SHA512", "RSA-3072-SHA384", "RSA-3072-SHA512", "RSA-4096-SHA384",
     "RSA-4096-SHA512", "HMAC-SHA384", "HMAC-SHA512", "AES-256-CMAC"});
static_assert(static_cast<std::size_t>(Algorithm::kAes256Cmac) + 1 == kAlgorithms.size());
constexpr auto kProtections = std::to_array<std::string_view>({"hsm", "envelope", "shared"});
constexpr auto kOrigins = std::to_array<std::string_view>({"generated", "imported"});
constexpr auto kStates = std::to_array<std::string_view>(
    {"pre-activation", "active", "suspended", "deactivated", "compromised", "destroyed"});

// So that bounds can be added up without a thought.
constexpr std::uint64_t kMostSignatures = std::uint64_t{1} << 40;

template <typename Enum, std::size_t N>
std::optional<Enum> Named(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

bool Fits(Purpose purpose, Algorithm algorithm) {
  switch (purpose) {
    case Purpose::kSign:
    case Purpose::kJws:
    case Purpose::kHttp:
    case Purpose::kCose:
      return algorithm == Algorithm::kEcP256 || algorithm == Algorithm::kEcP384 ||
             algorithm == Algorithm::kEd25519 || RsaHashOf(algorithm).has_value();
    case Purpose::kWebhook:
      return algorithm == Algorithm::kEd25519 || algorithm == Algorithm::kHmacSha256;
    case Purpose::kSecretDelivery:
    case Purpose::kSecretImport:
      return algorithm == Algorithm::kRsa3072 || algorithm == Algorithm::kRsa4096;
    case Purpose::kData:
    case Purpose::kToken:
    case Purpose::kFf1:
      return algorithm == Algorithm::kAes256;
    case Purpose::kMac:
    case Purpose::kSharedMac:
      return IsMac(algorithm);
    case Purpose::kIndex:
    case Purpose::kRowMac:
    case Purpose::kRequest:
    case Purpose::kFingerprint:
    case Purpose::kAccountReference:
    case Purpose::kTimestampedWebhook:
      return algorithm == Algorithm::kHmacSha256;
  }
  return false;
}

}  // namespace

std::string_view NameOf(Purpose purpose) { return kPurposes.at(static_cast<std::size_t>(purpose)); }
std::string_view NameOf(Algorithm algorithm) {
  return kAlgorithms.at(static_cast<std::size_t>(algorithm));
}
std::string_view NameOf(Protection protection) {
  return kProtections.at(static_cast<std::size_t>(protection));
}
std::string_view NameOf(Origin origin) { return kOrigins.at(static_cast<std::size_t>(origin)); }
std::string_view NameOf(KeyState state) { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<Purpose> PurposeNamed(std::string_view name) {
  return Named<Purpose>(kPurposes, name);
}
std::optional<Algorithm> AlgorithmNamed(std::string_view name) {
  return Named<Algorithm>(kAlgorithms, name);
}
std::optional<Protection> ProtectionNamed(std::string_view name) {
  return Named<Protection>(kProtections, name);
}
std::optional<Origin> OriginNamed(std::string_view name) { return Named<Origin>(kOrigins, name); }
std::optional<KeyState> KeyStateNamed(std::string_view name) {
  return Named<KeyState>(kStates, name);
}

absl::Status CheckAlgorithm(Purpose purpose, Algorithm algorithm) {
  if (Fits(purpose, algorithm)) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "the algorithm does not serve the purpose", "algorithm");
}

Protection ProtectionOf(Purpose purpose, Algorithm algorithm) {
  if (!IsMadeByRequest(purpose)) return Protection::kEnvelope;
  const bool shared = purpose == Purpose::kWebhook || purpose == Purpose::kTimestampedWebhook ||
                      purpose == Purpose::kSharedMac;
  return shared && IsMac(algorithm) ? Protection::kShared : Protection::kHsm;
}

absl::Status CheckParameters(const KeyParameters& parameters) {
  if (parameters.purpose == Purpose::kSecretDelivery) {
    return Error(Reason::kFieldInvalid, "keys of this purpose are partners'", "purpose");
  }
  RETURN_IF_ERROR(CheckAlgorithm(parameters.purpose, parameters.algorithm));
  if (parameters.protection != ProtectionOf(parameters.purpose, parameters.algorithm)) {
    return Error(Reason::kFieldInvalid, "the purpose needs another protection", "protection");
  }
  if (parameters.cryptoperiod < absl::Hours(24) || parameters.cryptoperiod > 3 * kYear) {
    return Error(Reason::kFieldInvalid, "a cryptoperiod is 1 day to 3 years", "cryptoperiod_days");
  }
  if (parameters.purpose == Purpose::kSecretImport && parameters.cryptoperiod > kLongestImport) {
    return Error(Reason::kFieldInvalid, "a key takes in secrets for 1 to 90 days",
                 "cryptoperiod_days");
  }
  if (parameters.low_s && parameters.algorithm != Algorithm::kEcP256 &&
      parameters.algorithm != Algorithm::kEcP384) {
    return Error(Reason::kFieldInvalid, "only ECDSA signatures have an s", "low_s");
  }
  if (parameters.max_signatures == 0) return absl::OkStatus();
  const bool webhook =
      parameters.protection == Protection::kShared && parameters.purpose != Purpose::kSharedMac;
  if (!IsMadeByRequest(parameters.purpose) || webhook ||
      parameters.purpose == Purpose::kSecretImport) {
    return Error(Reason::kFieldInvalid, "what such a key makes is not counted", "max_signatures");
  }
  if (parameters.max_signatures > kMostSignatures) {
    return Error(Reason::kFieldInvalid, "a ceiling is at most 2^40", "max_signatures");
  }
  return absl::OkStatus();
}

bool LivesInHsm(Protection protection) { return protection != Protection::kEnvelope; }

bool HasPublicHalf(const KeyParameters& parameters) {
  return parameters.purpose == Purpose::kSecretImport ||
         (Signs(parameters.purpose) && !IsMac(parameters.algorithm));
}

bool IsMadeAhead(const KeyParameters& parameters) {
  return HasPublicHalf(parameters) || parameters.purpose == Purpose::kSharedMac;
}

bool HasKeySet(const KeyParameters& parameters) {
  return Signs(parameters.purpose) && !IsMac(parameters.algorithm) &&
         parameters.purpose != Purpose::kSign;
}

absl::Duration RecipientPeriodOf(const KeyParameters& parameters) {
  if (parameters.protection == Protection::kShared ||
      parameters.purpose == Purpose::kSecretImport) {
    return absl::ZeroDuration();
  }
  return Signs(parameters.purpose) ? 7 * kYear : 3 * kYear;
}

bool Signs(Purpose purpose) {
  return purpose == Purpose::kSign || purpose == Purpose::kJws || purpose == Purpose::kHttp ||
         purpose == Purpose::kWebhook || purpose == Purpose::kCose;
}

bool IsMadeByRequest(Purpose purpose) {
  return Signs(purpose) || purpose == Purpose::kMac || purpose == Purpose::kTimestampedWebhook ||
         purpose == Purpose::kSecretImport || purpose == Purpose::kSharedMac;
}

bool Allows(KeyState state, Use use) {
  switch (state) {
    case KeyState::kActive:
      return true;
    case KeyState::kDeactivated:
      return use == Use::kProcess;
    case KeyState::kPreActivation:
    case KeyState::kSuspended:
    case KeyState::kCompromised:
    case KeyState::kDestroyed:
      return false;
  }
  return false;
}

bool MayBecome(KeyState from, KeyState to) {
  using enum KeyState;
  switch (from) {
    case kPreActivation:
      return to == kActive || to == kCompromised || to == kDestroyed;
    case kActive:
      return to == kSuspended || to == kDeactivated || to == kCompromised || to == kDestroyed;
    case kSuspended:
      return to == kActive || to == kDeactivated || to == kCompromised || to == kDestroyed;
    case kDeactivated:
      return to == kCompromised || to == kDestroyed;
    case kCompromised:
      return to == kDestroyed;
    case kDestroyed:
      return false;
  }
  return false;
}

std::optional<pkcs11::KeyKind> HsmKindOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEcP256:
      return pkcs11::KeyKind::kEcP256;
    case Algorithm::kEcP384:
      return pkcs11::KeyKind::kEcP384;
    case Algorithm::kRsa2048:
    case Algorithm::kRsa2048Sha384:
    case Algorithm::kRsa2048Sha512:
      return pkcs11::KeyKind::kRsa2048;
    case Algorithm::kRsa3072:
    case Algorithm::kRsa3072Sha384:
    case Algorithm::kRsa3072Sha512:
      return pkcs11::KeyKind::kRsa3072;
    case Algorithm::kRsa4096:
    case Algorithm::kRsa4096Sha384:
    case Algorithm::kRsa4096Sha512:
      return pkcs11::KeyKind::kRsa4096;
    case Algorithm::kHmacSha256:
      return pkcs11::KeyKind::kHmacSha256;
    case Algorithm::kHmacSha384:
      return pkcs11::KeyKind::kHmacSha384;
    case Algorithm::kHmacSha512:
      return pkcs11::KeyKind::kHmacSha512;
    case Algorithm::kAes256Cmac:
      return pkcs11::KeyKind::kAes256Cmac;
    case Algorithm::kEd25519:
      return pkcs11::KeyKind::kEd25519;
    case Algorithm::kAes256:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<pkcs11::KeyKind> HsmKindOf(const KeyParameters& parameters, Origin origin) {
  const std::optional<pkcs11::KeyKind> kind = HsmKindOf(parameters.algorithm);
  if (parameters.purpose == Purpose::kSecretImport) {
    return kind == pkcs11::KeyKind::kRsa4096 ? pkcs11::KeyKind::kRsa4096Unwrapping
                                             : pkcs11::KeyKind::kRsa3072Unwrapping;
  }
  if (origin == Origin::kGenerated) return kind;
  switch (parameters.algorithm) {
    case Algorithm::kHmacSha256:
      return pkcs11::KeyKind::kImportedHmacSha256;
    case Algorithm::kHmacSha384:
      return pkcs11::KeyKind::kImportedHmacSha384;
    case Algorithm::kHmacSha512:
      return pkcs11::KeyKind::kImportedHmacSha512;
    case Algorithm::kAes256Cmac:
      return pkcs11::KeyKind::kImportedAes256Cmac;
    default:
      return std::nullopt;
  }
}

bool IsMac(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kHmacSha256:
    case Algorithm::kHmacSha384:
    case Algorithm::kHmacSha512:
    case Algorithm::kAes256Cmac:
      return true;
    default:
      return false;
  }
}

std::optional<crypto::HashAlgorithm> RsaHashOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRsa2048:
    case Algorithm::kRsa3072:
    case Algorithm::kRsa4096:
      return crypto::HashAlgorithm::kSha256;
    case Algorithm::kRsa2048Sha384:
    case Algorithm::kRsa3072Sha384:
    case Algorithm::kRsa4096Sha384:
      return crypto::HashAlgorithm::kSha384;
    case Algorithm::kRsa2048Sha512:
    case Algorithm::kRsa3072Sha512:
    case Algorithm::kRsa4096Sha512:
      return crypto::HashAlgorithm::kSha512;
    default:
      return std::nullopt;
  }
}

}  // namespace keysvc::keys
