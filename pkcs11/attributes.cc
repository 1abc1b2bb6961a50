#include "pkcs11/attributes.h"

#include "crypto/digest.h"
#include "pkcs11/mechanisms.h"

namespace keysvc::pkcs11 {
namespace {

// CKA_EC_PARAMS: the DER of the OID of the curve (RFC 5480, RFC 8410).
constexpr std::string_view kP256Parameters("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
constexpr std::string_view kP384Parameters("\x06\x05\x2b\x81\x04\x00\x22", 7);
constexpr std::string_view kEd25519Parameters("\x06\x03\x2b\x65\x70", 5);
constexpr std::string_view kRsaExponent65537("\x01\x00\x01", 3);

template <typename T>
std::string_view RawBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

void AddIdentity(Template& attributes, std::string_view label) {
  attributes.Yes(CKA_TOKEN).Bytes(CKA_LABEL, label).Bytes(CKA_ID, IdOf(label));
}

void AddProtection(Template& attributes, KeyKind kind, Restriction restriction,
                   Extraction extraction = Extraction::kNever) {
  attributes.Yes(CKA_PRIVATE).Yes(CKA_SENSITIVE);
  const bool leaves = extraction == Extraction::kOnce;
  leaves ? attributes.Yes(CKA_EXTRACTABLE) : attributes.No(CKA_EXTRACTABLE);
  if (restriction == Restriction::kOperations) return;
  const auto mechanisms = FactsOf(kind).uses;
  attributes.Bytes(CKA_ALLOWED_MECHANISMS,
                   {reinterpret_cast<const char*>(mechanisms.data()), mechanisms.size_bytes()});
}

}  // namespace

Template& Template::Yes(CK_ATTRIBUTE_TYPE type) {
  const CK_BBOOL value = CK_TRUE;
  return Bytes(type, RawBytes(value));
}

Template& Template::No(CK_ATTRIBUTE_TYPE type) {
  const CK_BBOOL value = CK_FALSE;
  return Bytes(type, RawBytes(value));
}

Template& Template::Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  return Bytes(type, RawBytes(value));
}

Template& Template::Bytes(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  std::string& kept = values_.emplace_back(value);
  attributes_.push_back({type, kept.data(), kept.size()});
  return *this;
}

Template SecretKeyTemplate(std::string_view label, KeyKind kind, Restriction restriction,
                           Extraction extraction) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, FactsOf(kind).type)
      .Number(CKA_VALUE_LEN, FactsOf(kind).bits / 8);
  AddIdentity(attributes, label);
  AddProtection(attributes, kind, restriction, extraction);
  const bool wraps = kind == KeyKind::kAes256Wrapping;
  for (const CK_ATTRIBUTE_TYPE use : {CKA_ENCRYPT, CKA_DECRYPT}) {
    wraps ? attributes.Yes(use) : attributes.No(use);
  }
  for (const CK_ATTRIBUTE_TYPE use : {CKA_SIGN, CKA_VERIFY}) {
    wraps ? attributes.No(use) : attributes.Yes(use);
  }
  attributes.No(CKA_WRAP).No(CKA_UNWRAP).No(CKA_DERIVE);
  return attributes;
}

Template PrivateKeyTemplate(std::string_view label, KeyKind kind, Restriction restriction) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_PRIVATE_KEY).Number(CKA_KEY_TYPE, FactsOf(kind).type);
  AddIdentity(attributes, label);
  AddProtection(attributes, kind, restriction);
  const bool unwraps = Unwraps(kind);
  unwraps ? attributes.No(CKA_SIGN) : attributes.Yes(CKA_SIGN);
  unwraps ? attributes.Yes(CKA_UNWRAP) : attributes.No(CKA_UNWRAP);
  attributes.No(CKA_DECRYPT).No(CKA_DERIVE);
  return attributes;
}

Template PublicKeyTemplate(std::string_view label, KeyKind kind) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_PUBLIC_KEY).Number(CKA_KEY_TYPE, FactsOf(kind).type);
  AddIdentity(attributes, label);
  // Whoever wraps for a key that unwraps has its public half outside.
  Unwraps(kind) ? attributes.No(CKA_VERIFY) : attributes.Yes(CKA_VERIFY);
  attributes.No(CKA_ENCRYPT).No(CKA_WRAP);
  if (const std::string_view curve = CurveOf(kind); !curve.empty()) {
    attributes.Bytes(CKA_EC_PARAMS, curve);
  } else {
    attributes.Number(CKA_MODULUS_BITS, FactsOf(kind).bits)
        .Bytes(CKA_PUBLIC_EXPONENT, kRsaExponent65537);
  }
  return attributes;
}

Template ImportedKeyTemplate(std::string_view label, KeyKind kind, Restriction restriction) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, FactsOf(kind).type);
  AddIdentity(attributes, label);
  AddProtection(attributes, kind, restriction);
  attributes.Yes(CKA_SIGN);
  // By this alone such a key is told from one that the token made. No key is asked to verify.
  kind == KeyKind::kImportedAes256Cmac ? attributes.No(CKA_VERIFY) : attributes.Yes(CKA_VERIFY);
  attributes.No(CKA_ENCRYPT).No(CKA_DECRYPT).No(CKA_WRAP).No(CKA_UNWRAP).No(CKA_DERIVE);
  return attributes;
}

Template MeasuredKeyTemplate() {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  attributes.No(CKA_TOKEN).Yes(CKA_PRIVATE).Yes(CKA_SENSITIVE).No(CKA_EXTRACTABLE).Yes(CKA_SIGN);
  attributes.No(CKA_ENCRYPT).No(CKA_DECRYPT).No(CKA_VERIFY).No(CKA_WRAP).No(CKA_UNWRAP);
  attributes.No(CKA_DERIVE);
  return attributes;
}

Template CarrierKeyTemplate() {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_AES).No(CKA_TOKEN);
  attributes.Yes(CKA_PRIVATE).Yes(CKA_SENSITIVE).No(CKA_EXTRACTABLE).Yes(CKA_UNWRAP);
  attributes.No(CKA_ENCRYPT).No(CKA_DECRYPT).No(CKA_SIGN).No(CKA_VERIFY).No(CKA_WRAP);
  attributes.No(CKA_DERIVE);
  return attributes;
}

Template TrialKeyTemplate() {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  attributes.No(CKA_TOKEN).Yes(CKA_PRIVATE).Yes(CKA_SENSITIVE).Yes(CKA_EXTRACTABLE);
  attributes.Yes(CKA_SIGN);
  return attributes;
}

Template WrappingKeyTemplate(std::string_view modulus, std::string_view exponent) {
  Template attributes;
  attributes.Number(CKA_CLASS, CKO_PUBLIC_KEY).Number(CKA_KEY_TYPE, CKK_RSA);
  attributes.No(CKA_TOKEN).No(CKA_PRIVATE).Yes(CKA_WRAP).No(CKA_ENCRYPT).No(CKA_VERIFY);
  attributes.Bytes(CKA_MODULUS, modulus).Bytes(CKA_PUBLIC_EXPONENT, exponent);
  return attributes;
}

std::string_view CurveOf(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcP256:
      return kP256Parameters;
    case KeyKind::kEcP384:
      return kP384Parameters;
    case KeyKind::kEd25519:
      return kEd25519Parameters;
    default:
      return {};
  }
}

Template ByLabel(std::string_view label) {
  Template attributes;
  AddIdentity(attributes, label);
  return attributes;
}

Template ByClass(CK_OBJECT_CLASS object_class) {
  Template attributes;
  attributes.Yes(CKA_TOKEN).Number(CKA_CLASS, object_class);
  return attributes;
}

std::string IdOf(std::string_view label) {
  return std::string(crypto::AsText(crypto::Sha256(label)));
}

}  // namespace keysvc::pkcs11
