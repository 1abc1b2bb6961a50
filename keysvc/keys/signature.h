#ifndef KEYSVC_KEYSVC_KEYS_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_SIGNATURE_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/public_key.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// kDer and kP1363 concern ECDSA; the signatures of other algorithms have one form.
enum class SignatureEncoding { kDer, kP1363 };
enum class RsaPadding { kPkcs1, kPss };

struct Signature {
  std::string bytes;
  KeyVersionName key_version;
  // "ECDSA-P256-SHA256", "RSA-PSS-SHA384", "RSA-PKCS1-SHA512", "HMAC-SHA256", "AES-CMAC",
  // "Ed25519".
  std::string algorithm;
};

// How a key of one algorithm signs: inside the HSM, and how software checks it (of MACs: it
// cannot).
struct SignatureScheme {
  std::string_view name;
  pkcs11::Mechanism mechanism;
  std::optional<crypto::SignatureAlgorithm> check;
};

// Whether a key of this purpose may make what is wanted. FAILED_PRECONDITION/KEY_PURPOSE_MISMATCH
// for a key of other signatures, ALGORITHM_UNSUPPORTED for one that does not sign.
absl::Status CheckServes(Purpose purpose, std::initializer_list<Purpose> wanted);

// `padding` matters to RSA keys only. FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for algorithms that
// do not sign.
absl::StatusOr<SignatureScheme> SchemeOf(const KeyParameters& parameters, RsaPadding padding);

// The HSM's signature, with the low s where the key asks for it.
absl::StatusOr<std::string> NormalizeSignature(const KeyParameters& parameters, std::string raw);
// Whether a signature in the form that crypto::PublicKey::Verify takes has an s that the key makes.
bool HasSOfKey(const KeyParameters& parameters, std::string_view signature);

// Between the HSM's form of a signature (ECDSA: r || s) and the callers'.
absl::StatusOr<std::string> EncodeSignature(const SignatureScheme& scheme,
                                            SignatureEncoding encoding, std::string raw);
// In the form that crypto::PublicKey::Verify takes; nullopt for what is not a signature.
std::optional<std::string> DecodeSignature(const SignatureScheme& scheme,
                                           SignatureEncoding encoding, std::string_view signature);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNATURE_H_
