#ifndef KEYSVC_PKCS11_ATTRIBUTES_H_
#define KEYSVC_PKCS11_ATTRIBUTES_H_

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"

namespace keysvc::pkcs11 {

// A list of attributes that owns its values.
class Template {
 public:
  Template() = default;
  Template(Template&&) = default;
  Template& operator=(Template&&) = default;
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  Template& Yes(CK_ATTRIBUTE_TYPE type);
  Template& No(CK_ATTRIBUTE_TYPE type);
  Template& Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Bytes(CK_ATTRIBUTE_TYPE type, std::string_view value);

  // As the functions of PKCS#11 take it; they do not write to it.
  CK_ATTRIBUTE* data() { return attributes_.data(); }
  CK_ULONG size() const { return attributes_.size(); }

 private:
  std::deque<std::string> values_;
  std::vector<CK_ATTRIBUTE> attributes_;
};

// How the token binds a key to its kind: to the mechanisms of the kind (CKA_ALLOWED_MECHANISMS),
// or, where it cannot keep such a list, to operations alone (CKA_SIGN, CKA_ENCRYPT and so on).
enum class Restriction { kMechanisms, kOperations };

// Whether a key never leaves the token, or once, wrapped: then it is CKA_EXTRACTABLE until that.
enum class Extraction { kNever, kOnce };

// What C_GenerateKey and C_GenerateKeyPair get. The key that stays secret is CKA_SENSITIVE, not
// CKA_EXTRACTABLE (but see Extraction), CKA_PRIVATE and CKA_TOKEN, and may do what its kind is for
// and nothing else.
Template SecretKeyTemplate(std::string_view label, KeyKind kind,
                           Restriction restriction = Restriction::kMechanisms,
                           Extraction extraction = Extraction::kNever);
Template PrivateKeyTemplate(std::string_view label, KeyKind kind,
                            Restriction restriction = Restriction::kMechanisms);
Template PublicKeyTemplate(std::string_view label, KeyKind kind);

// What C_UnwrapKey gets for the secret of somebody else: protected as what the token makes itself.
Template ImportedKeyTemplate(std::string_view label, KeyKind kind,
                             Restriction restriction = Restriction::kMechanisms);
// The same for a secret whose length is asked: an object of the session, which tags by HMAC and
// does nothing else.
Template MeasuredKeyTemplate();
// The same for the AES key that such a secret is wrapped by: an object of the session, which
// unwraps and does nothing else.
Template CarrierKeyTemplate();

// What C_GenerateKey and C_UnwrapKey get for a secret that tries a pair: an object of the session
// that is nobody's. The former takes a CKA_VALUE_LEN besides.
Template TrialKeyTemplate();

// What C_CreateObject gets for an RSA key of somebody else: an object of the session, which wraps
// and does nothing else.
Template WrappingKeyTemplate(std::string_view modulus, std::string_view exponent);

// CKA_EC_PARAMS of such a key: the DER of the OID of its curve. Empty for keys without one.
std::string_view CurveOf(KeyKind kind);

// Matches every object of the key `label`: the secret key, or both halves of a pair.
Template ByLabel(std::string_view label);
// Matches the token's objects of a class.
Template ByClass(CK_OBJECT_CLASS object_class);

// CKA_ID of the key `label`: SHA-256 of the label.
std::string IdOf(std::string_view label);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_ATTRIBUTES_H_
