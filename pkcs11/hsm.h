#ifndef KEYSVC_PKCS11_HSM_H_
#define KEYSVC_PKCS11_HSM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/secret_bytes.h"

namespace keysvc::pkcs11 {

// The kinds of key that keysvc keeps in an HSM. Purpose and mechanisms follow from the kind
// (CKA_ALLOWED_MECHANISMS), so a signing key can never wrap and a wrapping key can never sign.
enum class KeyKind {
  kAes256Wrapping,
  kHmacSha256,
  kEcP256,
  kEd25519,
  kRsa2048,
  kRsa3072,
  kRsa4096,
  kEcP384,
  kHmacSha384,
  kHmacSha512,
  kAes256Cmac,
  kRsa3072Unwrapping,
  kRsa4096Unwrapping,
  kImportedHmacSha256,  // made elsewhere, of 24 to 64 bytes
  kImportedHmacSha384,  // likewise
  kImportedHmacSha512,  // likewise
  kImportedAes256Cmac,  // made elsewhere, of 32 bytes
};

// "AES-256-GCM", "HMAC-SHA256", "EC-P256", "ED25519", "RSA-2048" ...
std::string_view NameOf(KeyKind kind);

// Whether keys of this kind take in the secrets of others, and do nothing else.
bool Unwraps(KeyKind kind);
// Whether keys of this kind were made elsewhere and taken in.
bool IsImported(KeyKind kind);

// RSA keys sign with each of the hashes, the others with the one that fits them.
enum class Mechanism {
  kEcdsaP256Sha256,
  kEcdsaP384Sha384,
  kEd25519,
  kRsaPkcs1Sha256,
  kRsaPkcs1Sha384,
  kRsaPkcs1Sha512,
  kRsaPssSha256,
  kRsaPssSha384,
  kRsaPssSha512,
  kHmacSha256,
  kHmacSha384,
  kHmacSha512,
  kAesCmac,
};

// Whether a key of this kind may sign with this mechanism.
bool Allows(KeyKind kind, Mechanism mechanism);

// The hash that is made of a message outside the HSM; nullopt for mechanisms that take the message.
std::optional<crypto::HashAlgorithm> HashOf(Mechanism mechanism);

struct HsmKey {
  std::string label;  // CKA_LABEL, unique on the token; CKA_ID is SHA-256 of it
  KeyKind kind;
};

// A key as somebody else gets it.
struct WrappedKey {
  std::string bytes;
  std::string algorithm;  // "RSA-OAEP-256", or "RSA-OAEP" by SHA-1 (RFC 7518 section 4.3)
};

// How others wrap a secret for a key that unwraps. The label of OAEP is empty, and MGF1 uses its
// hash (RFC 8017 section 7.1). The last two wrap an AES-256 key by OAEP, and behind that the secret
// by that key (RFC 5649, AES-KWP of SP 800-38F); it is the shape of CKM_RSA_AES_KEY_WRAP.
enum class Wrapping { kRsaOaepSha256, kRsaOaepSha1, kRsaAesSha256, kRsaAesSha1 };

// "RSA-OAEP-256", "RSA-OAEP" (RFC 7518 section 4.3), "RSA-AES-256", "RSA-AES".
std::string_view NameOf(Wrapping wrapping);

// A key as it comes from somebody else.
struct WrappedSecret {
  Wrapping wrapping = Wrapping::kRsaOaepSha256;
  std::string bytes;
};

struct Capabilities {
  std::string token_label;
  std::string token_serial;
  std::string manufacturer;
  std::string library;
  std::vector<KeyKind>
      kinds;              // what this token can generate and use, probed from its mechanism list
  bool delivers = false;  // whether it can wrap keys for others, probed likewise
  bool imports = false;   // whether it can unwrap what others wrapped

  bool Supports(KeyKind kind) const;
};

// The service's view of an HSM: a dozen verbs on labelled keys that never leave it, but for those
// made by GenerateShared. Every key is CKA_SENSITIVE, not CKA_EXTRACTABLE, CKA_TOKEN, and but for
// those that Import takes in CKA_LOCAL.
// Thread-safe; calls block, so they belong on the HSM lane. Errors carry the function that failed
// and its CKR name:
//   UNAVAILABLE/HSM_UNAVAILABLE   the token or its library is away; recovery goes on by itself
//   NOT_FOUND/KEY_NOT_FOUND       no such key on the token
//   FAILED_PRECONDITION/PIN_REFUSED  the PIN was refused once; nothing tries it again
//   FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED  this token, or a key of this kind, cannot do it
//   DATA_LOSS/INTEGRITY_FAILURE   Unwrap: the blob does not authenticate
class Hsm {
 public:
  virtual ~Hsm() = default;

  virtual const Capabilities& capabilities() const = 0;

  // Makes a key, finds it again, uses it once and makes the token durable before it answers;
  // nothing is left of what fails, or the error says it may be. ALREADY_EXISTS/KEY_EXISTS: a taken
  // label.
  virtual absl::Status Generate(std::string_view label, KeyKind kind) = 0;
  // The same of a secret key that is CKA_EXTRACTABLE until it is delivered. ALGORITHM_UNSUPPORTED
  // also by a token that could not deliver it.
  virtual absl::Status GenerateShared(std::string_view label, KeyKind kind) = 0;
  // Wraps a key that GenerateShared made under an RSA key of somebody else, given as DER
  // SubjectPublicKeyInfo, and makes it unextractable for ever before it answers.
  // FAILED_PRECONDITION/KEY_DELIVERED when it is so already: also after an answer that got lost.
  virtual absl::StatusOr<WrappedKey> Deliver(std::string_view label,
                                             std::string_view recipient) = 0;
  // Unwraps a secret of somebody else by the key `unwrapping` and keeps it as the key `label`,
  // which leaves the token never. `kind` is an imported one. Finds it again, uses it once and makes
  // the token durable before it answers; nothing is left of what it refuses, or the error says it
  // may be. ALREADY_EXISTS/KEY_EXISTS when the label is taken; ALGORITHM_UNSUPPORTED by a token
  // that does not unwrap this way. INVALID_ARGUMENT/WRAPPED_SECRET_INVALID, field "wrapped_secret",
  // whatever is wrong with what is wrapped: which of it, or whether it is another key's, nobody is
  // told (Manger, "A Chosen Ciphertext Attack on RSA OAEP", 2001).
  virtual absl::Status Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                              const WrappedSecret& secret) = 0;
  // Destroying what is not there is NOT_FOUND.
  virtual absl::Status Destroy(std::string_view label) = 0;
  virtual absl::StatusOr<std::vector<HsmKey>> List() = 0;

  // DER SubjectPublicKeyInfo of a key pair.
  virtual absl::StatusOr<std::string> PublicKey(std::string_view label) = 0;

  // Signs `message` (hashed outside, signed inside). ECDSA signatures are r || s (IEEE P1363); MACs
  // are full tags: as long as the hash of an HMAC, 16 bytes of CMAC (RFC 4493).
  virtual absl::StatusOr<std::string> Sign(std::string_view label, Mechanism mechanism,
                                           std::string_view message) = 0;
  // The same of a message of which only the hash is given, by HashOf(mechanism).
  // FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for mechanisms without one; of a digest of another
  // length INVALID_ARGUMENT/FIELD_INVALID, field "digest".
  virtual absl::StatusOr<std::string> SignDigest(std::string_view label, Mechanism mechanism,
                                                 std::string_view digest) = 0;

  // AES-256-GCM under a wrapping key, with a random IV made here: iv(12) || ciphertext || tag(16).
  virtual absl::StatusOr<std::string> Wrap(std::string_view label, crypto::ByteView secret,
                                           std::string_view aad) = 0;
  virtual absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view label,
                                                     std::string_view wrapped,
                                                     std::string_view aad) = 0;

  // One real operation with the key `label` (an HMAC): the health probe.
  virtual absl::Status Probe(std::string_view label) = 0;
};

// Whether SignDigest can take it; errors as there.
absl::Status CheckDigest(Mechanism mechanism, std::string_view digest);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_HSM_H_
