#ifndef KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_
#define KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "crypto/digest.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// What a key is for; fixed with its first version. kSign and kMac are over messages as callers give
// them, the other signatures over what the service itself puts together.
enum class Purpose {
  kSign,
  kMac,
  kData,
  kIndex,
  kToken,
  kRowMac,
  kRequest,
  kJws,
  kFf1,
  kHttp,
  kWebhook,
  kFingerprint,
  kCose,
  kAccountReference,
  kTimestampedWebhook,
  kSecretDelivery,  // of partners' keys only: wraps what is delivered to the partner
  kSecretImport,    // unwraps what partners wrapped, inside the HSM
  kSharedMac,       // MACs messages that the partner MACs by the same key
};
// RSA keys hash with SHA-256 where the name says no other.
enum class Algorithm {
  kEcP256,
  kRsa2048,
  kRsa3072,
  kHmacSha256,
  kAes256,
  kEd25519,
  kEcP384,
  kRsa4096,
  kRsa2048Sha384,
  kRsa2048Sha512,
  kRsa3072Sha384,
  kRsa3072Sha512,
  kRsa4096Sha384,
  kRsa4096Sha512,
  kHmacSha384,
  kHmacSha512,
  kAes256Cmac,
};
// kShared: in the HSM, and outside it with the partner whom it was delivered to.
enum class Protection { kHsm, kEnvelope, kShared };
// Where the key was made: here, or by a partner who wrapped it.
enum class Origin { kGenerated, kImported };
// SP 800-57 part 1, section 7.
enum class KeyState { kPreActivation, kActive, kSuspended, kDeactivated, kCompromised, kDestroyed };

// The words in rows, records and on the wire ("sign", "EC-P256", "hsm", "active").
std::string_view NameOf(Purpose purpose);
std::string_view NameOf(Algorithm algorithm);
std::string_view NameOf(Protection protection);
std::string_view NameOf(Origin origin);
std::string_view NameOf(KeyState state);
std::optional<Purpose> PurposeNamed(std::string_view name);
std::optional<Algorithm> AlgorithmNamed(std::string_view name);
std::optional<Protection> ProtectionNamed(std::string_view name);
std::optional<Origin> OriginNamed(std::string_view name);
std::optional<KeyState> KeyStateNamed(std::string_view name);

constexpr absl::Duration kYear = absl::Hours(24 * 365);
// How long a key may take in secrets: by then those who wrapped for it are done.
constexpr absl::Duration kLongestImport = absl::Hours(24 * 90);

// Everything about a key version that is not random.
struct KeyParameters {
  Purpose purpose = Purpose::kSign;
  Algorithm algorithm = Algorithm::kEcP256;
  Protection protection = Protection::kHsm;
  // The originator-usage period, 1 day .. 3 years (SP 800-57, table 1), .. kLongestImport of keys
  // that take in secrets.
  absl::Duration cryptoperiod = kYear;
  // Of what the key makes, or of the tokens of its profile, as tokenizer::Profile writes it; kFf1,
  // kData and kAccountReference only.
  std::string token_format = {};
  // ECDSA only: of the two values of s that a signature may have, it has the low one, and no other
  // is right.
  bool low_s = false;
  // Of keys that are made by request, how often each version may sign or MAC; 0: any number.
  std::uint64_t max_signatures = 0;

  friend bool operator==(const KeyParameters&, const KeyParameters&) = default;
};

// Whether an algorithm serves a purpose. INVALID_ARGUMENT/FIELD_INVALID, field "algorithm".
absl::Status CheckAlgorithm(Purpose purpose, Algorithm algorithm);
// What protects such a key of our own: signing and MAC keys never leave the HSM, but for those by
// which webhooks are tagged and those of kSharedMac, which are shared by nature; the keys that the
// service works with itself are envelope keys.
Protection ProtectionOf(Purpose purpose, Algorithm algorithm);
// Whether purpose, algorithm and protection go together. INVALID_ARGUMENT/FIELD_INVALID names the
// field at fault.
absl::Status CheckParameters(const KeyParameters& parameters);

// Whether such keys live in the HSM, and not in the store.
bool LivesInHsm(Protection protection);
// Whether such a key has a public half, by which others verify or wrap.
bool HasPublicHalf(const KeyParameters& parameters);
// Whether its next version may be made ahead of the rotation: those that have a public half, for
// verifiers to know it, and those of kSharedMac, for the partner to have it.
bool IsMadeAhead(const KeyParameters& parameters);
// Whether it is published in a key set, which verifiers keep for a while (JwksOf).
bool HasKeySet(const KeyParameters& parameters);

// How long a version may process after it stopped to apply (SP 800-57, section 5.3.6): 7 years to
// verify signatures, 3 years otherwise. Shared keys none at all: whoever has one could go on making
// what it verifies. Nor keys that take in secrets.
absl::Duration RecipientPeriodOf(const KeyParameters& parameters);

// Apply protection (encrypt, sign, MAC, wrap); process what is protected (decrypt, verify, unwrap).
enum class Use { kApply, kProcess };
// The state x use matrix of SP 800-57 (docs/key_lifecycle.md).
bool Allows(KeyState state, Use use);
// The transitions of SP 800-57, figure 3.
bool MayBecome(KeyState from, KeyState to);

// Whether keys of the algorithm tag messages, so that who verifies can make signatures as well.
bool IsMac(Algorithm algorithm);
// The hash of the signatures of an RSA key; nullopt for other algorithms.
std::optional<crypto::HashAlgorithm> RsaHashOf(Algorithm algorithm);

// Whether keys of the purpose sign by a private half.
bool Signs(Purpose purpose);
// Whether keys of the purpose are made by request, not by the service for itself.
bool IsMadeByRequest(Purpose purpose);

// The kind of HSM object that a key of the algorithm is, if it signs or MACs; nullopt for one that
// only exists wrapped.
std::optional<pkcs11::KeyKind> HsmKindOf(Algorithm algorithm);
// The kind that such a key of our own is.
std::optional<pkcs11::KeyKind> HsmKindOf(const KeyParameters& parameters, Origin origin);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_
