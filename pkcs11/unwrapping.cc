#include "pkcs11/unwrapping.h"

#include <string>
#include <utility>

#include "crypto/public_key.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/oaep.h"
#include "pkcs11/return_code.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::string_view kTrial = "keysvc: a pair that unwraps is tried";
constexpr std::size_t kTrialSize = 32;
constexpr CK_ULONG kCarrierSize = 32;

OaepHash HashOf(Wrapping wrapping) {
  const bool sha256 = wrapping == Wrapping::kRsaOaepSha256 || wrapping == Wrapping::kRsaAesSha256;
  return sha256 ? OaepHash::kSha256 : OaepHash::kSha1;
}

absl::Status OfUnwrapping(CK_RV code) {
  switch (code) {
    case CKR_WRAPPED_KEY_INVALID:
    case CKR_WRAPPED_KEY_LEN_RANGE:
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
    case CKR_KEY_SIZE_RANGE:
      return WrappedSecretInvalid();
    default:
      break;
  }
  if (IsRefusalOfMechanism(code)) {
    return Error(Reason::kAlgorithmUnsupported, "the token does not unwrap this way");
  }
  return ToStatus(code, "C_UnwrapKey");
}

absl::Status UnwrapByCarrier(Session& session, CK_OBJECT_HANDLE carrier, std::string_view wrapped,
                             std::string_view label, KeyKind kind, Restriction restriction) {
  // A token that does not tell the size says 0.
  ASSIGN_OR_RETURN(const CK_ULONG size, session.ReadNumber(carrier, CKA_VALUE_LEN));
  if (size != 0 && size != kCarrierSize) return WrappedSecretInvalid();
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  CK_RV code = session.UnwrapKey(carrier, {CKM_AES_KEY_WRAP_KWP, nullptr, 0}, wrapped,
                                 ImportedKeyTemplate(label, kind, restriction), key);
  // Its name before PKCS#11 v3.0, by which some tokens mean another padding: what is wrapped the
  // one way does not open the other.
  if (code == CKR_MECHANISM_INVALID) {
    code = session.UnwrapKey(carrier, {CKM_AES_KEY_WRAP_PAD, nullptr, 0}, wrapped,
                             ImportedKeyTemplate(label, kind, restriction), key);
  }
  return OfUnwrapping(code);
}

}  // namespace

absl::Status UnwrapSecret(Session& session, CK_OBJECT_HANDLE private_half, KeyKind unwrapping,
                          const WrappedSecret& secret, std::string_view label, KeyKind kind,
                          Restriction restriction) {
  const auto parts = PartsOf(secret, kind, FactsOf(unwrapping).bits / 8);
  if (!parts.has_value()) return WrappedSecretInvalid();
  const CK_MECHANISM oaep = OaepBy(HashOf(secret.wrapping));
  CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
  if (parts->aes.empty()) {
    return OfUnwrapping(session.UnwrapKey(
        private_half, oaep, parts->rsa, ImportedKeyTemplate(label, kind, restriction), unwrapped));
  }
  RETURN_IF_ERROR(OfUnwrapping(
      session.UnwrapKey(private_half, oaep, parts->rsa, CarrierKeyTemplate(), unwrapped)));
  const absl::Status status =
      UnwrapByCarrier(session, unwrapped, parts->aes, label, kind, restriction);
  const absl::Status destroyed = session.Destroy(unwrapped);
  return status.ok() ? destroyed : status;
}

absl::Status ProveUnwrapping(Session& session, CK_OBJECT_HANDLE private_half,
                             CK_OBJECT_HANDLE public_half) {
  crypto::RsaNumbers numbers;
  ASSIGN_OR_RETURN(numbers.modulus, session.ReadBytes(public_half, CKA_MODULUS));
  ASSIGN_OR_RETURN(numbers.exponent, session.ReadBytes(public_half, CKA_PUBLIC_EXPONENT));
  Template attributes = TrialKeyTemplate();
  attributes.Number(CKA_VALUE_LEN, kTrialSize);
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE trial,
                   session.GenerateKey(CKM_GENERIC_SECRET_KEY_GEN, std::move(attributes)));
  ASSIGN_OR_RETURN(const WrappedKey wrapped, WrapOaep(session, trial, numbers));
  const bool sha256 = wrapped.algorithm == NameOf(Wrapping::kRsaOaepSha256);
  CK_OBJECT_HANDLE opened = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(
      ToStatus(session.UnwrapKey(private_half, OaepBy(sha256 ? OaepHash::kSha256 : OaepHash::kSha1),
                                 wrapped.bytes, TrialKeyTemplate(), opened),
               "C_UnwrapKey"));
  const CK_MECHANISM hmac = SigningMechanism(Mechanism::kHmacSha256);
  ASSIGN_OR_RETURN(const std::string expected, session.Sign(trial, hmac, kTrial));
  ASSIGN_OR_RETURN(const std::string tag, session.Sign(opened, hmac, kTrial));
  RETURN_IF_ERROR(session.Destroy(trial));
  RETURN_IF_ERROR(session.Destroy(opened));
  if (tag == expected) return absl::OkStatus();
  return Error(Reason::kHsmFailure, "the token opens what it wrapped to something else");
}

}  // namespace keysvc::pkcs11
