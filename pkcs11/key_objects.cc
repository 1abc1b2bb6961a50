#include "pkcs11/key_objects.h"

#include <memory>

#include "crypto/public_key.h"
#include "pkcs11/attributes.h"
#include "pkcs11/gcm.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/unwrapping.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::string_view kTrial = "keysvc: a new key is tried once";

absl::Status Failure(std::string_view message) { return Error(Reason::kHsmFailure, message); }

absl::StatusOr<CK_ULONG> BitsOf(Session& session, CK_OBJECT_HANDLE object, CK_KEY_TYPE type) {
  if (type == CKK_RSA) {
    ASSIGN_OR_RETURN(const std::string modulus, session.ReadBytes(object, CKA_MODULUS));
    return modulus.size() * 8;
  }
  if (type == CKK_AES || type == CKK_GENERIC_SECRET) {
    ASSIGN_OR_RETURN(const CK_ULONG size, session.ReadNumber(object, CKA_VALUE_LEN));
    return size * 8;
  }
  if (type == CKK_SHA256_HMAC || type == CKK_SHA384_HMAC || type == CKK_SHA512_HMAC) {
    return CK_ULONG{0};
  }
  if (type == CKK_EC_EDWARDS) return 255;
  ASSIGN_OR_RETURN(const std::string curve, session.ReadBytes(object, CKA_EC_PARAMS));
  for (const KeyKind kind : {KeyKind::kEcP256, KeyKind::kEcP384}) {
    if (curve == CurveOf(kind)) return FactsOf(kind).bits;
  }
  return CK_ULONG{0};
}

// SoftHSM2 says 0 of what it unwrapped.
bool IsOfSize(const KindFacts& facts, CK_ULONG bits) {
  return facts.bits == bits || (bits == 0 && IsImported(facts.kind));
}

// Three kinds are AES keys of one size, and two each RSA keys: what each may do tells them apart.
absl::StatusOr<bool> MayBe(Session& session, CK_OBJECT_HANDLE object, KeyKind kind) {
  const CK_KEY_TYPE type = FactsOf(kind).type;
  if (type != CKK_AES && type != CKK_RSA) return true;
  ASSIGN_OR_RETURN(const bool signs, session.ReadFlag(object, CKA_SIGN));
  if (signs == (kind == KeyKind::kAes256Wrapping || Unwraps(kind))) return false;
  if (type != CKK_AES || !signs) return true;
  ASSIGN_OR_RETURN(const bool verifies, session.ReadFlag(object, CKA_VERIFY));
  return verifies != IsImported(kind);
}

// nullopt for a key of no kind that keysvc makes.
absl::StatusOr<std::optional<KeyKind>> KindOf(Session& session, CK_OBJECT_HANDLE object) {
  ASSIGN_OR_RETURN(const CK_OBJECT_CLASS object_class, session.ReadNumber(object, CKA_CLASS));
  ASSIGN_OR_RETURN(const CK_KEY_TYPE type, session.ReadNumber(object, CKA_KEY_TYPE));
  ASSIGN_OR_RETURN(const CK_ULONG bits, BitsOf(session, object, type));
  for (const KindFacts& facts : AllKinds()) {
    if (facts.object_class != object_class || facts.type != type || !IsOfSize(facts, bits)) {
      continue;
    }
    ASSIGN_OR_RETURN(const bool may_be, MayBe(session, object, facts.kind));
    if (may_be) return facts.kind;
  }
  return std::optional<KeyKind>();
}

// The content of a DER OCTET STRING shorter than 128 bytes, which PKCS#11 puts around CKA_EC_POINT;
// the point itself where a token leaves that out.
std::string_view Unwrapped(std::string_view point) {
  const bool wrapped = point.size() >= 2 && point[0] == 0x04 &&
                       static_cast<std::size_t>(point[1]) == point.size() - 2;
  return wrapped ? point.substr(2) : point;
}

absl::StatusOr<std::unique_ptr<crypto::PublicKey>> ReadPublicKey(Session& session,
                                                                 const KeyObjects& key) {
  if (!IsPair(key.kind)) {
    return Error(Reason::kAlgorithmUnsupported, "a symmetric key has no public half");
  }
  if (key.public_half == CK_INVALID_HANDLE) return Failure("the public half of the key is gone");
  if (FactsOf(key.kind).type == CKK_RSA) {
    ASSIGN_OR_RETURN(const std::string modulus, session.ReadBytes(key.public_half, CKA_MODULUS));
    ASSIGN_OR_RETURN(const std::string exponent,
                     session.ReadBytes(key.public_half, CKA_PUBLIC_EXPONENT));
    return crypto::PublicKey::FromRsa(modulus, exponent);
  }
  ASSIGN_OR_RETURN(const std::string point, session.ReadBytes(key.public_half, CKA_EC_POINT));
  if (key.kind == KeyKind::kEd25519) return crypto::PublicKey::FromEd25519(Unwrapped(point));
  if (key.kind == KeyKind::kEcP384) return crypto::PublicKey::FromP384Point(Unwrapped(point));
  return crypto::PublicKey::FromP256Point(Unwrapped(point));
}

absl::Status ProvePair(Session& session, const KeyObjects& key, Mechanism mechanism,
                       crypto::SignatureAlgorithm algorithm) {
  ASSIGN_OR_RETURN(const auto public_key, ReadPublicKey(session, key));
  ASSIGN_OR_RETURN(std::string signature, session.Sign(key.secret, SigningMechanism(mechanism),
                                                       SigningInput(mechanism, kTrial)));
  if (FactsOf(key.kind).type == CKK_EC) {
    ASSIGN_OR_RETURN(signature, crypto::EcdsaP1363ToDer(signature));
  }
  if (!public_key->Verify(algorithm, kTrial, signature)) {
    return Failure("the new key signs wrongly");
  }
  return absl::OkStatus();
}

absl::Status ProveMac(Session& session, const KeyObjects& key, Mechanism mechanism,
                      std::size_t tag_size) {
  ASSIGN_OR_RETURN(const std::string tag,
                   session.Sign(key.secret, SigningMechanism(mechanism), kTrial));
  return tag.size() == tag_size ? absl::OkStatus() : Failure("the new key gives a short tag");
}

absl::Status ProveUse(Session& session, const KeyObjects& key) {
  using crypto::SignatureAlgorithm;
  switch (key.kind) {
    case KeyKind::kAes256Wrapping:
      return ProveGcm(session, key.secret);
    case KeyKind::kHmacSha256:
    case KeyKind::kImportedHmacSha256:
      return ProveMac(session, key, Mechanism::kHmacSha256, 32);
    case KeyKind::kHmacSha384:
    case KeyKind::kImportedHmacSha384:
      return ProveMac(session, key, Mechanism::kHmacSha384, 48);
    case KeyKind::kHmacSha512:
    case KeyKind::kImportedHmacSha512:
      return ProveMac(session, key, Mechanism::kHmacSha512, 64);
    case KeyKind::kAes256Cmac:
    case KeyKind::kImportedAes256Cmac:
      return ProveMac(session, key, Mechanism::kAesCmac, 16);
    case KeyKind::kEcP256:
      return ProvePair(session, key, Mechanism::kEcdsaP256Sha256,
                       SignatureAlgorithm::kEcdsaP256Sha256);
    case KeyKind::kEcP384:
      return ProvePair(session, key, Mechanism::kEcdsaP384Sha384,
                       SignatureAlgorithm::kEcdsaP384Sha384);
    case KeyKind::kEd25519:
      return ProvePair(session, key, Mechanism::kEd25519, SignatureAlgorithm::kEd25519);
    case KeyKind::kRsa2048:
    case KeyKind::kRsa3072:
    case KeyKind::kRsa4096:
      // A token's list of mechanisms does not say which hashes it takes in the parameters.
      RETURN_IF_ERROR(
          ProvePair(session, key, Mechanism::kRsaPssSha256, SignatureAlgorithm::kRsaPssSha256));
      RETURN_IF_ERROR(
          ProvePair(session, key, Mechanism::kRsaPssSha384, SignatureAlgorithm::kRsaPssSha384));
      return ProvePair(session, key, Mechanism::kRsaPssSha512, SignatureAlgorithm::kRsaPssSha512);
    case KeyKind::kRsa3072Unwrapping:
    case KeyKind::kRsa4096Unwrapping:
      if (key.public_half == CK_INVALID_HANDLE) break;
      return ProveUnwrapping(session, key.secret, key.public_half);
  }
  return Failure("a key of no known kind, or without its public half");
}

}  // namespace

absl::StatusOr<std::optional<KeyObjects>> FindKey(Session& session, std::string_view label) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> objects, session.Find(ByLabel(label)));
  KeyObjects key = {};
  for (const CK_OBJECT_HANDLE object : objects) {
    ASSIGN_OR_RETURN(const CK_OBJECT_CLASS object_class, session.ReadNumber(object, CKA_CLASS));
    if (object_class != CKO_PUBLIC_KEY && object_class != CKO_PRIVATE_KEY &&
        object_class != CKO_SECRET_KEY) {
      continue;
    }
    CK_OBJECT_HANDLE& half = object_class == CKO_PUBLIC_KEY ? key.public_half : key.secret;
    if (half != CK_INVALID_HANDLE) return Failure("the token has two keys with one label");
    half = object;
  }
  if (key.secret == CK_INVALID_HANDLE) return std::optional<KeyObjects>();
  ASSIGN_OR_RETURN(const std::optional<KeyKind> kind, KindOf(session, key.secret));
  if (!kind) return Failure("the key is of no kind that keysvc makes");
  key.kind = *kind;
  return key;
}

absl::StatusOr<std::vector<HsmKey>> ListKeys(Session& session) {
  std::vector<HsmKey> keys;
  for (const CK_OBJECT_CLASS object_class : {CKO_SECRET_KEY, CKO_PRIVATE_KEY}) {
    ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> objects,
                     session.Find(ByClass(object_class)));
    for (const CK_OBJECT_HANDLE object : objects) {
      ASSIGN_OR_RETURN(const std::string label, session.ReadBytes(object, CKA_LABEL));
      ASSIGN_OR_RETURN(const std::string id, session.ReadBytes(object, CKA_ID));
      if (id != IdOf(label)) continue;
      ASSIGN_OR_RETURN(const std::optional<KeyKind> kind, KindOf(session, object));
      if (kind) keys.push_back({label, *kind});
    }
  }
  return keys;
}

absl::Status GenerateKey(Session& session, std::string_view label, KeyKind kind,
                         Restriction restriction, Extraction extraction) {
  // A public half without its private one is what a crash in the middle of DestroyKey() leaves.
  RETURN_IF_ERROR(DestroyKey(session, label).status());
  const CK_MECHANISM_TYPE mechanism = FactsOf(kind).generate;
  if (!IsPair(kind)) {
    return session.GenerateKey(mechanism, SecretKeyTemplate(label, kind, restriction, extraction))
        .status();
  }
  return session.GenerateKeyPair(mechanism, PublicKeyTemplate(label, kind),
                                 PrivateKeyTemplate(label, kind, restriction));
}

absl::Status CheckExtractable(Session& session, const KeyObjects& key) {
  ASSIGN_OR_RETURN(const bool extractable, session.ReadFlag(key.secret, CKA_EXTRACTABLE));
  if (extractable) return absl::OkStatus();
  return Error(Reason::kKeyDelivered, "the key leaves the token no more");
}

absl::Status EndExtraction(Session& session, const KeyObjects& key) {
  RETURN_IF_ERROR(session.ClearFlag(key.secret, CKA_EXTRACTABLE));
  ASSIGN_OR_RETURN(const bool extractable, session.ReadFlag(key.secret, CKA_EXTRACTABLE));
  return extractable ? Failure("the token goes on letting the key out") : absl::OkStatus();
}

absl::StatusOr<std::size_t> DestroyKey(Session& session, std::string_view label) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> objects, session.Find(ByLabel(label)));
  for (const CK_OBJECT_HANDLE object : objects) RETURN_IF_ERROR(session.Destroy(object));
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> left, session.Find(ByLabel(label)));
  if (!left.empty()) return Failure("the token says that it destroyed a key, and still has it");
  return objects.size();
}

absl::StatusOr<std::string> ReadSpki(Session& session, const KeyObjects& key) {
  ASSIGN_OR_RETURN(const auto public_key, ReadPublicKey(session, key));
  return public_key->ToSpki();
}

absl::Status ProveKey(Session& session, const KeyObjects& key, Restriction restriction,
                      Extraction extraction) {
  std::vector<CK_ATTRIBUTE_TYPE> required = {CKA_SENSITIVE, CKA_PRIVATE, CKA_TOKEN};
  if (restriction == Restriction::kMechanisms) {
    required.insert(required.end(), {CKA_ALWAYS_SENSITIVE, CKA_LOCAL});
    if (extraction == Extraction::kNever) required.push_back(CKA_NEVER_EXTRACTABLE);
  }
  for (const CK_ATTRIBUTE_TYPE must : required) {
    ASSIGN_OR_RETURN(const bool set, session.ReadFlag(key.secret, must));
    if (!set) return Failure("the token does not protect the new key as asked");
  }
  ASSIGN_OR_RETURN(const bool extractable, session.ReadFlag(key.secret, CKA_EXTRACTABLE));
  if (extractable != (extraction == Extraction::kOnce)) {
    return Failure("the token lets the new key out otherwise than asked");
  }
  return ProveUse(session, key);
}

absl::Status ProveImported(Session& session, const KeyObjects& key, Restriction restriction) {
  for (const CK_ATTRIBUTE_TYPE must : {CKA_SENSITIVE, CKA_PRIVATE, CKA_TOKEN}) {
    ASSIGN_OR_RETURN(const bool set, session.ReadFlag(key.secret, must));
    if (!set) return Failure("the token does not protect the unwrapped key as asked");
  }
  std::vector<CK_ATTRIBUTE_TYPE> forbidden = {CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT,
                                              CKA_WRAP,        CKA_UNWRAP,  CKA_DERIVE};
  if (restriction == Restriction::kMechanisms) forbidden.push_back(CKA_LOCAL);
  for (const CK_ATTRIBUTE_TYPE must_not : forbidden) {
    ASSIGN_OR_RETURN(const bool set, session.ReadFlag(key.secret, must_not));
    if (set) return Failure("the token lets the unwrapped key do what was not asked");
  }
  // SoftHSM2 says 0 of what it unwrapped.
  ASSIGN_OR_RETURN(const CK_ULONG size, session.ReadNumber(key.secret, CKA_VALUE_LEN));
  if (size != 0 && !FitsSecret(key.kind, size)) return WrappedSecretInvalid();
  const absl::Status used = ProveUse(session, key);
  // The token has keys of the kind, and not of this size.
  return ReasonOf(used) == Reason::kAlgorithmUnsupported ? WrappedSecretInvalid() : used;
}

}  // namespace keysvc::pkcs11
